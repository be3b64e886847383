package usage

import (
	"math"
	"time"
)

// The gaps that are told apart are bounded by powers of the square root of 2, in seconds, as those of a native histogram of
// Prometheus with schema 1 are. Everything below the first bound is one bucket, and so is everything above the last.
const (
	GapSchema   = 1
	MinGapIndex = -20 // up to 2^-10 s, about a millisecond
	MaxGapIndex = 19  // above 2^9 s, about nine minutes
)

// Gaps are the times between the pieces of one answer, by how long they were. It is counted by one exchange alone, so
// that a piece costs neither a lock nor an allocation.
type Gaps struct {
	Counts [MaxGapIndex - MinGapIndex + 1]uint32 // [0] counts what is in the bucket MinGapIndex or below it
	Sum    time.Duration
}

// Add counts one gap.
func (g *Gaps) Add(gap time.Duration) {
	g.Counts[gapIndex(gap)-MinGapIndex]++
	g.Sum += gap
}

// gapIndex is the bucket i that holds the gap: above 2^((i-1)/2) seconds and up to 2^(i/2).
func gapIndex(gap time.Duration) int {
	if gap <= 0 {
		return MinGapIndex
	}
	fraction, exponent := math.Frexp(gap.Seconds()) // in [0.5, 1)
	index := 2 * exponent
	switch {
	case fraction == 0.5:
		index -= 2
	case fraction <= math.Sqrt2/2:
		index--
	}
	return min(max(index, MinGapIndex), MaxGapIndex)
}

// Total is how many gaps there were.
func (g *Gaps) Total() (n uint64) {
	for _, count := range g.Counts {
		n += uint64(count)
	}
	return n
}
