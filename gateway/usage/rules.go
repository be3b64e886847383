package usage

import (
	"maps"
	"slices"
	"sync"

	"windhover/config"
)

// Rules are the rules of one provider, in the order in which they apply. They are safe for concurrent use.
type Rules struct {
	rules []*rule

	mu    sync.RWMutex
	plans map[match]*plan // a memory only: which rules apply together, and what follows from that
}

// maxRules bounds the rules of one provider.
const maxRules = 256

// match marks the rules that apply to an exchange, a bit each.
type match [maxRules / 64]uint64

func (m *match) add(i int)     { m[i/64] |= 1 << (i % 64) }
func (m match) has(i int) bool { return m[i/64]&(1<<(i%64)) != 0 }

// maxPlans bounds the memory: a rule's `when` may look at what a stranger sends.
const maxPlans = 128

// Bind puts a provider's sets together, general first, special last. A set that does not exist is a problem.
func (s *Sets) Bind(names config.TextList) (*Rules, config.Problems) {
	r := &Rules{plans: map[match]*plan{}}
	var problems config.Problems
	for _, name := range names {
		set, ok := s.rules[name.Value]
		if !ok {
			problems = append(problems, name.Problem("unknown rule set %s%s", name, didYouMean(name.Value, slices.Sorted(maps.Keys(s.rules)))))
			continue
		}
		if len(r.rules)+len(set) > maxRules {
			problems = append(problems, name.Problem("a provider has at most %d rules", maxRules))
			break
		}
		r.rules = append(r.rules, set...)
	}
	return r, problems
}

// Names are those of all rules, in order, as in usage.openai[0].
func (r *Rules) Names() []string {
	names := make([]string, len(r.rules))
	for i, rule := range r.rules {
		names[i] = rule.name
	}
	return names
}

// Applying names the rules that apply to an exchange, as in usage.openai[0].
func (r *Rules) Applying(x Exchange) []string {
	var names []string
	m := r.match(&x)
	for i, rule := range r.rules {
		if m.has(i) {
			names = append(names, rule.name)
		}
	}
	return names
}

// match asks the `when` of every rule.
func (r *Rules) match(x *Exchange) match {
	var m match
	s := scope{exchange: x}
	for i, rule := range r.rules {
		if rule.when == nil || rule.when.eval(&s).truth() {
			m.add(i)
		}
	}
	return m
}

// plan is what to do for the rules that apply; nil if there are none.
func (r *Rules) plan(m match) *plan {
	if m == (match{}) {
		return nil
	}
	r.mu.RLock()
	p := r.plans[m]
	r.mu.RUnlock()
	if p != nil {
		return p
	}
	var rules []*rule
	for i, rule := range r.rules {
		if m.has(i) {
			rules = append(rules, rule)
		}
	}
	p = newPlan(rules)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.plans) < maxPlans {
		r.plans[m] = p
	}
	return p
}
