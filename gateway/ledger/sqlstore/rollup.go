package sqlstore

import (
	"cmp"
	"slices"
	"time"

	"windhover/gateway/ledger"
	"windhover/gateway/usage"
)

// Grain is the length of a rollup's buckets, in milliseconds. Buckets begin at multiples of it in UTC.
type Grain int64

// The grains.
const (
	Minute = Grain(time.Minute / time.Millisecond)
	Hour   = 60 * Minute
	Day    = 24 * Hour
)

// Floor is the beginning of the bucket that a time in milliseconds is in.
func (g Grain) Floor(ms int64) int64 {
	if ms == always || ms == never {
		return ms
	}
	start := ms - ms%int64(g)
	if start > ms {
		start -= int64(g) // % goes towards 0, and time before 1970 is below it
	}
	return start
}

// ceil is the beginning of the first bucket that begins at a time or after it.
func (g Grain) ceil(ms int64) int64 {
	if start := g.Floor(ms); start < ms {
		return start + int64(g)
	}
	return ms
}

// Bucket is the key of one row of the rollups. A cut is what records are told apart by, besides time and status:
//
//	all           Provider, Model           by minute, hour and day
//	key           Who, the key              by hour and day
//	label:NAME    Who, the label's value    by hour and day
//	key+          Who, Provider, Model      by day
//	label+:NAME   Who, Provider, Model      by day
//
// The last two hold a row for each model of each key, and are the ones that grow: they are kept by day only, and totals of a
// key need not add them up. Records without a key or a label are not in its cuts: they are what is left of all.
type Bucket struct {
	Cut      string
	Grain    Grain
	Start    int64 // milliseconds since 1970
	Who      string
	Provider string
	Model    string
	Status   int
}

// CutAll is the cut that is kept by minute.
const CutAll = "all"

// cutOf is the cut by key (of no label) or by a label, in detail or not.
func cutOf(label string, detail bool) string {
	switch {
	case label == "" && detail:
		return "key+"
	case label == "":
		return "key"
	case detail:
		return "label+:" + label
	}
	return "label:" + label
}

// grainsOf are the grains that a cut is kept by, the finest first.
func grainsOf(cut string, detail bool) []Grain {
	switch {
	case cut == CutAll:
		return []Grain{Minute, Hour, Day}
	case detail:
		return []Grain{Day}
	}
	return []Grain{Hour, Day}
}

// Deltas are what rows of the rollups change by: those of each cut's finest grain, as the others follow from them.
type Deltas map[Bucket]*ledger.Sums

// Count is what records add.
func Count(records []*usage.Record) Deltas {
	d := make(Deltas, len(records)/4)
	for _, r := range records {
		d.Add(r)
	}
	return d
}

// Add counts a record in.
func (d Deltas) Add(r *usage.Record) { d.AddSums(r, ledger.SumsOf(r)) }

// Sub takes a record off again, as it was when it was counted.
func (d Deltas) Sub(r *usage.Record) {
	var s ledger.Sums
	s.Sub(ledger.SumsOf(r))
	d.AddSums(r, s)
}

// AddSums counts sums in wherever the record is counted.
func (d Deltas) AddSums(r *usage.Record, s ledger.Sums) {
	ms := r.Time.UnixMilli()
	all := Bucket{Cut: CutAll, Provider: valid(r.Provider), Model: valid(ledger.ModelOf(r)), Status: r.Status}
	d.add(all, Minute, ms, &s)
	if r.Key != "" {
		d.addWho("", valid(r.Key), all, ms, &s)
	}
	for name, value := range labelsOf(r) {
		d.addWho(name, value, all, ms, &s)
	}
}

func (d Deltas) addWho(label, who string, b Bucket, ms int64, s *ledger.Sums) {
	b.Cut, b.Who = cutOf(label, true), who
	d.add(b, Day, ms, s)
	d.add(Bucket{Cut: cutOf(label, false), Who: who, Status: b.Status}, Hour, ms, s)
}

func (d Deltas) add(b Bucket, g Grain, ms int64, s *ledger.Sums) {
	b.Grain, b.Start = g, g.Floor(ms)
	sums := d[b]
	if sums == nil {
		sums = new(ledger.Sums)
		d[b] = sums
	}
	sums.Add(*s)
}

// coarser adds the grains that follow from the finest one of each cut.
func (d Deltas) coarser() Deltas {
	all := make(Deltas, 2*len(d))
	for b, s := range d {
		all.add(b, b.Grain, b.Start, s)
		for _, g := range []Grain{Hour, Day} {
			if g > b.Grain {
				all.add(b, g, b.Start, s)
			}
		}
	}
	return all
}

// Delta is one row's change.
type Delta struct {
	Bucket
	Sums *ledger.Sums
}

// Sorted are the changes in the order of the rollups' primary key, which keeps writers out of each other's way and touches
// every page once. What does not change is left out.
func (d Deltas) Sorted() []Delta {
	d = d.coarser()
	sorted := make([]Delta, 0, len(d))
	for b, s := range d {
		if *s != (ledger.Sums{}) {
			sorted = append(sorted, Delta{b, s})
		}
	}
	slices.SortFunc(sorted, func(a, b Delta) int {
		return cmp.Or(cmp.Compare(a.Cut, b.Cut), cmp.Compare(a.Grain, b.Grain), cmp.Compare(a.Start, b.Start),
			cmp.Compare(a.Who, b.Who), cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Model, b.Model), cmp.Compare(a.Status, b.Status))
	})
	return sorted
}

// Values are the delta's values, in the order of RollupColumns.
func (d Delta) Values(to []any) []any {
	to = append(to, d.Cut, int64(d.Grain), d.Start, d.Who, d.Provider, d.Model, int64(d.Status))
	for _, n := range d.Sums {
		to = append(to, n)
	}
	return to
}
