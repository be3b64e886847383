package usage

import (
	"slices"

	"windhover/gateway/stream"
)

// plan is what follows from the rules that apply to an exchange. It is never written after it is made.
type plan struct {
	rules    []planned
	slots    int // how many values the rules gather
	gate     gate
	project  *stream.Projection
	end      *expression // nil: no rule says how the stream ends
	format   *stream.Format
	consumes bool
	counts   bool // some rule can report a number
}

// usualSlots is how many values the rules of most plans gather at most.
const usualSlots = 24

// planned is a rule and where its values are gathered: a slot for each field, from first on.
type planned struct {
	*rule
	first int
}

func newPlan(rules []*rule) *plan {
	p := &plan{consumes: true}
	for _, r := range rules {
		p.rules = append(p.rules, planned{r, p.slots})
		p.lookFor(r)
		p.slots += len(r.fields)
		p.counts = p.counts || r.counts()
		if r.end != nil {
			p.end = r.end
		}
		if r.format != nil {
			p.format = r.format
		}
		if r.consumes != nil {
			p.consumes = *r.consumes
		}
	}
	p.project = p.projection()
	return p
}

// lookFor lets the gate look for what the rule needs in an event.
func (p *plan) lookFor(r *rule) {
	for _, from := range r.from {
		p.gate.look(from, -1)
	}
	if len(r.from) > 0 {
		return
	}
	for i, f := range r.fields {
		slot := -1
		if !f.field.Number() {
			slot = p.slots + i
		}
		for _, path := range f.paths {
			p.gate.look(path, slot)
		}
	}
	if r.parts != nil {
		p.gate.look(*r.parts, -1)
	}
}

// projection keeps of a large event what any rule could read of it.
func (p *plan) projection() *stream.Projection {
	paths := []string{"type"}
	keep := func(x *expression) {
		if x == nil {
			return
		}
		for _, path := range x.paths {
			paths = append(paths, path.kept())
		}
	}
	for _, r := range p.rules {
		keep(r.where)
		keep(r.end)
		for _, from := range r.from {
			paths = append(paths, from.text)
		}
		if len(r.from) > 0 {
			continue
		}
		for _, f := range r.fields {
			keep(f.expression)
		}
		if r.parts != nil {
			paths = append(paths, r.parts.text)
		}
	}
	slices.Sort(paths)
	projection, err := stream.NewProjection(slices.Compact(paths))
	if err != nil {
		panic(err) // our bug: parsePath let through what a projection cannot keep
	}
	return projection
}
