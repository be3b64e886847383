package gateway

import "time"

// windowParts is in how many parts a window moves on.
const windowParts = 10

// window counts attempts and failures of the last while.
type window struct {
	part   time.Duration // how long one of the parts is
	newest int64         // which of all parts since the beginning of time was counted in last
	parts  [windowParts]counts
}

type counts struct{ attempts, failures int }

func newWindow(length time.Duration) window { return window{part: max(length/windowParts, 1)} }

// at is the counts of the part that now is in; those of parts that are over are dropped.
func (w *window) at(now time.Time) *counts {
	part := now.UnixNano() / int64(w.part)
	for range min(max(part-w.newest, 0), windowParts) {
		w.newest++
		w.parts[w.newest%windowParts] = counts{}
	}
	w.newest = max(part, w.newest)
	return &w.parts[w.newest%windowParts]
}

// sum is all that counts now.
func (w *window) sum(now time.Time) (all counts) {
	w.at(now)
	for _, c := range w.parts {
		all.attempts += c.attempts
		all.failures += c.failures
	}
	return all
}
