package usage

import (
	"math"
	"testing"
	"time"
)

func TestGapsLieBetweenTheBoundsOfTheirBuckets(t *testing.T) {
	t.Parallel()
	for gap := 900 * time.Microsecond; gap < 500*time.Second; gap += gap/7 + 1 {
		i := gapIndex(gap)
		above, upTo := math.Exp2(float64(i-1)/2), math.Exp2(float64(i)/2)
		if s := gap.Seconds(); (s <= above && i > MinGapIndex) || s > upTo {
			t.Fatalf("gapIndex(%v) = %d, whose bounds are %v and %v", gap, i, above, upTo)
		}
	}
}

func TestGapsAtTheBoundsAndBeyond(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		gap  time.Duration
		want int
	}{
		{-time.Second, MinGapIndex},
		{0, MinGapIndex},
		{time.Nanosecond, MinGapIndex},
		{time.Second, 0},
		{time.Second + 1, 1},
		{500 * time.Millisecond, -2},
		{500*time.Millisecond + 1, -1},
		{2 * time.Second, 2},
		{24 * time.Hour, MaxGapIndex},
	} {
		if got := gapIndex(c.gap); got != c.want {
			t.Errorf("gapIndex(%v) = %d, want %d", c.gap, got, c.want)
		}
	}
}

func TestGapsAddUp(t *testing.T) {
	t.Parallel()
	var g Gaps
	for _, gap := range []time.Duration{time.Second, time.Second, time.Millisecond, time.Hour} {
		g.Add(gap)
	}
	if got, want := g.Total(), uint64(4); got != want {
		t.Errorf("Total = %d, want %d", got, want)
	}
	if got, want := g.Sum, time.Hour+2*time.Second+time.Millisecond; got != want {
		t.Errorf("Sum = %v, want %v", got, want)
	}
	if got := g.Counts[0-MinGapIndex]; got != 2 {
		t.Errorf("counts of a second = %d, want 2", got)
	}
}

func BenchmarkGaps(b *testing.B) {
	var g Gaps
	b.ReportAllocs()
	for b.Loop() {
		g.Add(20 * time.Millisecond)
	}
}
