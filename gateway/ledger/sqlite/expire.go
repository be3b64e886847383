package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"windhover/gateway/ledger/sqlstore"
)

// expireRows is how many records, and how many buckets, Expire deletes at a time.
const expireRows = 2000

// Expire deletes some of the records that began before a time, and their minutes. Only whole days expire, in UTC: that of the
// time stays, so that hours, days and records never tell different parts of a day.
func (s *Store) Expire(ctx context.Context, before time.Time) (more bool, err error) {
	day := sqlstore.Day.Floor(before.UnixMilli())
	err = s.transact(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO state (name, value) VALUES (?, ?)
			ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)`, sqlstore.ExpiredBefore, day); err != nil {
			return err
		}
		for _, query := range []string{
			`DELETE FROM records WHERE rowid IN (SELECT rowid FROM records WHERE time < ? ORDER BY time LIMIT ?)`,
			`DELETE FROM rollups WHERE (cut, grain, start, who, provider, model, status) IN
				(SELECT cut, grain, start, who, provider, model, status FROM rollups WHERE cut = 'all' AND grain = 60000 AND start < ? LIMIT ?)`,
		} {
			result, err := tx.ExecContext(ctx, query, day, expireRows)
			if err != nil {
				return err
			}
			if n, err := result.RowsAffected(); err != nil {
				return err
			} else if n == expireRows {
				more = true
			}
		}
		return nil
	})
	if err == nil {
		_, err = s.db.ExecContext(ctx, `PRAGMA incremental_vacuum(2000)`) // pages: gives the space back, some at a time
	}
	if err != nil {
		return false, fmt.Errorf("expire records: %w", explain(err))
	}
	return more, nil
}
