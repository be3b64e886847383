package postgres

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
)

// migrations are the steps from no tables to those of today, in order. A step that was released never changes, and leaves
// tables that the version before it can still write to: gateways are replaced one by one.
//
//go:embed migrations
var migrations embed.FS

// version is what the newest step leads to.
const version = 1

// migrationLock is the key of the advisory lock under which one gateway at a time takes steps: "windhov" in ASCII.
const migrationLock = 0x77696e64686f76

// migrate takes the steps that are missing, all in one transaction. Where none is, it needs no right to create anything.
func (s *Store) migrate(ctx context.Context) error {
	found, err := versionOf(ctx, s.db)
	if err != nil || found == version {
		return err
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after a commit
	if err := steps(ctx, tx); err != nil {
		return fmt.Errorf("bring its tables to version %d: %w", version, err)
	}
	return tx.Commit()
}

func steps(ctx context.Context, tx *sql.Tx) error {
	// Another gateway may be at it, for as long as an index takes.
	if _, err := tx.ExecContext(ctx, fmt.Sprintf(`SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock(%d)`, migrationLock)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)`); err != nil {
		return err
	}
	found, err := versionOf(ctx, tx)
	if err != nil {
		return err
	}
	for to := found + 1; to <= version; to++ {
		text, err := migrations.ReadFile(fmt.Sprintf("migrations/%04d.sql", to))
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, string(text)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO schema_version (version) VALUES ($1)`, to); err != nil {
			return err
		}
	}
	return nil
}

// versionOf is the version that the tables have; 0 if there are none.
func versionOf(ctx context.Context, db interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}) (int, error) {
	var there bool
	if err := db.QueryRowContext(ctx, `SELECT to_regclass('schema_version') IS NOT NULL`).Scan(&there); err != nil || !there {
		return 0, err
	}
	var found int
	if err := db.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM schema_version`).Scan(&found); err != nil {
		return 0, err
	}
	if found > version {
		return 0, fmt.Errorf("it was written by a newer Windhover: its tables have version %d, and this one knows %d; run that version or a newer one", found, version)
	}
	return found, nil
}
