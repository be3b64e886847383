package ledgertest

import (
	"sync"
	"testing"
	"time"

	"windhover/gateway/ledger"
	"windhover/gateway/usage"
)

// readersSeeWholeBatches reads while the one writer writes: a sum never holds a part of a batch, and never shrinks.
func readersSeeWholeBatches(t *testing.T, s ledger.Store) {
	const batches, size = 30, 50
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			var last int64
			for open := true; open; {
				select {
				case <-done:
					open = false // once more, when everything is there
				default:
				}
				a, err := s.Sum(t.Context(), ledger.Question{GroupBy: []ledger.Dimension{ledger.ByModel}})
				if err != nil {
					t.Errorf("Sum: %v", err)
					return
				}
				got := a.Total[ledger.Requests]
				if got%size != 0 || got < last {
					t.Errorf("requests = %d after %d, want whole batches of %d, and never fewer", got, last, size)
				}
				last = got
				first := ledger.Filter{To: epoch.Add(time.Minute)}
				if err := s.Scan(t.Context(), first, ledger.Cursor{}, func(*usage.Record) bool { return true }); err != nil {
					t.Errorf("Scan: %v", err)
					return
				}
			}
			if last != batches*size {
				t.Errorf("requests = %d in the end, want %d", last, batches*size)
			}
		})
	}
	defer readers.Wait()
	defer close(done)
	for n := range batches {
		write(t, s, plains(epoch.Add(time.Duration(n)*time.Minute), size)...)
	}
}
