//go:build unix

package sqlite

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"windhover/gateway/usage"
)

// The processors' time is what other programs disturb least.
func BenchmarkWrite(b *testing.B) {
	day := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	for _, size := range []int{batchRows, intakeRows} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			load := &workload{rnd: rand.New(rand.NewPCG(1, 2)), at: day, step: 260 * time.Millisecond} // ten million a month
			benchmarkWrite(b, size, load.record)
		})
	}
}

// BenchmarkWriteOfOneClient is what a gateway at its limit writes that one client keeps busy: short answers of one model.
func BenchmarkWriteOfOneClient(b *testing.B) {
	day := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	for _, size := range []int{30, batchRows} { // at 500 requests a second, and at 10,000
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			load := &workload{rnd: rand.New(rand.NewPCG(1, 2)), at: day, step: 60 * time.Millisecond / time.Duration(size)}
			benchmarkWrite(b, size, load.short)
		})
	}
}

func benchmarkWrite(b *testing.B, size int, record func() *usage.Record) {
	s, err := Open(b.Context(), filepath.Join(b.TempDir(), "ledger.db"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var busy time.Duration
	written := 0
	for b.Loop() {
		b.StopTimer()
		batch := make([]*usage.Record, size)
		for i := range batch {
			batch[i] = record()
		}
		b.StartTimer()
		before := processorTime()
		if err := s.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
		busy += processorTime() - before
		written += size
	}
	b.ReportMetric(float64(written)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(busy.Microseconds())/float64(written), "cpu-µs/record")
}

// processorTime is what this program has used of the processors.
func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
