package stream

import "sync/atomic"

// Budget is memory that many may hold together, as all decoders of content codings do. A nil Budget is without bounds.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// NewBudget is a budget of this many bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// Used is how many bytes are taken at the moment.
func (b *Budget) Used() int64 {
	if b == nil {
		return 0
	}
	return b.used.Load()
}

// Take tells whether n bytes were left, and takes them.
func (b *Budget) Take(n int64) bool {
	if b == nil {
		return true
	}
	if b.used.Add(n) <= b.limit {
		return true
	}
	b.used.Add(-n)
	return false
}

// Give gives back what Take has taken.
func (b *Budget) Give(n int64) {
	if b != nil {
		b.used.Add(-n)
	}
}
