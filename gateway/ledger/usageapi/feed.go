package usageapi

import (
	"slices"
	"sync"
	"sync/atomic"

	"windhover/gateway/ledger"
	"windhover/gateway/usage"
)

const (
	maxListeners   = 32  // to a feed
	listenerBuffer = 256 // records that a listener may be behind
)

// Feed hands finished records on to those who listen. It holds nobody up: a listener that is too slow loses records, and
// learns how many. The zero Feed is ready for use.
type Feed struct {
	listeners atomic.Pointer[[]*listener] // replaced as a whole; read without a lock
	mu        sync.Mutex                  // held by who replaces it, and for closed
	closed    bool
}

// Publish hands a record on to those who listen and whose filter chooses it. A checkpoint is of an attempt that is not
// finished, and goes to nobody. The record must not be changed afterwards.
func (f *Feed) Publish(r *usage.Record) {
	all := f.listeners.Load()
	if all == nil || r.Checkpoint {
		return
	}
	for _, l := range *all {
		l.offer(r)
	}
}

// Close ends the feed for those who listen, and for those who would.
func (f *Feed) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	if all := f.listeners.Swap(nil); all != nil {
		for _, l := range *all {
			close(l.ended)
		}
	}
}

// listen is a new listener for the records that a filter chooses, or nil if there are as many as there may be.
func (f *Feed) listen(filter ledger.Filter) *listener {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := &listener{filter: filter, records: make(chan *usage.Record, listenerBuffer), ended: make(chan struct{})}
	if f.closed {
		close(l.ended)
		return l
	}
	all := f.all()
	if len(all) >= maxListeners {
		return nil
	}
	all = append(all, l)
	f.listeners.Store(&all)
	return l
}

// leave takes a listener out of the feed.
func (f *Feed) leave(l *listener) {
	f.mu.Lock()
	defer f.mu.Unlock()
	others := slices.DeleteFunc(f.all(), func(other *listener) bool { return other == l })
	if len(others) == 0 {
		f.listeners.Store(nil)
		return
	}
	f.listeners.Store(&others)
}

// all is a copy of the list of listeners.
func (f *Feed) all() []*listener {
	if all := f.listeners.Load(); all != nil {
		return slices.Clone(*all)
	}
	return nil
}

// listener is one who listens to a feed.
type listener struct {
	filter  ledger.Filter
	records chan *usage.Record
	dropped atomic.Int64  // records that did not fit, since it was told last
	ended   chan struct{} // closed with the feed
}

func (l *listener) offer(r *usage.Record) {
	if !l.filter.Chooses(r) {
		return
	}
	select {
	case l.records <- r:
	default:
		l.dropped.Add(1)
	}
}
