package postgres

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"windhover/gateway/ledger"
	"windhover/gateway/ledger/sqlstore"
	"windhover/gateway/usage"
)

// repricedAtOnce is how many records are read and changed in one exchange with the server.
const repricedAtOnce = 1000

// Reprice gives records another cost.
func (s *Store) Reprice(ctx context.Context, changes []ledger.Repriced) error {
	if len(changes) == 0 {
		return nil
	}
	byID := make(map[string]*ledger.Repriced, len(changes))
	prices := map[string]*usage.Price{}
	for i := range changes {
		byID[changes[i].ID] = &changes[i]
		addPrice(prices, changes[i].Price)
	}
	err := s.transact(ctx, func(ctx context.Context, tx transaction) error {
		if _, err := tx.ExecContext(ctx, s.staging.create); err != nil {
			return err
		}
		if err := writePrices(ctx, tx, prices); err != nil {
			return err
		}
		deltas := sqlstore.Deltas{}
		for ids := range slices.Chunk(slices.Sorted(maps.Keys(byID)), repricedAtOnce) {
			if err := s.reprice(ctx, tx, ids, byID, deltas); err != nil {
				return err
			}
		}
		return s.apply(ctx, tx, deltas)
	})
	return s.explain("reprice records", err)
}

// reprice gives the records of some IDs the cost that is theirs by ID.
func (s *Store) reprice(ctx context.Context, tx transaction, ids []string, byID map[string]*ledger.Repriced, deltas sqlstore.Deltas) error {
	records, err := s.schema.Several(ctx, tx, ids, "FOR UPDATE")
	if err != nil {
		return err
	}
	var updates pgx.Batch
	for _, rec := range records {
		c := byID[rec.ID]
		deltas.Sub(rec)
		rec.CostState, rec.CostNanoUSD, rec.Price = c.CostState, c.CostNanoUSD, c.Price
		deltas.Add(rec)
		var priceID any
		if c.Price != nil {
			priceID = c.Price.ID
		}
		updates.Queue(s.schema.SetCost(), string(c.CostState), c.CostNanoUSD, priceID, sqlstore.EncodeID(c.ID))
	}
	return tx.native(func(conn *pgx.Conn) error { return conn.SendBatch(ctx, &updates).Close() })
}
