package postgres

import (
	"fmt"
	"testing"
	"time"

	"windhover/gateway/ledger"
	"windhover/gateway/ledger/ledgertest"
	"windhover/gateway/usage"
)

// traffic are n records as a busy gateway makes them, a thousand a second, of 20 models, 200 keys and 20 teams.
func traffic(first, n int) []*usage.Record {
	batch := make([]*usage.Record, n)
	for i := range batch {
		id := first + i
		r := ledgertest.Plain(noon.Add(time.Duration(id)*time.Millisecond), id)
		r.Usage.SetText(usage.Model, fmt.Sprintf("model-%d", id%20))
		r.Provider, r.Key = fmt.Sprintf("provider-%d", id%4), fmt.Sprintf("%016x", id%200)
		r.Labels = map[string]string{"team": fmt.Sprintf("team-%d", id%20)}
		r.RawUsage = []byte(`{"prompt_tokens":31,"completion_tokens":20,"total_tokens":51,"prompt_tokens_details":{"cached_tokens":0}}`)
		batch[i] = r
	}
	return batch
}

// FSYNC=on .ci/postgres start FOLDER prints the URL of a server that is as slow as one that keeps what it is told.
func BenchmarkWrite(b *testing.B) {
	for _, size := range []int{100, 1000, 5000} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			s := open(b, empty(b))
			next := 0
			for b.Loop() {
				b.StopTimer()
				batch := traffic(next, size)
				next += size
				b.StartTimer()
				if err := s.Write(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(next)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

func BenchmarkSum(b *testing.B) {
	s := open(b, empty(b))
	const days, rows = 30, 100_000
	for first := 0; first < rows; first += 5000 {
		batch := traffic(first, 5000)
		for i, r := range batch {
			r.Time = noon.Add(time.Duration(first+i) * days * 24 * time.Hour / rows)
		}
		if err := s.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		q := ledger.Question{Filter: ledger.Filter{From: noon.Add(time.Minute)}, GroupBy: []ledger.Dimension{ledger.ByModel}}
		if _, err := s.Sum(b.Context(), q); err != nil {
			b.Fatal(err)
		}
	}
}
