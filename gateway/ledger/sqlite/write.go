package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"windhover/gateway/ledger/sqlstore"
	"windhover/gateway/usage"
)

// Write keeps a batch in one transaction.
func (s *Store) Write(ctx context.Context, batch []*usage.Record) error {
	batch = sqlstore.Distinct(batch)
	err := s.transact(ctx, func(tx *sql.Tx) error {
		deltas := sqlstore.Deltas{}
		if err := s.insertAll(ctx, tx, batch, deltas); err != nil {
			return err
		}
		return s.apply(ctx, tx, deltas)
	})
	if err != nil {
		return fmt.Errorf("write %d records: %w", len(batch), explain(err))
	}
	return nil
}

func (s *Store) insertAll(ctx context.Context, tx *sql.Tx, batch []*usage.Record, deltas sqlstore.Deltas) error {
	insert := tx.StmtContext(ctx, s.insert)
	prices := map[string]bool{}
	var values []any
	for _, rec := range batch {
		if err := ctx.Err(); err != nil {
			return err
		}
		values = s.schema.Values(values[:0], rec)
		// A context that can end would cost a goroutine for each statement; the transaction ends with ctx anyway.
		inserted, err := affected(insert.Exec(values...))
		if err != nil {
			return err
		}
		if inserted == 0 {
			if err := s.replace(ctx, tx, rec, deltas); err != nil {
				return err
			}
			continue
		}
		deltas.Add(rec)
		if p := rec.Price; p != nil && !prices[p.ID] {
			if err := s.keepPrice(ctx, tx, p); err != nil {
				return err
			}
			prices[p.ID] = p.Row != nil
		}
	}
	return nil
}

// replace writes a record over the checkpoint that is there, and leaves any other that is there alone.
func (s *Store) replace(ctx context.Context, tx *sql.Tx, rec *usage.Record, deltas sqlstore.Deltas) error {
	old, err := s.schema.Record(ctx, tx, rec.ID)
	if err != nil {
		return err
	}
	if !sqlstore.Replaces(rec, old) {
		return nil
	}
	deltas.Sub(old)
	deltas.Add(rec)
	if err := s.keepPrice(ctx, tx, rec.Price); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, s.schema.Replace(), s.schema.Values(nil, rec)...)
	return err
}

// apply adds deltas to the rollups.
func (s *Store) apply(ctx context.Context, tx *sql.Tx, deltas sqlstore.Deltas) error {
	upsert := tx.StmtContext(ctx, s.upsert)
	var values []any
	for _, d := range deltas.Sorted() {
		if err := ctx.Err(); err != nil {
			return err
		}
		values = d.Values(values[:0])
		if _, err := upsert.Exec(values...); err != nil {
			return err
		}
	}
	return nil
}
