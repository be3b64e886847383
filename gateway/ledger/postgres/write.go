package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"

	"windhover/gateway/ledger/sqlstore"
	"windhover/gateway/usage"
)

// Write keeps a batch in one transaction. Several gateways may write the same record: it counts once. When a connection breaks in
// a commit, Write fails although the batch may be there; to write it again is right in either case.
//
// Transactions lock in one order, so that none waits for one that waits for it: prices, new records, records that are there,
// rollups, each by its key. The rollups, which all gateways write to, come last, to be held for as short as can be.
func (s *Store) Write(ctx context.Context, batch []*usage.Record) error {
	if len(batch) == 0 {
		return nil
	}
	batch = sqlstore.Distinct(batch)
	err := s.transact(ctx, func(ctx context.Context, tx transaction) error {
		if _, err := tx.ExecContext(ctx, s.staging.create); err != nil {
			return err
		}
		if err := keepPrices(ctx, tx, batch); err != nil {
			return err
		}
		deltas, err := s.take(ctx, tx, batch)
		if err != nil {
			return err
		}
		return s.apply(ctx, tx, deltas)
	})
	return s.explain(fmt.Sprintf("write %d records", len(batch)), err)
}

// take inserts the records that are not there, replaces checkpoints, and is what the rollups change by.
func (s *Store) take(ctx context.Context, tx transaction, batch []*usage.Record) (sqlstore.Deltas, error) {
	byID := make(map[string]*usage.Record, len(batch))
	rows := make([][]any, len(batch))
	for i, rec := range batch {
		byID[rec.ID] = rec
		rows[i] = cleanAll(s.schema.Values(make([]any, 0, len(s.staging.recordColumns)), rec))
	}
	if err := tx.copyTo(ctx, s.staging.records, s.staging.recordColumns, rows); err != nil {
		return nil, err
	}
	inserted, err := idsOf(tx.QueryContext(ctx, s.staging.takeRecords))
	if err != nil {
		return nil, err
	}
	deltas := sqlstore.Deltas{}
	for _, id := range inserted {
		deltas.Add(byID[id])
	}
	if len(inserted) == len(batch) {
		return deltas, nil
	}
	// Now every ID of the batch is there, from this transaction or one that is committed, and nobody can change the checkpoints
	// among them before this one ends.
	there, err := idsOf(tx.QueryContext(ctx, s.staging.lockCheckpoints))
	if err != nil {
		return nil, err
	}
	for _, id := range inserted {
		delete(byID, id) // they may be checkpoints themselves
	}
	for _, id := range there {
		if byID[id] == nil {
			continue
		}
		if err := s.replace(ctx, tx, byID[id], deltas); err != nil {
			return nil, err
		}
	}
	return deltas, nil
}

// replace writes a record over the checkpoint that is there, if it is the later one.
func (s *Store) replace(ctx context.Context, tx transaction, rec *usage.Record, deltas sqlstore.Deltas) error {
	there, err := s.schema.Record(ctx, tx, rec.ID)
	if err != nil || !sqlstore.Replaces(rec, there) {
		return err
	}
	deltas.Sub(there)
	deltas.Add(rec)
	values := append(s.schema.Values(nil, rec), sqlstore.EncodeID(rec.ID))
	_, err = tx.ExecContext(ctx, s.schema.Replace(), cleanAll(values)...)
	return err
}

// apply adds deltas to the rollups.
func (s *Store) apply(ctx context.Context, tx transaction, deltas sqlstore.Deltas) error {
	sorted := deltas.Sorted()
	if len(sorted) == 0 {
		return nil
	}
	rows := make([][]any, len(sorted))
	for i, d := range sorted {
		rows[i] = cleanAll(d.Values(make([]any, 0, len(s.staging.rollupColumns))))
	}
	if err := tx.copyTo(ctx, s.staging.rollups, s.staging.rollupColumns, rows); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, s.staging.takeRollups)
	return err
}

// keepPrices keeps the price rows that come with records.
func keepPrices(ctx context.Context, tx transaction, batch []*usage.Record) error {
	prices := map[string]*usage.Price{}
	for _, rec := range batch {
		addPrice(prices, rec.Price)
	}
	return writePrices(ctx, tx, prices)
}

func addPrice(prices map[string]*usage.Price, p *usage.Price) {
	if p != nil && p.Row != nil {
		prices[p.ID] = p
	}
}

func writePrices(ctx context.Context, tx transaction, prices map[string]*usage.Price) error {
	if len(prices) == 0 {
		return nil
	}
	var ids []string
	var rows [][]byte
	for _, id := range slices.Sorted(maps.Keys(prices)) {
		ids, rows = append(ids, id), append(rows, prices[id].Row)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO prices (id, "row") SELECT * FROM unnest($1::text[], $2::bytea[]) ON CONFLICT (id) DO NOTHING`, ids, rows)
	return err
}

// idsOf reads the IDs that a query selects.
func idsOf(rows *sql.Rows, err error) ([]string, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id []byte
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, sqlstore.DecodeID(id))
	}
	return ids, errors.Join(rows.Err(), rows.Close())
}
