package sqlstore

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"windhover/gateway/usage"
)

// TestPiecesCoverASpanOnce cuts any spans, before 1970 too: each piece begins where the last one ended, holds whole buckets, and
// none of them could have been of a coarser grain.
func TestPiecesCoverASpanOnce(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 10_000 {
		from := rnd.Int64N(int64(20*Day)) - int64(10*Day)
		s := span{from, from + rnd.Int64N(int64(1)<<rnd.IntN(32))}
		for _, grains := range [][]Grain{{Minute, Hour, Day}, {Hour, Day}, {Day}, {Minute, Hour}, nil} {
			at := s.from
			for _, p := range compose(s, grains) {
				whole := p.grain == 0 || p.grain.Floor(p.from) == p.from && p.grain.Floor(p.to) == p.to
				if p.from != at || p.empty() || !whole {
					t.Fatalf("piece %+v of %+v with grains %v, want one from %d on", p, s, grains, at)
				}
				at = p.to
				for _, g := range grains {
					if g > p.grain && g.ceil(p.from) < g.Floor(p.to) {
						t.Fatalf("piece %+v of %+v holds a whole bucket of %d", p, s, g)
					}
				}
			}
			if at != max(s.from, s.to) {
				t.Fatalf("pieces of %+v end at %d", s, at)
			}
		}
	}
}

func TestSpanWithoutEndsIsDays(t *testing.T) {
	t.Parallel()
	got := compose(span{always, never}, []Grain{Minute, Hour, Day})
	if want := []piece{{Day, span{always, never}}}; !slices.Equal(got, want) {
		t.Errorf("pieces = %+v, want %+v", got, want)
	}
}

func TestBucketsBefore1970BeginBelow(t *testing.T) {
	t.Parallel()
	if got, want := Hour.Floor(-1), -int64(Hour); got != want {
		t.Errorf("Floor(-1) = %d, want %d", got, want)
	}
	if got := Hour.ceil(-1); got != 0 {
		t.Errorf("ceil(-1) = %d, want 0", got)
	}
}

func TestIDsSortAsTheirBytes(t *testing.T) {
	t.Parallel()
	ids := []string{"x", "01935b0e-0000-7000-8000-000000000001", "01935b0e-0000-7000-8000-00000000000a", "01935b0f-0000-7000-8000-000000000000"}
	for i, id := range ids {
		if got := DecodeID(EncodeID(id)); got != id {
			t.Errorf("ID = %q, want %q", got, id)
		}
		if i > 0 && slices.Compare(EncodeID(ids[i-1]), EncodeID(id)) >= 0 {
			t.Errorf("%q is not before %q", ids[i-1], id)
		}
	}
}

func TestBatchKeepsTheLastAccountOfASession(t *testing.T) {
	t.Parallel()
	rec := func(minutes int, checkpoint bool) *usage.Record {
		return &usage.Record{ID: "a", Checkpoint: checkpoint, Duration: time.Duration(minutes) * time.Minute}
	}
	batch := []*usage.Record{rec(1, true), rec(3, true), rec(2, true), rec(4, false), rec(5, true), rec(6, false)}
	got := Distinct(batch)
	if len(got) != 1 || got[0] != batch[3] {
		t.Errorf("batch = %+v, want the first that is final", got)
	}
}

func TestWhatComesAndGoesLeavesNoDelta(t *testing.T) {
	t.Parallel()
	rec := &usage.Record{ID: "a", Attempt: 1, Final: true, Key: "k", Labels: map[string]string{"team": "x"}, Time: time.Unix(1e9, 0)}
	d := Count([]*usage.Record{rec})
	if got := len(d.Sorted()); got != 9 {
		t.Errorf("a record with a key and a label changes %d rows, want 9", got)
	}
	d.Sub(rec)
	if got := d.Sorted(); len(got) != 0 {
		t.Errorf("deltas = %+v, want none", got)
	}
}
