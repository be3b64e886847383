package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"

	"windhover/gateway/ledger"
	"windhover/gateway/ledger/sqlstore"
	"windhover/gateway/usage"
)

// Reader is a ledger.Reader of a file, which it never writes to.
type Reader struct {
	db     *sql.DB
	schema *sqlstore.Schema
}

var _ ledger.Reader = (*Reader)(nil)

// OpenReader opens a file for reading, whether a gateway writes to it or not, also where it cannot be written to.
func OpenReader(ctx context.Context, path string) (*Reader, error) {
	r, err := openReader(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("open ledger %s: %w", path, explain(err))
	}
	return r, nil
}

func openReader(ctx context.Context, path string) (*Reader, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	r, err := tryReader(ctx, path, "mode=ro")
	if err == nil || !noShared(err) {
		return r, err
	}
	// To read beside a writer, SQLite needs a file that it shares with it, and cannot create that here. If nothing is left in
	// the write-ahead log, nobody has written since the file was closed, and it can be read as it is.
	if log, statErr := os.Stat(path + "-wal"); statErr == nil && log.Size() > 0 {
		return nil, fmt.Errorf("its last writer did not close it, and its folder cannot be written to, which is needed to take in what it left: %w", err)
	}
	return tryReader(ctx, path, "mode=ro&immutable=1")
}

func tryReader(ctx context.Context, path, options string) (*Reader, error) {
	db, err := sql.Open("sqlite", source(path, options, pragma("busy_timeout", "5000"), pragma("query_only", "true")))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(maxReaders)
	if err := checkVersion(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Reader{db: db, schema: schema()}, nil
}

// Close closes the file.
func (r *Reader) Close() error { return r.db.Close() }

// Sum adds up what a question chooses; see sqlstore.Schema.Sum for what is quick and what is not.
func (r *Reader) Sum(ctx context.Context, q ledger.Question) (*ledger.Answer, error) {
	tx, err := r.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("sum records: %w", explain(err))
	}
	defer tx.Rollback() // nothing was written
	a, err := r.schema.Sum(ctx, tx, q)
	return a, explain(err)
}

// Scan hands on the records that a filter chooses, the newest first.
func (r *Reader) Scan(ctx context.Context, f ledger.Filter, after ledger.Cursor, yield func(*usage.Record) bool) error {
	return explain(r.schema.Scan(ctx, r.db, f, after, yield))
}

// Record is the record of that ID.
func (r *Reader) Record(ctx context.Context, id string) (*usage.Record, error) {
	rec, err := r.schema.Record(ctx, r.db, id)
	return rec, explain(err)
}
