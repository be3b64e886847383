package sqlite

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"windhover/gateway/ledger/sqlstore"
	"windhover/gateway/usage"
)

// Write keeps a batch in one transaction.
func (s *Store) Write(ctx context.Context, batch []*usage.Record) error {
	batch = sqlstore.Distinct(batch)
	p := s.prepare(batch)
	defer p.working.Wait()
	err := s.transact(ctx, func() error {
		there, err := s.insertAll(ctx, batch, p.records)
		if err != nil {
			return err
		}
		p.working.Wait()
		if len(there) > 0 {
			if err := s.replaceAll(ctx, there, p.deltas); err != nil {
				return err
			}
			p.rollups = s.rollupRows(p.deltas)
		}
		return s.apply(ctx, p.rollups)
	})
	if err != nil {
		return fmt.Errorf("write %d records: %w", len(batch), explain(err))
	}
	return nil
}

// prepared is what a batch comes to.
type prepared struct {
	records chan *piece // all of them, in pieces
	deltas  sqlstore.Deltas
	rollups []*piece
	working sync.WaitGroup // until deltas and rollups are there
}

// prepare makes a large batch ready while SQLite takes its rows in, which leaves nothing to a second processor otherwise. For a
// small one, no processor is woken.
func (s *Store) prepare(batch []*usage.Record) *prepared {
	p := &prepared{records: make(chan *piece, len(batch)/pieceRows+1)} // room for all, as the writer may give up
	work := func() {
		for piece := range s.records.pieces(len(batch), func(to []any, i int) []any { return s.schema.Values(to, batch[i]) }) {
			p.records <- piece
		}
		close(p.records)
		p.deltas = sqlstore.Count(batch)
		p.rollups = s.rollupRows(p.deltas)
	}
	if len(batch) <= pieceRows {
		work()
	} else {
		p.working.Go(work)
	}
	return p
}

func (s *Store) rollupRows(deltas sqlstore.Deltas) []*piece {
	sorted := deltas.Sorted()
	return slices.Collect(s.rollups.pieces(len(sorted), func(to []any, i int) []any { return sorted[i].Values(to) }))
}

// insertAll inserts records and their prices, and returns the records whose IDs are there already.
func (s *Store) insertAll(ctx context.Context, batch []*usage.Record, pieces <-chan *piece) (there []*usage.Record, err error) {
	for piece := range pieces {
		if err := s.records.insertAll(ctx, piece, func(number int) { there = append(there, batch[number]) }); err != nil {
			return nil, err
		}
	}
	for _, rec := range batch {
		if err := s.keepPrice(ctx, rec.Price); err != nil {
			return nil, err
		}
	}
	return there, nil
}

// replaceAll writes records over the checkpoints that are there, and takes what changes nothing off the deltas again.
func (s *Store) replaceAll(ctx context.Context, there []*usage.Record, deltas sqlstore.Deltas) error {
	for _, rec := range there {
		deltas.Sub(rec)
		if err := s.replace(ctx, rec, deltas); err != nil {
			return err
		}
	}
	return nil
}

// replace writes a record over the checkpoint that is there, and leaves any other that is there alone.
func (s *Store) replace(ctx context.Context, rec *usage.Record, deltas sqlstore.Deltas) error {
	old, err := s.schema.Record(ctx, s.writer, rec.ID)
	if err != nil {
		return err
	}
	if !sqlstore.Replaces(rec, old) {
		return nil
	}
	deltas.Sub(old)
	deltas.Add(rec)
	_, err = s.writer.ExecContext(ctx, s.schema.Replace(), append(s.schema.Values(nil, rec), sqlstore.EncodeID(rec.ID))...)
	return err
}

// apply adds rows to the rollups.
func (s *Store) apply(ctx context.Context, rows []*piece) error {
	for _, piece := range rows {
		if err := s.rollups.insertAll(ctx, piece, func(int) {}); err != nil { // each is taken in: none is left alone for being there
			return err
		}
	}
	return nil
}
