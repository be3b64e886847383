package main

import (
	"maps"
	"slices"

	"windhover/gateway/usage"
)

// coverage is which rules the cases have used, of all that their providers have.
type coverage struct {
	rules map[string][]string // by provider, in order
	used  map[string]bool
}

func newCoverage() *coverage {
	return &coverage{rules: map[string][]string{}, used: map[string]bool{}}
}

// add takes in how one case was read.
func (c *coverage) add(provider string, rules *usage.Rules, tracer *usage.Tracer) {
	c.rules[provider] = rules.Names()
	for _, name := range c.rules[provider] {
		if tracer.Used(name) {
			c.used[name] = true
		}
	}
}

// unused is the rules that no case has used, and how many rules there are.
func (c *coverage) unused() (names []string, all int) {
	seen := map[string]bool{}
	for _, provider := range slices.Sorted(maps.Keys(c.rules)) {
		for _, name := range c.rules[provider] {
			if seen[name] {
				continue
			}
			seen[name] = true
			if !c.used[name] {
				names = append(names, name)
			}
		}
	}
	return names, len(seen)
}
