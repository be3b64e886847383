package gateway

import (
	"strings"
	"sync"

	"windhover/gateway/usage"
)

// room remembers the first texts that were admitted, up to a bound. Those that it knows are found without a lock.
type room struct {
	max   int
	known sync.Map // of strings

	mu   sync.Mutex // held while one is added
	size int
}

func newRoom(limit int) *room { return &room{max: limit} }

// admit is the text if it is known, or if it is fresh and there is room for it; Other if not.
func (r *room) admit(text string, fresh bool) string {
	if _, known := r.known.Load(text); known || (fresh && r.add(text)) {
		return text
	}
	return usage.Other
}

func (r *room) add(text string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.known.Load(text); known {
		return true
	}
	if r.size == r.max {
		return false
	}
	r.known.Store(strings.Clone(text), nil)
	r.size++
	return true
}
