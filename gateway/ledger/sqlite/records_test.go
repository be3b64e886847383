package sqlite

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"windhover/gateway/ledger"
	"windhover/gateway/usage"
)

// open is a store of the test's own.
func open(t *testing.T) *Store {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "ledger.db"))
}

func openAt(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func mustWrite(t *testing.T, s *Store, batch ...*usage.Record) {
	t.Helper()
	if err := s.Write(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
}

func mustSum(t *testing.T, r ledger.Reader, q ledger.Question) *ledger.Answer {
	t.Helper()
	a, err := r.Sum(t.Context(), q)
	if err != nil {
		t.Fatalf("Sum of %+v: %v", q, err)
	}
	return a
}

// requests is how many the ledger counts.
func requests(t *testing.T, r ledger.Reader) int64 {
	t.Helper()
	return mustSum(t, r, ledger.Question{}).Total[ledger.Requests]
}

// epoch is a midnight in UTC.
var epoch = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

// plain is the n-th of ordinary records, a second apart.
func plain(n int) *usage.Record {
	rec := &usage.Record{
		ID: recordID(n), Attempt: 1, Final: true, Time: epoch.Add(time.Duration(n) * time.Second), Provider: "openai",
		RequestModel: "gpt-5", Status: 200, End: usage.EndComplete, UsageState: usage.Reported, Duration: time.Second,
		CostState: usage.Priced, CostNanoUSD: 1000, Key: "00112233445566ff",
	}
	rec.Usage.SetNumber(usage.InputTokens, usage.Whole(30))
	return rec
}

func plains(from, to int) []*usage.Record {
	var records []*usage.Record
	for n := from; n < to; n++ {
		records = append(records, plain(n))
	}
	return records
}

func recordID(n int) string { return fmt.Sprintf("01935b0e-0000-7000-8000-%012x", n) }

// maker makes records of few values, so that groups hold several, at times over some days that are often the very ends of
// minutes, hours and days.
type maker struct {
	*rand.Rand
	n int
}

func (m *maker) record() *usage.Record {
	m.n++
	rec := plain(m.n)
	rec.Time = m.time()
	rec.Provider, rec.RequestModel = pick(m, "", "openai", "anthropic"), pick(m, "a", "b")
	rec.Usage.SetText(usage.Model, pick(m, "", "a", "b", "c"))
	rec.Key, rec.Status = pick(m, "", "k1", "k2", usage.Other), pick(m, 0, 200, 200, 200, 429)
	rec.Attempt, rec.Final = m.IntN(3), m.IntN(3) > 0
	rec.UsageState = pick(m, usage.Reported, usage.Partial, usage.Missing, usage.Unreadable, usage.None)
	rec.CostState, rec.CostNanoUSD = pick(m, usage.Priced, usage.CostReported, usage.Unpriced, ""), m.Int64N(1e9)
	rec.Duration, rec.FirstByte = m.micros(), m.micros()
	rec.BytesIn, rec.BytesOut = m.Int64N(1e6), m.Int64N(1e6)
	for f := range usage.Fields() {
		if f.Number() && m.IntN(3) == 0 {
			rec.Usage.SetNumber(f, m.number())
		}
	}
	for _, name := range []string{"team", "env"} {
		if value := pick(m, "", "x", "y"); value != "" {
			if rec.Labels == nil {
				rec.Labels = map[string]string{}
			}
			rec.Labels[name] = value
		}
	}
	return rec
}

// days is how long the records of a maker are spread over.
const days = 4

func (m *maker) time() time.Time {
	at := epoch.Add(time.Duration(m.Int64N(days*24*3600e3)) * time.Millisecond)
	if unit := pick(m, 0, 0, time.Minute, time.Hour, 24*time.Hour); unit > 0 {
		at = at.Truncate(unit).Add(time.Duration(m.IntN(3)-1) * time.Millisecond)
	}
	return at
}

func (m *maker) micros() time.Duration {
	return time.Duration(m.IntN(2)*m.IntN(1e9)) * time.Microsecond
}

// number is a count, and now and then what cannot be one.
func (m *maker) number() usage.Number {
	switch m.IntN(12) {
	case 0:
		return usage.Whole(-m.Int64N(100))
	case 1:
		return usage.Whole(1<<53 + m.Int64N(100))
	case 2:
		return usage.Decimal(m.Float64() * 100)
	case 3:
		return usage.Decimal(m.Float64() * 1e300)
	}
	return usage.Whole(m.Int64N(10_000))
}

func pick[T any](m *maker, values ...T) T { return values[m.IntN(len(values))] }
