package ledgertest

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"windhover/gateway/ledger"
	"windhover/gateway/usage"
)

func everyMeasureIsSummed(t *testing.T, s ledger.Store) {
	measured := full()
	measured.Checkpoint = false
	unpriced := Plain(epoch, 2)
	unpriced.CostState, unpriced.Status = usage.Unpriced, 500
	missing := Plain(epoch, 3)
	missing.UsageState, missing.FirstByte = usage.Missing, 0
	records := []*usage.Record{measured, unpriced, missing}
	write(t, s, records...)

	var want ledger.Sums
	for _, r := range records {
		want.Add(ledger.SumsOf(r))
	}
	got := total(t, s)
	for _, m := range ledger.Measures() {
		if got[m] != want[m] || want[m] == 0 {
			t.Errorf("%s = %d, want %d, which is not 0", m, got[m], want[m])
		}
	}
}

func sumOfNothingIsARowOfZeros(t *testing.T, s ledger.Store) {
	write(t, s, Plain(epoch, 1))
	empty := []ledger.Filter{
		{Providers: []string{"nobody"}},
		{From: epoch.Add(time.Millisecond)},
		{To: epoch},
		{From: epoch, To: epoch},
		{From: epoch.Add(time.Hour), To: epoch.Add(-time.Hour)},
	}
	for _, f := range empty {
		answered(t, s, ledger.Question{Filter: f}, nil)
		answered(t, s, ledger.Question{Filter: f, GroupBy: []ledger.Dimension{ledger.ByModel}}, nil)
	}
}

func rangeIsHalfOpenAtTheMillisecond(t *testing.T, s ledger.Store) {
	var records []*usage.Record
	instants := []time.Time{epoch, epoch.Add(time.Minute), epoch.Add(time.Hour), epoch.Add(24 * time.Hour), epoch.Add(25*time.Hour + time.Minute + time.Second)}
	for i, at := range instants {
		for j := range 3 {
			records = append(records, Plain(at.Add(time.Duration(j-1)*time.Millisecond), 3*i+j))
		}
	}
	write(t, s, records...)
	var edges []time.Time
	for _, r := range records {
		edges = append(edges, r.Time, r.Time.Add(999_999)) // which counts as the millisecond that it is in
	}
	edges = append(edges, time.Time{})
	for _, from := range edges {
		for _, to := range edges {
			answered(t, s, ledger.Question{Filter: ledger.Filter{From: from, To: to}}, records)
		}
	}
	got := sum(t, s, ledger.Question{Filter: ledger.Filter{From: epoch, To: epoch.Add(time.Hour)}}).Total[ledger.Requests]
	if got != 6 { // 00:00:00.000, .001, 00:00:59.999, 00:01:00.000, .001, 00:59:59.999
		t.Errorf("requests in the first hour = %d, want 6", got)
	}
}

func rowsComeInTheirOrder(t *testing.T, s ledger.Store) {
	var records []*usage.Record
	add := func(model string, cost int64, at time.Duration) {
		r := Plain(epoch.Add(at), len(records))
		r.Usage.SetText(usage.Model, model)
		r.CostNanoUSD = cost
		records = append(records, r)
	}
	add("b", 5, 0)
	add("a", 5, time.Hour)
	add("é", 5, time.Hour)
	add("B", 5, 0)
	add("z", 9, time.Hour)
	add("A", 1, 0)
	write(t, s, records...)

	groups := func(by ...ledger.Dimension) (names []string) {
		for _, row := range sum(t, s, ledger.Question{GroupBy: by}).Rows {
			name := row.Group[0]
			for _, value := range row.Group[1:] {
				name += " " + value
			}
			names = append(names, name)
		}
		return names
	}
	if got, want := groups(ledger.ByModel), []string{"z", "B", "a", "b", "é", "A"}; !slices.Equal(got, want) {
		t.Errorf("rows by model = %q, want %q", got, want)
	}
	const first, second = "2026-11-20T00:00:00Z", "2026-11-20T01:00:00Z"
	want := []string{"B " + first, "b " + first, "A " + first, "z " + second, "a " + second, "é " + second}
	if got := groups(ledger.ByModel, ledger.ByHour); !slices.Equal(got, want) {
		t.Errorf("rows by model and hour = %q, want %q", got, want)
	}
}

func tooManyRowsAreRefused(t *testing.T, s ledger.Store) {
	var records []*usage.Record
	for i := range 5 {
		r := Plain(epoch.Add(time.Duration(i)*time.Hour), i)
		r.Usage.SetText(usage.Model, string(rune('a'+i)))
		records = append(records, r)
	}
	write(t, s, records...)
	for _, d := range []ledger.Dimension{ledger.ByModel, ledger.ByHour} {
		q := ledger.Question{GroupBy: []ledger.Dimension{d}, MaxRows: 5}
		answered(t, s, q, records)
		q.MaxRows = 4
		if a, err := s.Sum(t.Context(), q); a != nil || !errors.Is(err, ledger.ErrTooManyRows) {
			t.Errorf("Sum of %+v = %v, %v, want %v", q, a, err, ledger.ErrTooManyRows)
		}
	}
}

func oddTextIsAGroupToo(t *testing.T, s ledger.Store) {
	var records []*usage.Record
	for _, r := range odd() {
		records = append(records, r)
	}
	write(t, s, records...)
	everySum(t, s, records)
	for _, d := range []ledger.Dimension{ledger.ByModel, ledger.ByLabel("team"), ledger.ByLabel("quote'\""), ledger.ByLabel("nobody"), ledger.ByLabel("\x00")} {
		answered(t, s, ledger.Question{GroupBy: []ledger.Dimension{d}}, records)
		for _, row := range sum(t, s, ledger.Question{GroupBy: []ledger.Dimension{d}}).Rows {
			f := ledger.Filter{Models: row.Group}
			if d != ledger.ByModel {
				f = ledger.Filter{Labels: []ledger.Label{{Name: d.Label(), Value: row.Group[0]}}}
			}
			if got := sum(t, s, ledger.Question{Filter: f}).Total; got != row.Sums {
				t.Errorf("sums of %s %q = %v, want those of its row, %v", d, row.Group, got, row.Sums)
			}
		}
	}
}

// numbersThatNobodyMeansAreSummed writes what a mistaken rule makes of every request: no write fails, and no sum.
func numbersThatNobodyMeansAreSummed(t *testing.T, s ledger.Store) {
	records := plains(epoch, 1_100) // more than 2^63 / 2^53
	for _, r := range records {
		r.CostNanoUSD = math.MaxInt64
		for f := range usage.Fields() {
			r.Usage.SetNumber(f, usage.Whole(1<<53))
		}
	}
	write(t, s, records...)
	for _, by := range [][]ledger.Dimension{nil, {ledger.ByModel}, {ledger.ByHour}, {ledger.ByKey}} {
		answered(t, s, ledger.Question{GroupBy: by}, records)
	}
}

func unknownDimensionIsAnError(t *testing.T, s ledger.Store) {
	write(t, s, Plain(epoch, 1))
	for _, d := range []ledger.Dimension{"", "colour", "label:", "Provider", "provider; drop table records"} {
		if a, err := s.Sum(t.Context(), ledger.Question{GroupBy: []ledger.Dimension{ledger.ByModel, d}}); err == nil {
			t.Errorf("Sum by %q = %+v, want an error", d, a)
		}
	}
}

// anyQuestionIsAnsweredFromTheRecords asks at random. Rows and totals are those that the records give one by one, whatever
// rollups a store takes them from.
func anyQuestionIsAnsweredFromTheRecords(t *testing.T, s ledger.Store) {
	rnd := seeded(t)
	records := randoms(rnd, 1_500)
	for batch := range slices.Chunk(records, 300) {
		write(t, s, batch...)
	}
	for range 100 {
		q := ledger.Question{Filter: randomFilter(rnd), GroupBy: randomGroups(rnd)}
		answered(t, s, q, records)
		var rows ledger.Sums
		a := sum(t, s, q)
		for _, row := range a.Rows {
			rows.Add(row.Sums)
		}
		if rows != a.Total {
			t.Errorf("rows of %+v add up to %v, want the total, %v", q, rows, a.Total)
		}
		if t.Failed() {
			return // one is enough to read
		}
	}
}

func seeded(t *testing.T) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// randoms are random records, the newest first.
func randoms(rnd *rand.Rand, n int) []*usage.Record {
	records := make([]*usage.Record, n)
	for i := range records {
		records[i] = random(rnd, i)
	}
	slices.SortFunc(records, newestFirst)
	return records
}

// randomFilter chooses none or few values of each kind, in a range that begins and ends anywhere: at a midnight somewhere in
// the world, at a full hour or minute, or between.
func randomFilter(rnd *rand.Rand) ledger.Filter {
	f := ledger.Filter{
		Providers: some(rnd, "openai", "anthropic", "Google", "", "nobody"),
		Models:    some(rnd, "gpt-5", "gpt-5-mini", "Claude", "a_b", "a%", "claude", "é"),
		Statuses:  some(rnd, 0, 200, 429, 500),
		Keys:      some(rnd, "", "0011223344556677", usage.Other),
		From:      randomTime(rnd),
		To:        randomTime(rnd),
	}
	for _, name := range []string{"team", "env"} {
		for _, value := range some(rnd, "a", "b", "A", "") {
			f.Labels = append(f.Labels, ledger.Label{Name: name, Value: value})
		}
	}
	if !f.From.IsZero() && f.From.After(f.To) {
		f.From, f.To = f.To, f.From
	}
	return f
}

// some are any of the values, and mostly none.
func some[T any](rnd *rand.Rand, values ...T) []T {
	var chosen []T
	for rnd.IntN(3) == 0 {
		chosen = append(chosen, pick(rnd, values...))
	}
	return chosen
}

func randomTime(rnd *rand.Rand) time.Time {
	zone := time.FixedZone("", pick(rnd, 0, 3600, 5*3600+45*60, -3*3600-1800, 14*3600, -12*3600, 7))
	at := epoch.Add(time.Duration(rnd.Int64N(int64(100*time.Hour))) - 12*time.Hour).In(zone)
	switch rnd.IntN(5) {
	case 0:
		return time.Time{}
	case 1:
		return time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, zone)
	case 2:
		return at.Truncate(time.Hour)
	case 3:
		return at.Truncate(time.Minute)
	}
	return at
}

func randomGroups(rnd *rand.Rand) []ledger.Dimension {
	all := dimensions()
	rnd.Shuffle(len(all), reflect.Swapper(all))
	return all[:rnd.IntN(4)]
}
