package postgres

import (
	"context"
	"database/sql"
	"time"

	"windhover/gateway/ledger/sqlstore"
)

// expireRows is how many records, and how many buckets, Expire deletes at a time.
const expireRows = 5000

// Expire deletes some of the records that began before a time, and their minutes. Only whole days expire, in UTC: that of the
// time stays, so that hours, days and records never tell different parts of a day. Gateways may do it at the same time: each
// passes over what another is about to delete or to change.
func (s *Store) Expire(ctx context.Context, before time.Time) (more bool, err error) {
	day := sqlstore.Day.Floor(before.UnixMilli())
	err = s.transact(ctx, func(ctx context.Context, tx transaction) error {
		more, err = expire(ctx, tx, day)
		return err
	})
	if err != nil {
		return false, s.explain("expire records", err)
	}
	return more, nil
}

func expire(ctx context.Context, tx transaction, day int64) (more bool, err error) {
	records, err := affected(tx.ExecContext(ctx, `DELETE FROM records WHERE ctid = ANY (ARRAY (
		SELECT ctid FROM records WHERE time < $1 ORDER BY time LIMIT $2 FOR UPDATE SKIP LOCKED))`, day, expireRows))
	if err != nil {
		return false, err
	}
	minutes, err := affected(tx.ExecContext(ctx, `DELETE FROM rollups WHERE ctid = ANY (ARRAY (
		SELECT ctid FROM rollups WHERE cut = $1 AND grain = $2 AND start < $3 LIMIT $4 FOR UPDATE SKIP LOCKED))`,
		sqlstore.CutAll, int64(sqlstore.Minute), day, expireRows))
	if err != nil || records+minutes == 0 {
		return false, err
	}
	// From now on nothing is asked of records and minutes before that day any more, those that are still there included.
	_, err = tx.ExecContext(ctx, `INSERT INTO state (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = greatest(state.value, excluded.value)`, sqlstore.ExpiredBefore, day)
	return records == expireRows || minutes == expireRows, err
}

// affected is how many rows a statement changed.
func affected(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
