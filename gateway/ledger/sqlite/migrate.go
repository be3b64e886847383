package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
)

// migrations are the steps from no tables to those of today, in order. A step that was released never changes.
//
//go:embed migrations
var migrations embed.FS

// version is what the newest step leads to.
const version = 1

// migrate takes the steps that are missing, each in a transaction of its own.
func (s *Store) migrate(ctx context.Context) error {
	err := s.transact(ctx, func() error {
		_, err := s.writer.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)`)
		return err
	})
	if err != nil {
		return err
	}
	for {
		found, err := versionOf(ctx, s.writer)
		if err != nil || found == version {
			return err
		}
		if err := s.transact(ctx, func() error { return s.step(ctx, found+1) }); err != nil {
			return fmt.Errorf("bring its tables to version %d: %w", found+1, err)
		}
	}
}

func (s *Store) step(ctx context.Context, to int) error {
	text, err := migrations.ReadFile(fmt.Sprintf("migrations/%04d.sql", to))
	if err != nil {
		return err
	}
	if _, err := s.writer.ExecContext(ctx, string(text)); err != nil {
		return err
	}
	_, err = s.writer.ExecContext(ctx, `INSERT INTO schema_version (version) VALUES (?)`, to)
	return err
}

// versionOf is the version that a file's tables have; 0 if there are none.
func versionOf(ctx context.Context, db queryer) (int, error) {
	var found int
	if err := db.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM schema_version`).Scan(&found); err != nil {
		return 0, err
	}
	if found > version {
		return 0, fmt.Errorf("it was written by a newer Windhover: its tables have version %d, and this one knows %d; run that version or a newer one", found, version)
	}
	return found, nil
}

// checkVersion says why a file cannot be read.
func checkVersion(ctx context.Context, db queryer) error {
	var made int
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_master WHERE name = 'schema_version'`).Scan(&made); err != nil {
		return err
	}
	if made == 0 {
		return errors.New("it has no tables of a ledger; start the gateway once, which makes them")
	}
	found, err := versionOf(ctx, db)
	if err == nil && found < version {
		return fmt.Errorf("its tables have version %d, and this Windhover needs %d; start the gateway once, which brings them up to date", found, version)
	}
	return err
}

// queryer is a *sql.DB or a *sql.Conn.
type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}
