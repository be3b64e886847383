package postgres

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"windhover/gateway/ledger"
	"windhover/gateway/ledger/ledgertest"
	"windhover/gateway/usage"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// records are ordinary ones, a few of each minute and model, so that all writers change the same rows of the rollups.
func records(first, n int) []*usage.Record {
	batch := make([]*usage.Record, n)
	for i := range batch {
		r := ledgertest.Plain(noon.Add(time.Duration(i%40)*7*time.Second), first+i)
		r.Provider, r.CostNanoUSD = fmt.Sprintf("provider-%d", i%5), int64(first+i)
		r.Labels = map[string]string{"team": fmt.Sprintf("team-%d", i%3)}
		r.Price = &usage.Price{ID: fmt.Sprintf("price-%d", i%7), Row: []byte("{}")}
		batch[i] = r
	}
	return batch
}

// agree compares sums with those of records, by every dimension.
func agree(t *testing.T, s *Store, written []*usage.Record) {
	t.Helper()
	groups := [][]ledger.Dimension{nil, {ledger.ByProvider, ledger.ByModel}, {ledger.ByKey}, {ledger.ByStatus, ledger.ByDay}, {ledger.ByHour}, {ledger.ByLabel("team")}}
	for _, by := range groups {
		for _, f := range []ledger.Filter{{}, {From: noon, To: noon.Add(2 * time.Minute)}} {
			q := ledger.Question{Filter: f, GroupBy: by}
			var chosen []*usage.Record
			for _, r := range written {
				if q.Chooses(r) {
					chosen = append(chosen, r)
				}
			}
			want, err := ledgertest.SumOf(chosen, q)
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.Sum(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			same := func(a, b ledger.Row) bool { return slices.Equal(a.Group, b.Group) && a.Sums == b.Sums }
			if got.Total != want.Total || !slices.EqualFunc(got.Rows, want.Rows, same) {
				t.Errorf("Sum of %+v =\n%+v, want\n%+v", q, got, want)
			}
		}
	}
}

// Each batch goes to two gateways, in another order and with other neighbours: both may be the first with it.
func TestGatewaysThatWriteTheSameRecordsCountThemOnce(t *testing.T) {
	t.Parallel()
	url := empty(t)
	const gateways, size = 4, 1200
	all := records(0, size)
	var writers sync.WaitGroup
	for n := range gateways {
		s := open(t, url)
		mine := slices.Clone(all)
		rand.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
		writers.Go(func() {
			for batch := range slices.Chunk(mine[:size*3/4], 60+10*n) {
				if err := s.Write(t.Context(), batch); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	s := open(t, url)
	if err := s.Write(t.Context(), all); err != nil { // whatever nobody wrote
		t.Fatal(err)
	}
	agree(t, s, all)
}

// Checkpoints and the ends of the same sessions come from several gateways, as when one takes over another's spool.
func TestGatewaysThatReplaceTheSameCheckpointsEndWithTheLast(t *testing.T) {
	t.Parallel()
	url := empty(t)
	const gateways, sessions, states = 3, 60, 6
	var writers sync.WaitGroup
	for range gateways {
		s := open(t, url)
		writers.Go(func() {
			for state := range states {
				batch := sessionsAt(sessions, state, states)
				rand.Shuffle(len(batch), func(i, j int) { batch[i], batch[j] = batch[j], batch[i] })
				for part := range slices.Chunk(batch, 17) {
					if err := s.Write(t.Context(), part); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	writers.Wait()
	agree(t, open(t, url), sessionsAt(sessions, states-1, states))
}

// sessionsAt are sessions in one of their states, of which the last is the end.
func sessionsAt(n, state, states int) []*usage.Record {
	batch := records(0, n)
	for _, r := range batch {
		r.Duration, r.CostNanoUSD = time.Duration(state+1)*time.Minute, r.CostNanoUSD*int64(state+1)
		r.Checkpoint = state < states-1
		r.Usage.SetNumber(usage.OutputTokens, usage.Whole(int64(10*state)))
	}
	return batch
}

// Whatever else gateways do at the same time, none waits for one that waits for it, which the server would end with an error.
func TestWritersRepricersAndExpiryDoNotDeadlock(t *testing.T) {
	t.Parallel()
	url := empty(t)
	all := records(0, 600)
	old := records(10_000, 600)
	for _, r := range old {
		r.Time = r.Time.Add(-48 * time.Hour)
	}
	var working sync.WaitGroup
	for range 2 {
		s := open(t, url)
		working.Go(func() {
			for batch := range slices.Chunk(append(slices.Clone(old), all...), 100) {
				if err := s.Write(t.Context(), batch); err != nil {
					t.Error(err)
				}
			}
		})
		working.Go(func() {
			for n := range 10 {
				changes := make([]ledger.Repriced, len(all))
				for i, r := range all {
					changes[i] = ledger.Repriced{ID: r.ID, CostState: usage.Priced, CostNanoUSD: int64(n), Price: r.Price}
				}
				rand.Shuffle(len(changes), func(i, j int) { changes[i], changes[j] = changes[j], changes[i] })
				if err := s.Reprice(t.Context(), changes); err != nil {
					t.Error(err)
				}
			}
		})
		working.Go(func() {
			for range 10 {
				if _, err := s.Expire(t.Context(), noon); err != nil {
					t.Error(err)
				}
			}
		})
	}
	working.Wait()

	s := open(t, url)
	var changes []ledger.Repriced
	for _, r := range all {
		changes = append(changes, ledger.Repriced{ID: r.ID, CostState: r.CostState, CostNanoUSD: r.CostNanoUSD, Price: r.Price})
	}
	if err := s.Reprice(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	midnight := ledger.Filter{From: noon.Truncate(24 * time.Hour)}
	got, err := s.Sum(t.Context(), ledger.Question{Filter: midnight})
	if err != nil {
		t.Fatal(err)
	}
	want, err := ledgertest.SumOf(all, ledger.Question{Filter: midnight})
	if err != nil {
		t.Fatal(err)
	}
	if got.Total != want.Total {
		t.Errorf("total = %v, want %v", got.Total, want.Total)
	}
}
