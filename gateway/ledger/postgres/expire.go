package postgres

import (
	"context"
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
	if _, err := tx.ExecContext(ctx, `INSERT INTO state (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = greatest(state.value, excluded.value)`, sqlstore.ExpiredBefore, day); err != nil {
		return false, err
	}
	for _, query := range []string{
		`DELETE FROM records WHERE ctid = ANY (ARRAY (
			SELECT ctid FROM records WHERE time < $1 ORDER BY time LIMIT $2 FOR UPDATE SKIP LOCKED))`,
		`DELETE FROM rollups WHERE ctid = ANY (ARRAY (
			SELECT ctid FROM rollups WHERE cut = 'all' AND grain = 60000 AND start < $1 LIMIT $2 FOR UPDATE SKIP LOCKED))`,
	} {
		result, err := tx.ExecContext(ctx, query, day, expireRows)
		if err != nil {
			return false, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return false, err
		}
		more = more || n == expireRows
	}
	return more, nil
}
