package usage

import (
	"slices"

	"windhover/config"
	"windhover/gateway/stream"
)

// rule is a compiled config.Rule. It is never written after it is made.
type rule struct {
	name     string      // its place in the file, as in usage.openai[0]
	when     *expression // nil: always
	where    *expression // nil: every event
	end      *expression // nil: the rule does not say
	from     []path      // empty: the event itself
	fields   []reading
	parts    *path
	merge    merge
	format   *stream.Format
	consumes *bool
}

// reading is a field and how it is read. What is asked of every reading stands in it, side by side with the others': most
// fields are in no answer, and should not cost the way to their expressions' memory.
type reading struct {
	field Field
	base  bool  // as in the expression
	opens marks // of the keys that its paths begin with: without any of them there is nothing to read
	*expression
}

func newReading(f Field, x *expression) reading {
	r := reading{field: f, base: x.base, expression: x}
	for _, p := range x.paths {
		r.opens |= p.first
	}
	return r
}

// counts reports whether the rule can report any number.
func (r *rule) counts() bool {
	return slices.ContainsFunc(r.fields, func(f reading) bool { return f.field.Number() })
}

// merge says how a field's numbers of several events become one.
type merge uint8

const (
	overlay merge = iota // the last value that is there wins, 0 included
	sum
	largest
)

func parseMerge(t config.Text) (merge, bool) {
	switch t.Value {
	case "", "overlay":
		return overlay, true
	case "sum":
		return sum, true
	case "max":
		return largest, true
	}
	return overlay, false
}

// join is the field's value when v follows what was there before. A text that was found stays: providers name a model
// in full first, and some leave it empty later.
func (m merge) join(f Field, before, v value) value {
	switch {
	case !before.there():
		return v
	case !f.Number():
		return before
	case m == sum:
		return add(before, v)
	case m == largest && compare(before, v) > 0:
		return before
	}
	return v
}
