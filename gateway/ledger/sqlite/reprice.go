package sqlite

import (
	"context"
	"errors"
	"fmt"

	"windhover/gateway/ledger"
	"windhover/gateway/ledger/sqlstore"
	"windhover/gateway/usage"
)

// Reprice gives records another cost.
func (s *Store) Reprice(ctx context.Context, changes []ledger.Repriced) error {
	err := s.transact(ctx, func() error {
		deltas := sqlstore.Deltas{}
		for _, c := range changes {
			if err := s.reprice(ctx, c, deltas); err != nil {
				return err
			}
		}
		return s.apply(ctx, s.rollupRows(deltas))
	})
	if err != nil {
		return fmt.Errorf("reprice records: %w", explain(err))
	}
	return nil
}

func (s *Store) reprice(ctx context.Context, c ledger.Repriced, deltas sqlstore.Deltas) error {
	rec, err := s.schema.Record(ctx, s.writer, c.ID)
	if errors.Is(err, ledger.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	deltas.Sub(rec)
	rec.CostState, rec.CostNanoUSD, rec.Price = c.CostState, c.CostNanoUSD, c.Price
	deltas.Add(rec)
	var priceID any
	if c.Price != nil {
		priceID = c.Price.ID
		if err := s.keepPrice(ctx, c.Price); err != nil {
			return err
		}
	}
	_, err = s.writer.ExecContext(ctx, s.schema.SetCost(), string(c.CostState), c.CostNanoUSD, priceID, sqlstore.EncodeID(c.ID))
	return err
}

// keepPrice keeps a price row, if it comes with the price and was not kept before.
func (s *Store) keepPrice(ctx context.Context, p *usage.Price) error {
	if p == nil || p.Row == nil || s.prices[p.ID] {
		return nil
	}
	if _, err := s.writer.ExecContext(ctx, s.schema.InsertPrice(), p.ID, p.Row); err != nil {
		return err
	}
	if len(s.prices) >= maxPrices {
		clear(s.prices)
	}
	s.prices[p.ID] = true
	return nil
}
