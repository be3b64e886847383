package gateway

import (
	"slices"
	"testing"
)

// A stream that waits keeps its buffer, so it is the reads that decide how large that is.
func TestCopyBufferFollowsWhatAStreamBrings(t *testing.T) {
	const small, middle, large = 1 << 10, 4 << 10, 32 << 10
	calm := slices.Repeat([]int{small}, calmReads) // each would fit into a smallest one, and none fills a larger one
	for name, c := range map[string]struct {
		length int64 // of the answer
		reads  []int
		want   int
	}{
		"small events":                 {-1, []int{100, 1023}, small},
		"an event that fills it":       {-1, []int{small}, middle},
		"a stream at full speed":       {-1, []int{small, middle}, large},
		"as large as it gets":          {-1, []int{small, middle, large, large}, large},
		"a pause after a burst":        {-1, append([]int{small, middle, large}, calm...), small},
		"a short pause":                {-1, append([]int{small, middle, large}, calm[1:]...), large},
		"pauses that something parts":  {-1, slices.Concat([]int{small, middle}, calm[1:], []int{5000}, calm[1:]), large},
		"a short answer":               {1000, nil, small},
		"an answer of 4 KiB":           {4096, nil, middle},
		"an answer of 5,000 bytes":     {5000, nil, large},
		"an answer of a known length":  {1 << 20, append([]int{large}, calm...), large},
		"a short one that comes whole": {small, []int{small}, small},
	} {
		b := takeBuffer(c.length)
		for _, n := range c.reads {
			b.fit(n)
		}
		if got := len(b.bytes()); got != c.want {
			t.Errorf("%s: a buffer of %d bytes, want %d", name, got, c.want)
		}
		b.give()
	}
}
