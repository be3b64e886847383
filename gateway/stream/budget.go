package stream

import "sync/atomic"

// Budget is the memory that all decoders of content codings may hold together. A nil Budget is without bounds.
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

// take tells whether n bytes were left, and takes them.
func (b *Budget) take(n int64) bool {
	if b == nil {
		return true
	}
	if b.used.Add(n) <= b.limit {
		return true
	}
	b.used.Add(-n)
	return false
}

func (b *Budget) give(n int64) {
	if b != nil {
		b.used.Add(-n)
	}
}
