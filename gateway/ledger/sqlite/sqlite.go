// Package sqlite keeps records in one SQLite file.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	_ "modernc.org/sqlite" // SQLite without cgo: one static binary for every platform

	"windhover/gateway/ledger"
	"windhover/gateway/ledger/sqlstore"
)

// Options are what may vary. The zero value is what a gateway uses.
type Options struct {
	// BusyTimeout is how long a write waits for another program that holds the file; 0: 5 s.
	BusyTimeout time.Duration
}

// Store is a ledger.Store in one file, with its write-ahead log beside it. It has one connection that writes, and others that
// only read and never wait for it. All methods are safe for concurrent use.
type Store struct {
	*Reader
	db     *sql.DB
	writer *sql.Conn     // the only one of db
	turn   chan struct{} // full while somebody writes

	records *shapes
	rollups *shapes
	prices  map[string]bool // the IDs of price rows that the file has, as far as is known; of whoever holds the transaction
}

var _ ledger.Store = (*Store)(nil)

// maxReaders is how many questions are answered at once; more wait.
const maxReaders = 4

// maxPrices is how many price rows are known to be in the file, so that they are not inserted with every batch.
const maxPrices = 4096

// Open opens the file for writing, creates it if it is not there, and brings its tables up to date, which may take long
// after an upgrade. Its folder must be there.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	if o.BusyTimeout == 0 {
		o.BusyTimeout = 5 * time.Second
	}
	makePrivate(path)
	db, err := sql.Open("sqlite", source(path,
		pragma("busy_timeout", strconv.FormatInt(o.BusyTimeout.Milliseconds(), 10)),
		pragma("auto_vacuum", "incremental"), // only while the file is empty; Expire gives the space back
		pragma("journal_mode", "wal"),
		pragma("synchronous", "normal"), // a power cut may take the last commits with it, never more
		// A batch changes pages all over the rollups. The more of them go into one checkpoint, the fewer are written twice.
		pragma("wal_autocheckpoint", "8192"), // pages of 4 KiB
		pragma("journal_size_limit", "67108864"),
		pragma("cache_size", "-6144"), // KiB; the pages take twice that, for the memory they are from has no size between 4 and 8 KiB
	))
	if err != nil {
		return nil, fmt.Errorf("open ledger %s: %w", path, err)
	}
	s := &Store{db: db, turn: make(chan struct{}, 1), prices: map[string]bool{}}
	if err := s.open(ctx, path); err != nil {
		return nil, errors.Join(fmt.Errorf("open ledger %s: %w", path, explain(err)), db.Close())
	}
	return s, nil
}

// makePrivate makes the file where it is not there: SQLite would let everybody read it who reaches its folder. The log and
// the memory beside it get the same mode. What is wrong is for SQLite to say. It never opens a file that is there: closing it
// would take SQLite's own locks away (https://www.sqlite.org/howtocorrupt.html, section 2.2).
func makePrivate(path string) {
	if f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o640); err == nil {
		_ = f.Close()
	}
}

func (s *Store) open(ctx context.Context, path string) (err error) {
	if s.writer, err = s.db.Conn(ctx); err != nil {
		return err
	}
	if err = s.migrate(ctx); err == nil {
		s.Reader, err = tryReader(ctx, path, "mode=ro")
	}
	if err != nil {
		return errors.Join(err, s.writer.Close())
	}
	s.records, s.rollups = newShapes(s.writer, recordTable(s.schema)), newShapes(s.writer, rollupTable(s.schema))
	return nil
}

// Close writes what is left in the write-ahead log to the file, and closes it.
func (s *Store) Close() error {
	s.turn <- struct{}{}
	defer s.leave()
	err := errors.Join(s.Reader.Close(), s.records.close(), s.rollups.close(), s.writer.Close(), s.db.Close())
	if err != nil {
		return fmt.Errorf("close ledger: %w", explain(err))
	}
	return nil
}

func schema() *sqlstore.Schema {
	return sqlstore.New(sqlstore.Dialect{
		Placeholder: sqlstore.Question,
		Label:       func(name string) string { return "labels ->> " + name },
	})
}

// source is a file's name as the driver takes it.
func source(path string, options ...string) string {
	return "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path) + "?" + strings.Join(options, "&")
}

func pragma(name, value string) string { return "_pragma=" + name + "(" + value + ")" }

// take waits until nobody else of this program writes.
func (s *Store) take(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) leave() { <-s.turn }

// transact does something in one transaction of the writer. It gives up when ctx ends; what was not committed is not there then.
//
// The transaction is none of database/sql's: that one would be rolled back the moment that ctx ends, and what is still being
// done would go on without it, each statement for itself.
func (s *Store) transact(ctx context.Context, do func() error) error {
	if err := s.take(ctx); err != nil {
		return err
	}
	defer s.leave()
	lasting := context.WithoutCancel(ctx) // what is cut short may have happened: a commit, and a beginning too
	_, err := s.writer.ExecContext(ctx, "BEGIN IMMEDIATE")
	if err == nil {
		err = do()
	}
	if err == nil {
		_, err = s.writer.ExecContext(lasting, "COMMIT")
	}
	if err != nil {
		clear(s.prices) // those of this transaction are not there
		// It fails only where nothing has begun, or SQLite has rolled back already, as it does when a disk is full.
		_, _ = s.writer.ExecContext(lasting, "ROLLBACK")
	}
	return err
}
