// Package sqlite keeps records in one SQLite file.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	_ "modernc.org/sqlite" // SQLite without cgo: one static binary for every platform

	"windhover/gateway/ledger"
	"windhover/gateway/ledger/sqlstore"
	"windhover/gateway/usage"
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
	db     *sql.DB // one connection
	wait   time.Duration
	insert *sql.Stmt
	upsert *sql.Stmt
	prices map[string]bool // that are there; it belongs to whoever holds the transaction
}

var _ ledger.Store = (*Store)(nil)

// maxReaders is how many questions are answered at once; more wait.
const maxReaders = 4

// Open opens the file for writing, creates it if it is not there, and brings its tables up to date, which may take long
// after an upgrade. Its folder must be there.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	if o.BusyTimeout == 0 {
		o.BusyTimeout = 5 * time.Second
	}
	db, err := sql.Open("sqlite", source(path, "_txlock=immediate",
		// A wait in SQLite itself cannot be cut short; begin repeats short ones.
		pragma("busy_timeout", "100"),
		pragma("auto_vacuum", "incremental"), // only while the file is empty; Expire gives the space back
		pragma("journal_mode", "wal"),
		pragma("synchronous", "normal"), // a power cut may take the last commits with it, never more
		pragma("journal_size_limit", "67108864"),
		pragma("cache_size", "-32768"), // KiB
	))
	if err != nil {
		return nil, fmt.Errorf("open ledger %s: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	s := &Store{db: db, wait: o.BusyTimeout, prices: map[string]bool{}}
	if err := s.open(ctx, path); err != nil {
		db.Close()
		return nil, fmt.Errorf("open ledger %s: %w", path, explain(err))
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, path string) error {
	if err := s.migrate(ctx); err != nil {
		return err
	}
	readers, err := sql.Open("sqlite", source(path, "mode=ro", pragma("busy_timeout", "5000"), pragma("query_only", "true")))
	if err != nil {
		return err
	}
	readers.SetMaxOpenConns(maxReaders)
	s.Reader = &Reader{db: readers, schema: schema()}
	if s.insert, err = s.db.PrepareContext(ctx, s.schema.Insert()); err != nil {
		return errors.Join(err, readers.Close())
	}
	if s.upsert, err = s.db.PrepareContext(ctx, s.schema.Upsert()); err != nil {
		return errors.Join(err, readers.Close())
	}
	return nil
}

// Close writes what is left in the write-ahead log to the file, and closes it.
func (s *Store) Close() error {
	if err := errors.Join(s.Reader.Close(), s.db.Close()); err != nil {
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

// transact does something in one transaction. It gives up when ctx ends; what was not committed is not there then.
func (s *Store) transact(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := s.begin(ctx)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, rollback(tx))
	}
	return tx.Commit()
}

func rollback(tx *sql.Tx) error {
	if err := tx.Rollback(); !errors.Is(err, sql.ErrTxDone) {
		return err
	}
	return nil
}

// begin waits until nobody else writes.
func (s *Store) begin(ctx context.Context) (*sql.Tx, error) {
	for deadline := time.Now().Add(s.wait); ; {
		tx, err := s.db.BeginTx(ctx, nil)
		if err == nil || !locked(err) || time.Now().After(deadline) {
			return tx, err
		}
	}
}

// Reprice gives records another cost.
func (s *Store) Reprice(ctx context.Context, changes []ledger.Repriced) error {
	err := s.transact(ctx, func(tx *sql.Tx) error {
		deltas := sqlstore.Deltas{}
		for _, c := range changes {
			if err := s.reprice(ctx, tx, c, deltas); err != nil {
				return err
			}
		}
		return s.apply(ctx, tx, deltas)
	})
	if err != nil {
		return fmt.Errorf("reprice records: %w", explain(err))
	}
	return nil
}

func (s *Store) reprice(ctx context.Context, tx *sql.Tx, c ledger.Repriced, deltas sqlstore.Deltas) error {
	rec, err := s.schema.Record(ctx, tx, c.ID)
	if errors.Is(err, ledger.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	deltas.Sub(rec)
	rec.CostState, rec.CostNanoUSD, rec.Price = c.CostState, c.CostNanoUSD, c.Price
	deltas.Add(rec)
	var priceID any
	if c.Price != nil {
		priceID = c.Price.ID
		if err := s.keepPrice(ctx, tx, c.Price); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, s.schema.SetCost(), string(c.CostState), c.CostNanoUSD, priceID, sqlstore.EncodeID(c.ID))
	return err
}

// keepPrice keeps a price row, if it comes with the price.
func (s *Store) keepPrice(ctx context.Context, tx *sql.Tx, p *usage.Price) error {
	if p == nil || p.Row == nil {
		return nil
	}
	_, err := tx.ExecContext(ctx, s.schema.InsertPrice(), p.ID, p.Row)
	return err
}
