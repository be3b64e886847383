package sqlstore

import "windhover/gateway/ledger"

// piece is a span of time and where it is summed: the rollups of a grain, or the records themselves (0).
type piece struct {
	grain Grain
	span
}

// compose cuts a span into the fewest pieces: whole buckets of the coarsest grain in the middle, finer ones on both sides of
// it, records at the edges. No time is in two pieces. The grains come finest first.
func compose(s span, grains []Grain) []piece {
	if s.empty() {
		return nil
	}
	if len(grains) == 0 {
		return []piece{{0, s}}
	}
	g, finer := grains[len(grains)-1], grains[:len(grains)-1]
	middle := span{g.ceil(s.from), g.Floor(s.to)}
	if middle.empty() {
		return compose(s, finer)
	}
	pieces := compose(span{s.from, middle.from}, finer)
	pieces = append(pieces, piece{g, middle})
	return append(pieces, compose(span{middle.to, s.to}, finer)...)
}

// widen is a span that needs no record and no minute from before a day, whose records have expired: its ends before that day
// become those of buckets that stay. Where a question needs the records themselves, there is no such span.
func widen(s span, grains []Grain, expired int64) (span, error) {
	if s.empty() || s.from >= expired {
		return s, nil
	}
	for _, g := range grains {
		if g == Minute {
			continue
		}
		s.from = g.Floor(s.from)
		if s.to < expired {
			s.to = g.ceil(s.to)
		}
		return s, nil
	}
	return s, &ledger.ExpiredError{Before: timeOf(expired)}
}
