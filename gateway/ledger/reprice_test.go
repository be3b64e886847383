package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"time"

	"windhover/gateway/ledger"
	"windhover/gateway/ledger/ledgertest"
	"windhover/gateway/usage"
)

var midnight = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)

// charged is a record as a store has it, n seconds after midnight, of a model and at a cost; below 0: it is unpriced.
func charged(n int, model string, cost int64) *usage.Record {
	r := ledgertest.Plain(midnight.Add(time.Duration(n)*time.Second), n)
	r.Usage.SetText(usage.Model, model)
	r.CostState, r.CostNanoUSD, r.Price = usage.Priced, cost, &usage.Price{ID: model + "#old", Row: []byte("{}")}
	if cost < 0 {
		r.CostState, r.CostNanoUSD, r.Price = usage.Unpriced, 0, nil
	}
	return r
}

// table charges 7 for each record of the model a, knows no price of b, and takes nothing for c.
func table(r *usage.Record) {
	switch ledger.ModelOf(r) {
	case "a":
		r.CostState, r.CostNanoUSD, r.Price = usage.Priced, 7, &usage.Price{ID: "a#new", Row: []byte(`{"input": 7}`)}
	case "b":
		r.CostState = usage.Unpriced
	}
}

func filled(t *testing.T, records ...*usage.Record) *ledgertest.Memory {
	t.Helper()
	store := new(ledgertest.Memory)
	if err := store.Write(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	return store
}

// repricer computes the costs in a store anew.
func repricer(s ledger.Store) ledger.Repricer {
	return ledger.Repricer{Reader: func() (ledger.Reader, error) { return s, nil }, Reprice: s.Reprice, Charge: table}
}

func dryly(p ledger.Repricer) ledger.Repricer {
	p.DryRun = true
	return p
}

func reprice(t *testing.T, p ledger.Repricer, f ledger.Filter) *ledger.Repricing {
	t.Helper()
	done, err := p.Run(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func total(t *testing.T, s ledger.Reader) ledger.Sums {
	t.Helper()
	a, err := s.Sum(t.Context(), ledger.Question{})
	if err != nil {
		t.Fatal(err)
	}
	return a.Total
}

func TestRepricingTellsTheDifferenceOfEachModel(t *testing.T) {
	t.Parallel()
	refused := charged(9, "", 0)
	refused.CostState, refused.Price, refused.Usage, refused.RequestModel = "", nil, usage.Usage{}, ""
	records := []*usage.Record{charged(1, "a", 10), charged(2, "a", -1), charged(3, "b", 5), charged(4, "c", 100), refused, charged(100, "a", 1)}
	sum := func(records, changed, before, after, unpricedBefore, unpricedAfter int64) ledger.RepricedSum {
		return ledger.RepricedSum{Records: records, Changed: changed, BeforeNanoUSD: before, AfterNanoUSD: after, UnpricedBefore: unpricedBefore, UnpricedAfter: unpricedAfter}
	}
	want := &ledger.Repricing{Total: sum(4, 4, 115, 14, 1, 1), Models: []ledger.RepricedModel{
		{Provider: "openai", Model: "c", RepricedSum: sum(1, 1, 100, 0, 0, 0)},
		{Provider: "openai", Model: "b", RepricedSum: sum(1, 1, 5, 0, 0, 1)},
		{Provider: "openai", Model: "a", RepricedSum: sum(2, 2, 10, 14, 1, 0)},
	}}
	f := ledger.Filter{To: midnight.Add(100 * time.Second)} // the last one is not in it
	store := filled(t, records...)
	dry := reprice(t, dryly(repricer(store)), f)
	if !reflect.DeepEqual(dry, want) {
		t.Errorf("dry run = %+v, want %+v", dry, want)
	}
	if got := total(t, store)[ledger.CostNanoUSD]; got != 116 {
		t.Errorf("cost behind the dry run = %d, want 116 as before", got)
	}
	done := reprice(t, repricer(store), f)
	if !reflect.DeepEqual(done, want) {
		t.Errorf("repricing = %+v, want %+v", done, want)
	}
	if sums := total(t, store); sums[ledger.CostNanoUSD] != 15 || sums[ledger.Unpriced] != 1 {
		t.Errorf("cost = %d, unpriced = %d, want 15 and 1", sums[ledger.CostNanoUSD], sums[ledger.Unpriced])
	}
	r, err := store.Record(t.Context(), records[0].ID)
	if err != nil || r.CostNanoUSD != 7 || r.Price.ID != "a#new" || string(r.Price.Row) != `{"input": 7}` {
		t.Errorf("record = %+v, %v, want the new cost and row", r, err)
	}
	again := reprice(t, repricer(store), f)
	if again.Total.Changed != 0 || again.Total.Difference() != 0 || again.Total.AfterNanoUSD != 14 {
		t.Errorf("the second run = %+v, want no change", again.Total)
	}
}

// The record that replaces a checkpoint is charged when it is made. A cost of the checkpoint would overtake it.
func TestRepricingPassesOverCheckpoints(t *testing.T) {
	t.Parallel()
	r := charged(1, "a", 10)
	r.Checkpoint = true
	done := reprice(t, repricer(filled(t, r)), ledger.Filter{})
	if done.Total != (ledger.RepricedSum{}) {
		t.Errorf("repricing = %+v, want nothing", done)
	}
}

// lending is a store whose records belong to others.
type lending struct {
	*ledgertest.Memory
	records []*usage.Record
}

func (l lending) Scan(_ context.Context, _ ledger.Filter, _ ledger.Cursor, yield func(*usage.Record) bool) error {
	for _, r := range l.records {
		if !yield(r) {
			break
		}
	}
	return nil
}

func TestRepricingWritesToNoRecordThatOthersHold(t *testing.T) {
	t.Parallel()
	r := charged(1, "a", 10)
	before := *r
	reprice(t, repricer(lending{filled(t, r), []*usage.Record{r}}), ledger.Filter{})
	if !reflect.DeepEqual(*r, before) {
		t.Errorf("record = %+v, want it as it was, %+v", *r, before)
	}
}

func TestRepricingBoundsTheModelsThatItTellsOf(t *testing.T) {
	t.Parallel()
	var records []*usage.Record
	for i := range 1100 {
		records = append(records, charged(i, fmt.Sprintf("made-up-%d", i), 1))
	}
	done := reprice(t, dryly(repricer(filled(t, records...))), ledger.Filter{})
	var sum int64
	for _, m := range done.Models {
		sum += m.Records
	}
	if first := done.Models[0]; len(done.Models) != 1001 || first.Model != usage.Other || first.Records != 100 || sum != 1100 || done.Total.Records != 1100 {
		t.Errorf("%d models, the first %+v, %d records, want 1000 and the others together", len(done.Models), first, sum)
	}
}

// failing is a store whose costs cannot be written from a certain time on.
type failing struct {
	*ledgertest.Memory
	writes int // that succeed before
}

func (f *failing) Reprice(ctx context.Context, changes []ledger.Repriced) error {
	if f.writes--; f.writes < 0 {
		return errors.New("the disk is full")
	}
	return f.Memory.Reprice(ctx, changes)
}

func TestRepricingThatBrokeOffGoesOn(t *testing.T) {
	t.Parallel()
	var records []*usage.Record
	for i := range 2500 {
		records = append(records, charged(i, "a", 1))
	}
	store := &failing{filled(t, records...), 1}
	if _, err := repricer(store).Run(t.Context(), ledger.Filter{}); err == nil || err.Error() != "write costs: the disk is full" {
		t.Errorf("the first run: %v, want write costs: the disk is full", err)
	}
	store.writes = 100
	done := reprice(t, repricer(store), ledger.Filter{})
	if done.Total.Records != 2500 || done.Total.Changed != 1500 || total(t, store)[ledger.CostNanoUSD] != 2500*7 {
		t.Errorf("the second run = %+v, want the 1500 that were left", done.Total)
	}
}

func TestRepricingRunsBesideWriters(t *testing.T) {
	t.Parallel()
	var records []*usage.Record
	for i := range 3000 {
		records = append(records, charged(i, "a", 1))
	}
	store := filled(t, records...)
	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	written := 0
	writers.Go(func() {
		for ; ctx.Err() == nil; written++ {
			r := charged(10_000+written, "a", 7)
			r.Price.ID = "a#new"
			if err := store.Write(t.Context(), []*usage.Record{r}); err != nil {
				t.Error(err)
			}
		}
	})
	done := reprice(t, repricer(store), ledger.Filter{To: midnight.Add(10_000 * time.Second)})
	stop()
	writers.Wait()
	sums := total(t, store)
	if done.Total.Changed != 3000 || sums[ledger.Requests] != int64(3000+written) || sums[ledger.CostNanoUSD] != int64(3000+written)*7 {
		t.Errorf("changed %d, then %d records cost %d; want 3000, and 7 for each of %d", done.Total.Changed, sums[ledger.Requests], sums[ledger.CostNanoUSD], 3000+written)
	}
}

// What it tells is what the store's own sums say before and after, whatever the records are.
func TestRepricingAgreesWithTheSums(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		var records []*usage.Record
		for i := range rnd.IntN(50) {
			records = append(records, charged(i, string(rune('a'+rnd.IntN(4))), rnd.Int64N(1e12)-1e11))
		}
		store := filled(t, records...)
		before := total(t, store)
		done := reprice(t, repricer(store), ledger.Filter{})
		after := total(t, store)
		got := [4]int64{done.Total.BeforeNanoUSD, done.Total.AfterNanoUSD, done.Total.UnpricedBefore, done.Total.UnpricedAfter}
		if want := [4]int64{before[ledger.CostNanoUSD], after[ledger.CostNanoUSD], before[ledger.Unpriced], after[ledger.Unpriced]}; got != want {
			t.Errorf("repricing tells %v, the sums say %v", got, want)
		}
	}
}
