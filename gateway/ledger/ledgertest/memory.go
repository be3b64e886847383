package ledgertest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"windhover/gateway/ledger"
	"windhover/gateway/usage"
)

// Memory is a store in memory that does what ledger.Store says in the plainest way: to compare others with, and to stand in
// for one in tests. The zero value is empty and ready.
type Memory struct {
	mu      sync.RWMutex
	kept    map[string]*usage.Record // by ID; never written once they are here
	expired []*usage.Record
	prices  map[string][]byte
	closed  bool
}

var errClosed = errors.New("the store is closed")

// Write keeps a batch.
func (m *Memory) Write(ctx context.Context, batch []*usage.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usable(ctx); err != nil {
		return fmt.Errorf("write batch: %w", err)
	}
	if m.kept == nil {
		m.kept, m.prices = map[string]*usage.Record{}, map[string][]byte{}
	}
	for _, r := range batch {
		m.keepPrice(r.Price)
		if old := m.kept[r.ID]; old == nil || old.Checkpoint && (!r.Checkpoint || r.Duration > old.Duration) {
			m.kept[r.ID] = copyOf(r)
		}
	}
	return nil
}

func (m *Memory) keepPrice(p *usage.Price) {
	if p != nil && m.prices[p.ID] == nil {
		m.prices[p.ID] = slices.Clone(p.Row)
	}
}

// Reprice gives records another cost.
func (m *Memory) Reprice(ctx context.Context, changes []ledger.Repriced) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usable(ctx); err != nil {
		return fmt.Errorf("reprice: %w", err)
	}
	for _, c := range changes {
		old := m.kept[c.ID]
		if old == nil {
			continue
		}
		m.keepPrice(c.Price)
		r := *old
		r.CostState, r.CostNanoUSD, r.Price = c.CostState, c.CostNanoUSD, c.Price
		m.kept[c.ID] = copyOf(&r)
	}
	return nil
}

// expiredAtOnce is few, so that those who call Expire are seen to call it again.
const expiredAtOnce = 10

// Expire deletes the oldest of the records that began before a time.
func (m *Memory) Expire(ctx context.Context, before time.Time) (more bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usable(ctx); err != nil {
		return false, fmt.Errorf("expire records: %w", err)
	}
	old := m.chosen(&ledger.Filter{To: before.UTC().Truncate(24 * time.Hour)})
	slices.Reverse(old)
	more = len(old) > expiredAtOnce
	for _, r := range old[:min(len(old), expiredAtOnce)] {
		delete(m.kept, r.ID)
		m.expired = append(m.expired, r)
	}
	return more, nil
}

// Sum adds up what a question chooses.
func (m *Memory) Sum(ctx context.Context, q ledger.Question) (*ledger.Answer, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if err := m.usable(ctx); err != nil {
		return nil, fmt.Errorf("sum: %w", err)
	}
	q.Filter = m.widened(q.Filter)
	records := m.chosen(&q.Filter)
	for _, r := range m.expired {
		if q.Chooses(r) {
			records = append(records, r)
		}
	}
	return SumOf(records, q)
}

// widened moves an end of a range that is within an hour of which records have expired to that of the hour.
func (m *Memory) widened(f ledger.Filter) ledger.Filter {
	f.From, f.To = millisecond(f.From), millisecond(f.To)
	for _, r := range m.expired {
		from := r.Time.Truncate(time.Hour)
		to := from.Add(time.Hour)
		if f.From.After(from) && f.From.Before(to) {
			f.From = from
		}
		if f.To.After(from) && f.To.Before(to) {
			f.To = to
		}
	}
	return f
}

// Scan hands the records that a filter chooses to yield, the newest first.
func (m *Memory) Scan(ctx context.Context, f ledger.Filter, after ledger.Cursor, yield func(*usage.Record) bool) error {
	m.mu.RLock()
	err := m.usable(ctx)
	records := m.chosen(&f)
	m.mu.RUnlock()
	for _, r := range records {
		if err = cmp.Or(err, ctx.Err()); err != nil {
			return fmt.Errorf("scan records: %w", err)
		}
		if behind(r, after) && !yield(copyOf(r)) {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("scan records: %w", err)
	}
	return nil
}

// behind reports whether a record comes after a place in the order of records.
func behind(r *usage.Record, place ledger.Cursor) bool {
	return place == ledger.Cursor{} || newestFirst(r, &usage.Record{Time: place.Time, ID: place.ID}) > 0
}

// Record is the record of that ID.
func (m *Memory) Record(ctx context.Context, id string) (*usage.Record, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if err := m.usable(ctx); err != nil {
		return nil, fmt.Errorf("read record: %w", err)
	}
	if m.kept[id] == nil {
		return nil, ledger.ErrNotFound
	}
	r := copyOf(m.kept[id])
	if r.Price != nil {
		r.Price.Row = slices.Clone(m.prices[r.Price.ID])
	}
	return r, nil
}

// Close makes everything else fail.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

func (m *Memory) usable(ctx context.Context) error {
	if m.closed {
		return errClosed
	}
	return ctx.Err()
}

// chosen are the records that a filter chooses, the newest first.
func (m *Memory) chosen(f *ledger.Filter) []*usage.Record {
	var records []*usage.Record
	for _, r := range m.kept {
		if f.Chooses(r) {
			records = append(records, r)
		}
	}
	slices.SortFunc(records, newestFirst)
	return records
}

func newestFirst(a, b *usage.Record) int {
	return cmp.Or(cmp.Compare(b.Time.UnixMilli(), a.Time.UnixMilli()), cmp.Compare(b.ID, a.ID))
}

// copyOf is a record as it comes back from its JSON, which is what a store keeps of it.
func copyOf(r *usage.Record) *usage.Record {
	line, err := json.Marshal(r)
	if err != nil {
		panic(err) // our bug: every record encodes
	}
	var c usage.Record
	if err := json.Unmarshal(line, &c); err != nil {
		panic(err) // our bug: what was encoded decodes
	}
	return &c
}

// SumOf answers a question from the records that its filter chooses.
func SumOf(records []*usage.Record, q ledger.Question) (*ledger.Answer, error) {
	for _, d := range q.GroupBy {
		if !known(d) {
			return nil, fmt.Errorf("sum: unknown dimension %q", string(d))
		}
	}
	a := &ledger.Answer{From: millisecond(q.From), To: millisecond(q.To)}
	rows := map[string]*ledger.Row{}
	if len(q.GroupBy) == 0 {
		rows[""] = &ledger.Row{} // the totals are there even of nothing
	}
	for _, r := range records {
		var group []string
		for _, d := range q.GroupBy {
			group = append(group, d.Of(r))
		}
		name := strings.Join(group, "\x00")
		if rows[name] == nil {
			rows[name] = &ledger.Row{Group: group}
		}
		sums := ledger.SumsOf(r)
		rows[name].Sums.Add(sums)
		a.Total.Add(sums)
	}
	if q.MaxRows > 0 && len(rows) > q.MaxRows {
		return nil, fmt.Errorf("sum: %w", ledger.ErrTooManyRows)
	}
	for _, row := range rows {
		if len(q.GroupBy) == 0 || row.Sums != (ledger.Sums{}) {
			a.Rows = append(a.Rows, *row)
		}
	}
	slices.SortFunc(a.Rows, orderOf(q.GroupBy))
	return a, nil
}

func known(d ledger.Dimension) bool {
	switch d {
	case ledger.ByProvider, ledger.ByModel, ledger.ByKey, ledger.ByStatus, ledger.ByHour, ledger.ByDay:
		return true
	}
	return d.Label() != ""
}

// orderOf is the order of an answer's rows: of time, then the most expensive first, then by group.
func orderOf(dimensions []ledger.Dimension) func(a, b ledger.Row) int {
	return func(a, b ledger.Row) int {
		for i, d := range dimensions {
			if d != ledger.ByHour && d != ledger.ByDay {
				continue
			}
			if c := cmp.Compare(a.Group[i], b.Group[i]); c != 0 {
				return c
			}
		}
		return cmp.Or(cmp.Compare(b.Sums[ledger.CostNanoUSD], a.Sums[ledger.CostNanoUSD]), slices.Compare(a.Group, b.Group))
	}
}

// millisecond is a time as stores count it; zero stays zero.
func millisecond(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}
