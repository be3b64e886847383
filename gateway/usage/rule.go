package usage

import (
	"slices"

	"github.com/tidwall/gjson"

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

// reading is a field and how it is read.
type reading struct {
	field Field
	*expression
}

// counts reports whether the rule can report any number.
func (r *rule) counts() bool {
	return slices.ContainsFunc(r.fields, func(f reading) bool { return f.field.Number() })
}

// chosen is what the rule's fields are read from: the event, or the first of the `from` paths that holds an object with
// something in it, or an array of such. Nothing, which does not exist, if there is none.
func (r *rule) chosen(event *index) gjson.Result {
	if len(r.from) == 0 {
		return gjson.Result{Type: gjson.JSON, Raw: event.json}
	}
	for i := range r.from {
		if x := event.get(&r.from[i]); holdsObject(x) {
			return x
		}
	}
	return gjson.Result{}
}

// holdsObject reports whether x is an object that is not empty, or an array with one in it.
func holdsObject(x gjson.Result) bool {
	found := false
	switch {
	case x.IsObject():
		x.ForEach(func(_, _ gjson.Result) bool { found = true; return false })
	case x.IsArray():
		x.ForEach(func(_, element gjson.Result) bool {
			found = element.IsObject() && holdsObject(element)
			return !found
		})
	}
	return found
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
