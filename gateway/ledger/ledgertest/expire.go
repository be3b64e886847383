package ledgertest

import (
	"slices"
	"testing"
	"time"

	"windhover/gateway/ledger"
	"windhover/gateway/usage"
)

// expire deletes all records that began before a time.
func expire(t *testing.T, s ledger.Store, before time.Time) {
	t.Helper()
	for range 10_000 {
		more, err := s.Expire(t.Context(), before)
		if err != nil {
			t.Fatalf("Expire: %v", err)
		}
		if !more {
			return
		}
	}
	t.Fatal("Expire has more without end")
}

func expireDeletesRecordsAndKeepsTotals(t *testing.T, s ledger.Store) {
	records := randoms(seeded(t), 500)
	write(t, s, records...)
	before := epoch.Add(29*time.Hour + 17*time.Minute + 3*time.Millisecond)
	expire(t, s, before)

	var left []string
	for _, r := range records {
		if !r.Time.Before(before) {
			left = append(left, r.ID)
		}
	}
	if got := ids(scan(t, s, ledger.Filter{}, ledger.Cursor{})); !slices.Equal(got, left) {
		t.Errorf("%d records are left, want %d", len(got), len(left))
	}
	oldest := records[len(records)-1]
	absent(t, s, oldest.ID)
	fullHours := ledger.Filter{From: epoch.Add(5 * time.Hour), To: epoch.Add(50 * time.Hour), Labels: []ledger.Label{{Name: "team", Value: "a"}}}
	for _, d := range dimensions() {
		answered(t, s, ledger.Question{GroupBy: []ledger.Dimension{d}}, records)
		answered(t, s, ledger.Question{Filter: fullHours, GroupBy: []ledger.Dimension{ledger.ByModel, d}}, records)
	}

	err := s.Reprice(t.Context(), []ledger.Repriced{{ID: oldest.ID, CostState: usage.Priced, CostNanoUSD: 1e9}})
	if err != nil {
		t.Fatalf("Reprice: %v", err)
	}
	later := Plain(epoch.Add(100*time.Hour), 1)
	write(t, s, later)
	expire(t, s, before)
	answered(t, s, ledger.Question{GroupBy: []ledger.Dimension{ledger.ByProvider}}, append(records, later))
}

func expireOfNothingIsDone(t *testing.T, s ledger.Store) {
	expire(t, s, epoch)
	records := plains(epoch, 3)
	write(t, s, records...)
	expire(t, s, epoch)
	everySum(t, s, records)
}

// rangesAmongExpiredRecordsAreWidened asks for ranges that begin or end anywhere. What the answer says that it covers is at most
// the full hours around what was asked, and its sums are those of all records in it, expired or not.
func rangesAmongExpiredRecordsAreWidened(t *testing.T, s ledger.Store) {
	rnd := seeded(t)
	records := randoms(rnd, 800)
	write(t, s, records...)
	before := epoch.Add(36*time.Hour + 30*time.Minute)
	expire(t, s, before)
	widened := 0
	for range 100 {
		q := ledger.Question{Filter: randomFilter(rnd), GroupBy: randomGroups(rnd)}
		a := sum(t, s, q)
		from, to := millisecond(q.From), millisecond(q.To)
		if !edge(a.From, from, hourOf(from), before) || !edge(a.To, to, hourOf(to.Add(time.Hour-1)), before) {
			t.Errorf("range of %+v = %v to %v, want it, or where records have expired the full hours around it", q, a.From, a.To)
		}
		if !a.From.Equal(from) || !a.To.Equal(to) {
			widened++
		}
		covered := q
		covered.From, covered.To = a.From, a.To
		sameAnswer(t, covered, a, answerFrom(t, covered, records))
	}
	if widened == 0 {
		t.Error("no range was widened")
	}
}

// edge reports whether an end of an answer's range is the one that was asked for, or may be the full hour's instead.
func edge(got, asked, full, expired time.Time) bool {
	if got.Equal(asked) {
		return true
	}
	return !asked.IsZero() && got.Equal(full) && asked.Before(hourOf(expired).Add(time.Hour))
}
