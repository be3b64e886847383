package sqlite

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"windhover/gateway/ledger"
	"windhover/gateway/ledger/sqlstore"
	"windhover/gateway/usage"
)

// history is a store, and all that was ever written to it.
type history struct {
	*maker
	store   *Store
	ever    map[string]*usage.Record // by ID, as it was last
	there   []string                 // the IDs of those that have not expired
	expired time.Time                // before that day
}

// TestSumsAgreeWithRecordsWhateverHappened asks for any range in any time zone, by any groups and through any filters, while
// records are written, written again, replaced, repriced and expired. The answer must be what one gets by adding up the records
// of the range that it says it covers.
func TestSumsAgreeWithRecordsWhateverHappened(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		h := &history{maker: &maker{Rand: rand.New(rand.NewPCG(seed, 5))}, store: open(t), ever: map[string]*usage.Record{}}
		asked, refused := 0, 0
		for range 25 {
			h.happen(t)
			for range 12 {
				asked++
				if !h.ask(t) {
					refused++
				}
			}
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
		if refused > asked/2 || h.expired.IsZero() {
			t.Errorf("%d of %d questions were refused, expired before %v", refused, asked, h.expired)
		}
	}
}

// happen does one thing to the store.
func (h *history) happen(t *testing.T) {
	t.Helper()
	switch h.IntN(8) {
	case 0:
		h.reprice(t)
	case 1:
		if h.IntN(2) == 0 {
			h.expire(t)
		}
	case 2:
		h.writeAgain(t)
	default:
		h.write(t)
	}
}

// write writes new records, some of them twice, some of them checkpoints that are replaced at once or later.
func (h *history) write(t *testing.T) {
	t.Helper()
	var batch []*usage.Record
	for range h.IntN(60) {
		rec := h.record()
		rec.Checkpoint = h.IntN(6) == 0
		batch = append(batch, rec)
		switch h.IntN(10) {
		case 0:
			batch = append(batch, h.copyOf(rec))
		case 1:
			rec.Checkpoint = true
			rec = h.successor(rec)
			batch = append(batch, rec)
		}
		h.ever[rec.ID] = rec
		h.there = append(h.there, rec.ID)
	}
	mustWrite(t, h.store, batch...)
}

// writeAgain writes records that are there: checkpoints are replaced, all others stay as they are.
func (h *history) writeAgain(t *testing.T) {
	t.Helper()
	for range min(20, len(h.there)) {
		rec := h.ever[pick(h.maker, h.there...)]
		next := h.successor(rec)
		if rec.Checkpoint {
			h.ever[rec.ID] = next
		}
		mustWrite(t, h.store, next)
	}
}

// successor is a record of the same ID, of a session that went on: with other numbers, and even another time.
func (h *history) successor(rec *usage.Record) *usage.Record {
	next := h.record()
	next.ID, next.Duration = rec.ID, rec.Duration+time.Second
	if !h.expired.IsZero() && next.Time.Before(h.expired) {
		next.Time = rec.Time
	}
	return next
}

func (h *history) copyOf(rec *usage.Record) *usage.Record {
	again := *rec
	return &again
}

func (h *history) reprice(t *testing.T) {
	t.Helper()
	changes := []ledger.Repriced{{ID: recordID(1 << 40), CostState: usage.Priced, CostNanoUSD: 1}}
	for range min(20, len(h.there)) {
		c := ledger.Repriced{ID: pick(h.maker, h.there...), CostState: pick(h.maker, usage.Priced, usage.Unpriced), CostNanoUSD: h.Int64N(1e9)}
		rec := *h.ever[c.ID]
		rec.CostState, rec.CostNanoUSD = c.CostState, c.CostNanoUSD
		h.ever[c.ID] = &rec
		changes = append(changes, c)
	}
	if err := h.store.Reprice(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
}

func (h *history) expire(t *testing.T) {
	t.Helper()
	before := h.time()
	for more := true; more; {
		var err error
		if more, err = h.store.Expire(t.Context(), before); err != nil {
			t.Fatal(err)
		}
	}
	day := before.Truncate(24 * time.Hour)
	left := slices.DeleteFunc(slices.Clone(h.there), func(id string) bool { return h.ever[id].Time.Before(day) })
	if len(left) < len(h.there) && day.After(h.expired) {
		h.expired = day
	}
	h.there = left
}

// ask asks one question, and reports whether it was answered.
func (h *history) ask(t *testing.T) bool {
	t.Helper()
	q := h.question()
	got, err := h.store.Sum(t.Context(), q)
	if expired := new(ledger.ExpiredError); errors.As(err, &expired) {
		if !combines(q) || !q.From.Before(h.expired) {
			t.Errorf("Sum of %+v: %v", q, err)
		}
		return false
	}
	if err != nil {
		t.Fatalf("Sum of %+v: %v", q, err)
	}
	covered := q
	covered.From, covered.To = h.covered(q)
	if !got.From.Equal(covered.From) || !got.To.Equal(covered.To) {
		t.Errorf("Sum of %+v covers %v to %v, want %v to %v", q, got.From, got.To, covered.From, covered.To)
	}
	want := h.sum(covered)
	if got.Total != want.Total || !slices.EqualFunc(got.Rows, want.Rows, func(a, b ledger.Row) bool {
		return slices.Equal(a.Group, b.Group) && a.Sums == b.Sums
	}) {
		t.Errorf("Sum of %+v, expired before %v =\n%+v, want\n%+v", q, h.expired, got, want)
	}
	return true
}

// covered is the range that an answer must cover: what is asked, but that ends before a day whose records have expired are those of the
// hours around them, or of the days where only days tell models of keys apart.
func (h *history) covered(q ledger.Question) (from, to time.Time) {
	from, to = truncate(q.From, time.Millisecond), truncate(q.To, time.Millisecond)
	key, labels, models, _ := about(q)
	unit := time.Hour
	if (key || labels > 0) && models {
		unit = 24 * time.Hour
	}
	if !to.IsZero() && !from.Before(to) {
		return from, to
	}
	if !from.IsZero() && from.Before(h.expired) {
		from = from.Truncate(unit)
	}
	if !to.IsZero() && to.Before(h.expired) {
		to = to.Add(unit - 1).Truncate(unit)
	}
	return from, to
}

func truncate(at time.Time, unit time.Duration) time.Time {
	if at.IsZero() {
		return at
	}
	return at.UTC().Truncate(unit)
}

// about reports whether a question is about keys, about how many labels, about models or providers, and by hour.
func about(q ledger.Question) (key bool, labels int, models, hourly bool) {
	names := map[string]bool{}
	for _, l := range q.Labels {
		names[l.Name] = true
	}
	key, models = len(q.Keys) > 0, len(q.Models)+len(q.Providers) > 0
	for _, d := range q.GroupBy {
		key = key || d == ledger.ByKey
		models = models || d == ledger.ByModel || d == ledger.ByProvider
		hourly = hourly || d == ledger.ByHour
		if d.Label() != "" {
			names[d.Label()] = true
		}
	}
	return key, len(names), models, hourly
}

// combines reports whether only records can answer a question.
func combines(q ledger.Question) bool {
	key, labels, models, hourly := about(q)
	return key && labels > 0 || labels > 1 || (key || labels > 0) && models && hourly
}

func (h *history) question() ledger.Question {
	m := h.maker
	var q ledger.Question
	if zone := time.FixedZone("", pick(m, 0, -8, 1, 13)*3600+pick(m, 0, 0, 1800, 2700)); m.IntN(8) > 0 {
		q.From, q.To = m.edge(zone), m.edge(zone)
		if q.To.Before(q.From) {
			q.From, q.To = q.To, q.From
		}
		switch m.IntN(8) {
		case 0:
			q.From = time.Time{}
		case 1:
			q.To = time.Time{}
		}
	}
	all := []ledger.Dimension{ledger.ByProvider, ledger.ByModel, ledger.ByKey, ledger.ByStatus, ledger.ByHour, ledger.ByDay, ledger.ByLabel("team"), ledger.ByLabel("env")}
	m.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	q.GroupBy = all[:pick(m, 0, 1, 1, 1, 2, 2, 3)]
	if m.IntN(2) == 0 {
		return q
	}
	q.Providers = some(m, "", "openai", "anthropic", "nobody")
	q.Models = some(m, "a", "b", "c")
	q.Statuses = some(m, 0, 200, 429)
	q.Keys = some(m, "", "k1", "k2", usage.Other)
	q.Labels = some(m, ledger.Label{Name: "team", Value: ""}, ledger.Label{Name: "team", Value: "x"}, ledger.Label{Name: "team", Value: "y"}, ledger.Label{Name: "env", Value: "x"})
	return q
}

// edge is a time around those of the records, often a midnight somewhere in the world.
func (m *maker) edge(zone *time.Location) time.Time {
	at := epoch.Add(time.Duration(m.Int64N((days+2)*24*3600e3)-24*3600e3) * time.Millisecond).In(zone)
	switch m.IntN(4) {
	case 0:
		return time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, zone)
	case 1:
		return at.Truncate(time.Hour)
	case 2:
		return at.Add(time.Duration(m.IntN(1e6))) // within the millisecond
	}
	return at
}

// some are a few of the values, and mostly none, which chooses all.
func some[T any](m *maker, values ...T) []T {
	if m.IntN(3) > 0 {
		return nil
	}
	return slices.DeleteFunc(values, func(T) bool { return m.IntN(2) == 0 })
}

// sum adds up the records of a history.
func (h *history) sum(q ledger.Question) *ledger.Answer {
	groups := map[string]ledger.Row{}
	a := &ledger.Answer{}
	for _, rec := range h.ever {
		if !chosen(q.Filter, rec) {
			continue
		}
		var group []string
		for _, d := range q.GroupBy {
			group = append(group, textOf(rec, d))
		}
		row := groups[strings.Join(group, "\x00")]
		row.Group = group
		row.Sums.Add(ledger.SumsOf(rec))
		groups[strings.Join(group, "\x00")] = row
		a.Total.Add(ledger.SumsOf(rec))
	}
	for _, row := range groups {
		if row.Sums != (ledger.Sums{}) || len(q.GroupBy) == 0 {
			a.Rows = append(a.Rows, row)
		}
	}
	if len(a.Rows) == 0 && len(q.GroupBy) == 0 {
		a.Rows = []ledger.Row{{}}
	}
	slices.SortFunc(a.Rows, func(a, b ledger.Row) int {
		for i, d := range q.GroupBy {
			if c := strings.Compare(a.Group[i], b.Group[i]); c != 0 && (d == ledger.ByHour || d == ledger.ByDay) {
				return c
			}
		}
		return cmp.Or(cmp.Compare(b.Sums[ledger.CostNanoUSD], a.Sums[ledger.CostNanoUSD]), slices.Compare(a.Group, b.Group))
	})
	return a
}

func textOf(rec *usage.Record, d ledger.Dimension) string {
	switch d {
	case ledger.ByProvider:
		return rec.Provider
	case ledger.ByModel:
		return ledger.ModelOf(rec)
	case ledger.ByKey:
		return rec.Key
	case ledger.ByStatus:
		return strconv.Itoa(rec.Status)
	case ledger.ByHour:
		return rec.Time.UTC().Truncate(time.Hour).Format(time.RFC3339)
	case ledger.ByDay:
		return rec.Time.UTC().Truncate(24 * time.Hour).Format(time.RFC3339)
	}
	return rec.Labels[d.Label()]
}

func chosen(f ledger.Filter, rec *usage.Record) bool {
	if !f.From.IsZero() && rec.Time.Before(f.From) || !f.To.IsZero() && !rec.Time.Before(f.To) {
		return false
	}
	byName := map[string]bool{} // whether one of the values fits
	for _, l := range f.Labels {
		byName[l.Name] = byName[l.Name] || rec.Labels[l.Name] == l.Value
	}
	for _, fits := range byName {
		if !fits {
			return false
		}
	}
	return oneOf(f.Providers, rec.Provider) && oneOf(f.Models, ledger.ModelOf(rec)) && oneOf(f.Statuses, rec.Status) && oneOf(f.Keys, rec.Key)
}

func oneOf[T comparable](list []T, value T) bool {
	return len(list) == 0 || slices.Contains(list, value)
}

// TestScanFindsWhatAFilterChooses reads a page at a time from behind a cursor.
func TestScanFindsWhatAFilterChooses(t *testing.T) {
	t.Parallel()
	h := &history{maker: &maker{Rand: rand.New(rand.NewPCG(1, 6))}, store: open(t), ever: map[string]*usage.Record{}}
	for len(h.ever) < 1500 {
		h.write(t)
	}
	for range 40 {
		f := h.question().Filter
		f.From, f.To = truncate(f.From, time.Millisecond), truncate(f.To, time.Millisecond)
		var want, got []string
		for _, rec := range h.ever {
			if chosen(f, rec) {
				want = append(want, rec.ID)
			}
		}
		slices.SortFunc(want, func(a, b string) int {
			return cmp.Or(h.ever[b].Time.Compare(h.ever[a].Time), slices.Compare(sqlstore.EncodeID(b), sqlstore.EncodeID(a)))
		})
		for after, page := (ledger.Cursor{}), 1+h.IntN(300); ; {
			n := 0
			err := h.store.Scan(t.Context(), f, after, func(rec *usage.Record) bool {
				n++
				got, after = append(got, rec.ID), ledger.Cursor{Time: rec.Time, ID: rec.ID}
				return n < page
			})
			if err != nil {
				t.Fatal(err)
			}
			if n < page {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("Scan of %+v: %d records, want %d", f, len(got), len(want))
		}
	}
}
