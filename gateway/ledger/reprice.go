package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"windhover/gateway/usage"
)

// Repricer computes costs anew.
type Repricer struct {
	// Reader is the store as it can be read now, and Reprice writes costs to it, as the methods of Ledger and Store do.
	Reader  func() (Reader, error)
	Reprice func(ctx context.Context, changes []Repriced) error
	// Charge sets a record's cost, as it is done for a new one.
	Charge func(*usage.Record)
	// DryRun only tells what would change.
	DryRun bool
}

// Reprice gives records another cost, between two batches of new ones.
func (l *Ledger) Reprice(ctx context.Context, changes []Repriced) error {
	return l.Do(ctx, func(ctx context.Context, s Store) error { return s.Reprice(ctx, changes) })
}

// Repricing is what computing costs anew has changed, or would change.
type Repricing struct {
	Total  RepricedSum     // of Models
	Models []RepricedModel // the greatest difference first
}

// RepricedModel is the sum of one model's records.
type RepricedModel struct {
	Provider, Model string
	RepricedSum
}

// RepricedSum adds up records whose usage can cost something.
type RepricedSum struct {
	Records        int64
	Changed        int64 // records that have another cost now, or were charged by another row of the price table
	BeforeNanoUSD  int64 // what was known of the cost
	AfterNanoUSD   int64
	UnpricedBefore int64
	UnpricedAfter  int64
}

const (
	// repriceBatch is how many records are read, and then changed, at once. Between batches others write.
	repriceBatch = 1000
	// repricePatience is how long reading and changing a batch may take.
	repricePatience = time.Minute
	// maxRepricedModels bounds what clients can fill by asking for models that there are none of. The rest is usage.Other.
	maxRepricedModels = 1000
)

// Run charges the records that a filter chooses anew, the newest first. It may run while others write: only a record whose
// cost differs is written, so that a run that broke off can be begun again, and a second one changes nothing.
//
// Checkpoints are passed over. The record that replaces one is charged when it is made, and a cost that was computed from
// less usage must not overtake it.
func (p Repricer) Run(ctx context.Context, f Filter) (*Repricing, error) {
	sums := repricedSums{}
	var after Cursor
	for {
		last, err := p.step(ctx, f, after, sums)
		if err != nil || last == nil {
			return sums.result(), err
		}
		after = Cursor{Time: last.Time, ID: last.ID}
	}
}

// step charges the batch behind a cursor. It returns the batch's last record, or nil if no further one follows.
func (p Repricer) step(ctx context.Context, f Filter, after Cursor, sums repricedSums) (last *usage.Record, err error) {
	ctx, cancel := context.WithTimeout(ctx, repricePatience)
	defer cancel()
	batch, err := p.read(ctx, f, after)
	if err != nil {
		return nil, fmt.Errorf("read records: %w", err)
	}
	var changes []Repriced
	for _, r := range batch {
		if change, changed := p.charge(r, sums); changed {
			changes = append(changes, change)
		}
	}
	if len(changes) > 0 && !p.DryRun {
		if err := p.Reprice(ctx, changes); err != nil {
			return nil, fmt.Errorf("write costs: %w", err)
		}
	}
	if len(batch) < repriceBatch {
		return nil, nil
	}
	return batch[len(batch)-1], nil
}

// read is the batch behind a cursor.
func (p Repricer) read(ctx context.Context, f Filter, after Cursor) ([]*usage.Record, error) {
	reader, err := p.Reader()
	if err != nil {
		return nil, err
	}
	batch := make([]*usage.Record, 0, repriceBatch)
	err = reader.Scan(ctx, f, after, func(r *usage.Record) bool {
		batch = append(batch, r)
		return len(batch) < repriceBatch
	})
	return batch, err
}

// charge computes a record's cost anew, and adds it to the sums. The record stays as it is.
func (p Repricer) charge(before *usage.Record, sums repricedSums) (change Repriced, changed bool) {
	if before.Checkpoint {
		return change, false
	}
	after := *before
	after.CostState, after.CostNanoUSD, after.Price = "", 0, nil
	p.Charge(&after)
	changed = after.CostState != before.CostState || after.CostNanoUSD != before.CostNanoUSD || priceID(&after) != priceID(before)
	sums.add(before, &after, changed)
	return Repriced{ID: after.ID, CostState: after.CostState, CostNanoUSD: after.CostNanoUSD, Price: after.Price}, changed
}

func priceID(r *usage.Record) string {
	if r.Price == nil {
		return ""
	}
	return r.Price.ID
}

// repricedSums are the sums by provider and model.
type repricedSums map[[2]string]*RepricedSum

func (s repricedSums) add(before, after *usage.Record, changed bool) {
	if before.CostState == "" && after.CostState == "" {
		return
	}
	key := [2]string{before.Provider, ModelOf(before)}
	if s[key] == nil && len(s) >= maxRepricedModels {
		key = [2]string{usage.Other, usage.Other}
	}
	if s[key] == nil {
		s[key] = new(RepricedSum)
	}
	s[key].add(RepricedSum{
		Records: 1, Changed: count(changed), BeforeNanoUSD: known(before), AfterNanoUSD: known(after),
		UnpricedBefore: count(before.CostState == usage.Unpriced), UnpricedAfter: count(after.CostState == usage.Unpriced),
	})
}

func (s *RepricedSum) add(other RepricedSum) {
	s.Records += other.Records
	s.Changed += other.Changed
	s.BeforeNanoUSD += other.BeforeNanoUSD
	s.AfterNanoUSD += other.AfterNanoUSD
	s.UnpricedBefore += other.UnpricedBefore
	s.UnpricedAfter += other.UnpricedAfter
}

// known is what is known of a record's cost.
func known(r *usage.Record) int64 {
	if cost, known := r.CostKnown(); known {
		return cost
	}
	return 0
}

func (s repricedSums) result() *Repricing {
	result := new(Repricing)
	for key, sum := range s {
		result.Total.add(*sum)
		result.Models = append(result.Models, RepricedModel{key[0], key[1], *sum})
	}
	slices.SortFunc(result.Models, func(a, b RepricedModel) int {
		return cmp.Or(cmp.Compare(magnitude(b.Difference()), magnitude(a.Difference())), cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Model, b.Model))
	})
	return result
}

// Difference is how much more is known to have been paid than before, in billionths of a dollar.
func (s RepricedSum) Difference() int64 { return s.AfterNanoUSD - s.BeforeNanoUSD }
