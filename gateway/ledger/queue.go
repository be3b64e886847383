package ledger

import (
	"sync"
	"time"

	"windhover/gateway/usage"
)

// wakeRecords is after how many records each the collector is told that more have come.
const wakeRecords = 128

// queue is where records wait for the collector. It is no channel, because a send would wake the collector for every record,
// which costs a gateway with little to do more than all that the ledger does with the record.
type queue struct {
	wake chan struct{} // something is there, or much more than before

	mu      sync.Mutex
	records []*usage.Record
	since   time.Time // none of them came before
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// put adds a record. It is false if there is no room.
func (q *queue) put(r *usage.Record) bool {
	q.mu.Lock()
	n := len(q.records)
	if n == queueRecords {
		q.mu.Unlock()
		return false
	}
	if n == 0 {
		q.since = time.Now()
	}
	q.records = append(q.records, r)
	q.mu.Unlock()
	if n%wakeRecords == 0 {
		select {
		case q.wake <- struct{}{}:
		default: // it will come in any case
		}
	}
	return true
}

// take takes the oldest records, a batch at most, and tells since when the first of them may have waited.
func (q *queue) take() (batch []*usage.Record, since time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	since = q.since
	if len(q.records) <= batchRecords {
		batch, q.records = q.records, make([]*usage.Record, 0, cap(q.records)/2)
		return batch, since
	}
	batch = append(batch, q.records[:batchRecords]...)
	rest := copy(q.records, q.records[batchRecords:])
	clear(q.records[rest:])
	q.records = q.records[:rest]
	return batch, since
}

// waiting is how many records wait, and since when the oldest of them may have.
func (q *queue) waiting() (n int, since time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.records), q.since
}
