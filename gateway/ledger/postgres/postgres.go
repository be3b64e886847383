// Package postgres keeps the records of any number of gateways in one PostgreSQL database.
package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/stdlib" // PostgreSQL's protocol, with COPY, which takes in records several times as fast as INSERT

	"windhover/gateway/ledger"
	"windhover/gateway/ledger/sqlstore"
	"windhover/gateway/usage"
)

// Options are what may vary. The zero value is what a gateway uses.
type Options struct {
	// Connections is how many connections one gateway has at most: one writes, the others answer questions; 0: 5.
	Connections int
	// Timeout is how long a batch may take, and a statement; 0: 30 s. A server that says nothing for so long has failed.
	Timeout time.Duration
}

// Store is a ledger.Store in one database. Several stores, in as many gateways, may write to it at the same time. All methods
// are safe for concurrent use. A connection that broke is replaced by the next call that needs one.
type Store struct {
	db      *sql.DB
	schema  *sqlstore.Schema
	staging staging
	timeout time.Duration
	secrets secrets
}

var _ ledger.Store = (*Store)(nil)

// Open connects to the database of a URL, as in postgres://user:password@host:5432/database?sslmode=verify-full, and brings its
// tables up to date. What the URL leaves out comes from the environment, as with PostgreSQL's own programs: PGPASSWORD, PGSSLMODE
// and so on. No error of the package tells the password.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	if o.Connections == 0 {
		o.Connections = 5
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	config, err := configOf(url)
	if err != nil {
		return nil, err
	}
	s := &Store{schema: schema(), timeout: o.Timeout, secrets: secretsOf(url, config)}
	s.staging = stagingOf(s.schema)
	s.db = stdlib.OpenDB(*config, stdlib.OptionAfterConnect(limitStatements(o.Timeout)))
	s.db.SetMaxOpenConns(o.Connections)
	s.db.SetMaxIdleConns(o.Connections)
	s.db.SetConnMaxIdleTime(5 * time.Minute)
	s.db.SetConnMaxLifetime(time.Hour) // so that a gateway follows an address that now means another server
	if err := s.migrate(ctx); err != nil {
		s.db.Close()
		return nil, s.explain("open ledger", err)
	}
	return s, nil
}

func schema() *sqlstore.Schema {
	return sqlstore.New(sqlstore.Dialect{
		Placeholder: sqlstore.Dollar,
		Label:       func(name string) string { return "labels ->> " + name + "::text" },
	})
}

// Close closes all connections.
func (s *Store) Close() error { return s.explain("close ledger", s.db.Close()) }

// Sum adds up what a question chooses; see sqlstore.Schema.Sum for what is quick and what is not.
func (s *Store) Sum(ctx context.Context, q ledger.Question) (*ledger.Answer, error) {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return nil, s.explain("sum records", err)
	}
	defer tx.Rollback() // nothing was written
	a, err := s.schema.Sum(ctx, cleaned{tx}, q)
	return a, s.explain("", err)
}

// Scan hands on the records that a filter chooses, the newest first.
func (s *Store) Scan(ctx context.Context, f ledger.Filter, after ledger.Cursor, yield func(*usage.Record) bool) error {
	return s.explain("", s.schema.Scan(ctx, cleaned{s.db}, f, after, yield))
}

// Record is the record of that ID.
func (s *Store) Record(ctx context.Context, id string) (*usage.Record, error) {
	rec, err := s.schema.Record(ctx, cleaned{s.db}, id)
	return rec, s.explain("", err)
}

// cleaned asks with text that PostgreSQL takes.
type cleaned struct{ sqlstore.Queryer }

func (c cleaned) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return c.Queryer.QueryContext(ctx, query, cleanAll(args)...)
}

// cleanAll replaces in texts what is no text to PostgreSQL: NUL, and bytes that are not UTF-8.
func cleanAll(values []any) []any {
	for i, v := range values {
		if text, ok := v.(string); ok {
			values[i] = strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\x00", "\ufffd")
		}
	}
	return values
}

// transact does something in one transaction, which ends with the context, or when it takes too long. What was not committed is
// not there then.
func (s *Store) transact(ctx context.Context, do func(context.Context, transaction) error) error {
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	conn, err := s.db.Conn(limited)
	if err != nil {
		return err
	}
	defer conn.Close()
	// A commit is not cancelled, only timed out: nobody would know whether the server had made it already.
	lasting, end := context.WithTimeout(context.WithoutCancel(ctx), 2*s.timeout)
	defer end()
	tx, err := conn.BeginTx(lasting, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after a commit
	if err := do(limited, transaction{tx, conn}); err != nil {
		return err
	}
	if err := limited.Err(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return tx.Commit()
}
