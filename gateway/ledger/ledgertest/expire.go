package ledgertest

import (
	"errors"
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
	before := epoch.Add(24 * time.Hour)
	expire(t, s, before.Add(7*time.Hour)) // only whole days expire

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
	fullHours := ledger.Filter{From: epoch.Add(5 * time.Hour), To: epoch.Add(50 * time.Hour)}
	for _, d := range dimensions() {
		answered(t, s, ledger.Question{GroupBy: []ledger.Dimension{d}}, records)
		answered(t, s, ledger.Question{Filter: fullHours, GroupBy: []ledger.Dimension{d}}, records)
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
// the full hours or days around what was asked, and its sums are those of all records in it, expired or not.
func rangesAmongExpiredRecordsAreWidened(t *testing.T, s ledger.Store) {
	rnd := seeded(t)
	records := randoms(rnd, 800)
	write(t, s, records...)
	before := epoch.Add(48 * time.Hour)
	expire(t, s, before)
	widened, tested := 0, 0
	for range 200 {
		q := ledger.Question{Filter: randomFilter(rnd), GroupBy: randomGroups(rnd)}
		a, err := s.Sum(t.Context(), q)
		if gone := new(ledger.ExpiredError); errors.As(err, &gone) {
			if !combines(q) {
				t.Errorf("Sum of %+v: %v, want an answer", q, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("Sum of %+v: %v", q, err)
		}
		tested++
		from, to := millisecond(q.From), millisecond(q.To)
		if !covers(a, from, to, before, time.Hour) && !(detailed(q) && covers(a, from, to, before, 24*time.Hour)) {
			t.Errorf("range of %+v = %v to %v, want it, or where records have expired the full hours around it", q, a.From, a.To)
		}
		if !a.From.Equal(from) || !a.To.Equal(to) {
			widened++
		}
		covered := q
		covered.From, covered.To = a.From, a.To
		sameAnswer(t, covered, a, answerFrom(t, covered, records))
		if t.Failed() {
			return // one is enough to read
		}
	}
	if widened == 0 || tested < 20 {
		t.Errorf("%d ranges of %d were widened, want some of many", widened, tested)
	}
}

// covers reports whether an answer's range is the one that was asked for, or, at its ends where records have expired, that of
// the full buckets around it.
func covers(a *ledger.Answer, from, to, expired time.Time, bucket time.Duration) bool {
	end := func(got, asked, full time.Time) bool {
		return got.Equal(asked) || !asked.IsZero() && got.Equal(full) && asked.Before(expired)
	}
	return end(a.From, from, from.Truncate(bucket)) && end(a.To, to, to.Add(bucket-1).Truncate(bucket))
}

// combines reports whether a question combines what totals need not tell apart, so that it may fail where records have
// expired: a key with a label, two labels, and models or providers of either by hour.
func combines(q ledger.Question) bool {
	key, labels := about(q)
	hourly := slices.Contains(q.GroupBy, ledger.ByHour)
	return key && labels > 0 || labels > 1 || detailed(q) && hourly
}

// detailed reports whether a question is about models or providers of a key or label, of which totals may be kept by day only.
func detailed(q ledger.Question) bool {
	key, labels := about(q)
	models := len(q.Models)+len(q.Providers) > 0 || slices.Contains(q.GroupBy, ledger.ByModel) || slices.Contains(q.GroupBy, ledger.ByProvider)
	return (key || labels > 0) && models
}

// about reports whether a question is about keys, and about how many labels.
func about(q ledger.Question) (key bool, labels int) {
	names := map[string]bool{}
	for _, l := range q.Labels {
		names[l.Name] = true
	}
	for _, d := range q.GroupBy {
		if d.Label() != "" {
			names[d.Label()] = true
		}
	}
	return len(q.Keys) > 0 || slices.Contains(q.GroupBy, ledger.ByKey), len(names)
}
