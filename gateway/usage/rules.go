package usage

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"windhover/config"
)

// Rules are the rules of one provider, in the order in which they apply. They are safe for concurrent use.
type Rules struct {
	rules []*rule
	exact bool // no `when` asks for more than a target says

	mu      sync.RWMutex
	plans   map[match]*plan  // a memory only: which rules apply together, and what follows from that
	targets map[target]*plan // a memory only: the plans of exchanges, if exact
}

// maxRules bounds the rules of one provider.
const maxRules = 256

// match marks the rules that apply to an exchange, a bit each.
type match [maxRules / 64]uint64

func (m *match) add(i int)     { m[i/64] |= 1 << (i % 64) }
func (m match) has(i int) bool { return m[i/64]&(1<<(i%64)) != 0 }

// target is what most rules' `when` asks of an exchange.
type target struct {
	method, path string
	status       int
}

// The memories are bounded, because a rule's `when` looks at what a stranger sends.
const (
	maxPlans      = 128
	maxTargets    = 128
	maxTargetPath = 256 // bytes
)

// Bind puts a provider's sets together, general first, special last. A set that does not exist is a problem.
func (s *Sets) Bind(names config.TextList) (*Rules, config.Problems) {
	r := &Rules{exact: true, plans: map[match]*plan{}, targets: map[target]*plan{}}
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
	for _, rule := range r.rules {
		r.exact = r.exact && (rule.when == nil || rule.when.exact)
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
	m := r.match(&scope{exchange: &x})
	for i, rule := range r.rules {
		if m.has(i) {
			names = append(names, rule.name)
		}
	}
	return names
}

// match asks the `when` of every rule.
func (r *Rules) match(s *scope) match {
	var m match
	for i, rule := range r.rules {
		if rule.when == nil || rule.when.eval(s).truth() {
			m.add(i)
		}
	}
	return m
}

// plan is what to do for the rules that apply to the scope's exchange; nil if there are none.
func (r *Rules) plan(s *scope) *plan {
	t := target{s.exchange.Method, s.exchange.Path, s.exchange.Status}
	if !r.exact || len(t.path) > maxTargetPath {
		return r.planFor(r.match(s))
	}
	r.mu.RLock()
	p, known := r.targets[t]
	r.mu.RUnlock()
	if known {
		return p
	}
	p = r.planFor(r.match(s))
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.targets) >= maxTargets {
		clear(r.targets) // of paths that never come again there may be any number
	}
	t.method, t.path = strings.Clone(t.method), strings.Clone(t.path) // what they are cut from is larger
	r.targets[t] = p
	return p
}

// planFor is the plan of the rules that apply together.
func (r *Rules) planFor(m match) *plan {
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
