package sqlite

import (
	"context"
	"fmt"
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

// prepared is what a batch comes to, made while SQLite takes its rows in, which leaves nothing to a second processor otherwise.
type prepared struct {
	records chan []group // all of them, in pieces
	deltas  sqlstore.Deltas
	rollups []group
	working sync.WaitGroup // until deltas and rollups are there
}

func (s *Store) prepare(batch []*usage.Record) *prepared {
	p := &prepared{records: make(chan []group, len(batch)/pieceRows+1)} // room for all, as the writer may give up
	p.working.Go(func() {
		for first := 0; first < len(batch); first += pieceRows {
			p.records <- s.records.piece(first, min(first+pieceRows, len(batch)), func(to []any, i int) []any { return s.schema.Values(to, batch[i]) })
		}
		close(p.records)
		p.deltas = sqlstore.Count(batch)
		p.rollups = s.rollupRows(p.deltas)
	})
	return p
}

func (s *Store) rollupRows(deltas sqlstore.Deltas) []group {
	sorted := deltas.Sorted()
	return s.rollups.groups(len(sorted), func(to []any, i int) []any { return sorted[i].Values(to) })
}

// insertAll inserts records and their prices, and returns the records whose IDs are there already.
func (s *Store) insertAll(ctx context.Context, batch []*usage.Record, pieces <-chan []group) (there []*usage.Record, err error) {
	for groups := range pieces {
		if err := s.records.insertAll(ctx, groups, func(number int) { there = append(there, batch[number]) }); err != nil {
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
func (s *Store) apply(ctx context.Context, groups []group) error {
	return s.rollups.insertAll(ctx, groups, func(int) {}) // each is taken in: none is left alone for being there
}
