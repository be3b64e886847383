package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"windhover/gateway/ledger/sqlstore"
)

// What Expire deletes and gives back at a time, so that it holds the file for some hundredths of a second only.
const (
	expireRows  = 2000 // records, and buckets
	vacuumPages = 2000
)

// Expire deletes some of the records that began before a time, and their minutes. Only whole days expire, in UTC: that of the
// time stays, so that a day's records, its hours and the day itself never tell different parts of it.
func (s *Store) Expire(ctx context.Context, before time.Time) (more bool, err error) {
	day := sqlstore.Day.Floor(before.UnixMilli())
	err = s.transact(ctx, func() error {
		records, err := s.expireRecords(ctx, day)
		if err != nil {
			return err
		}
		minutes, err := affected(s.writer.ExecContext(ctx, `DELETE FROM rollups WHERE (cut, grain, start, who, provider, model, status) IN
			(SELECT cut, grain, start, who, provider, model, status FROM rollups WHERE cut = ? AND grain = ? AND start < ? LIMIT ?)`,
			sqlstore.CutAll, int64(sqlstore.Minute), day, expireRows))
		more = records == expireRows || minutes == expireRows
		return err
	})
	if err == nil {
		err = s.vacuum(ctx)
	}
	if err != nil {
		return false, fmt.Errorf("expire records: %w", explain(err))
	}
	return more, nil
}

// expireRecords deletes some records. From then on nothing is asked of records and minutes before that day any more, those that
// are still there included.
func (s *Store) expireRecords(ctx context.Context, day int64) (deleted int64, err error) {
	deleted, err = affected(s.writer.ExecContext(ctx, `DELETE FROM records WHERE rowid IN
		(SELECT rowid FROM records WHERE time < ? ORDER BY time LIMIT ?)`, day, expireRows))
	if err != nil || deleted == 0 {
		return deleted, err
	}
	_, err = s.writer.ExecContext(ctx, `INSERT INTO state (name, value) VALUES (?, ?)
		ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)`, sqlstore.ExpiredBefore, day)
	return deleted, err
}

// vacuum gives pages that are free back to the file system.
func (s *Store) vacuum(ctx context.Context) error {
	if err := s.take(ctx); err != nil {
		return err
	}
	defer s.leave()
	_, err := s.writer.ExecContext(ctx, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", vacuumPages))
	return err
}

// affected is how many rows a statement changed.
func affected(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
