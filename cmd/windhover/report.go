package main

import (
	"fmt"
	"maps"
	"slices"
)

// report gathers what came of the cases, and says what is wrong as it comes.
type report struct {
	program
	coverage  *coverage
	providers map[string]*tally
}

// tally counts cases.
type tally struct{ passed, failed int }

func (r *report) add(v verdict) {
	if r.providers == nil {
		r.providers = map[string]*tally{}
	}
	t := r.providers[v.provider]
	if t == nil {
		t = new(tally)
		r.providers[v.provider] = t
	}
	if v.passed() {
		t.passed++
	} else {
		t.failed++
	}
	r.say(v)
}

// say prints a case that is not simply right.
func (r *report) say(v verdict) {
	switch {
	case v.err != nil:
		fmt.Fprintf(r.stdout, "%s %s: %v\n", r.red("FAIL"), v.dir, v.err)
		return
	case !v.passed():
		fmt.Fprintf(r.stdout, "%s %s\n", r.red("FAIL"), v.dir)
	case v.updated:
		fmt.Fprintf(r.stdout, "%s %s\n", r.green("UPDATED"), v.dir)
	default:
		return
	}
	for _, d := range v.differences {
		if v.updated {
			fmt.Fprintf(r.stdout, "  %s: was %s, is %s\n", d.field, d.want, d.got)
			continue
		}
		fmt.Fprintf(r.stdout, "  %s\n", d)
	}
	for _, text := range v.unequal {
		fmt.Fprintf(r.stdout, "  %s\n", text)
	}
}

func (r *report) failed() int { return r.total().failed }

func (r *report) total() (all tally) {
	for _, t := range r.providers {
		all.passed += t.passed
		all.failed += t.failed
	}
	return all
}

// print ends the report: a table by provider, the rules, and the sum.
func (r *report) print(unused bool) {
	names := slices.Sorted(maps.Keys(r.providers))
	width := len("provider")
	for _, name := range names {
		width = max(width, len(name))
	}
	fmt.Fprintf(r.stdout, "%-*s  cases  passed  failed\n", width, "provider")
	for _, name := range names {
		t := r.providers[name]
		fmt.Fprintf(r.stdout, "%-*s  %5d  %6d  %6d\n", width, name, t.passed+t.failed, t.passed, t.failed)
	}
	r.printCoverage(unused)
	all := r.total()
	fmt.Fprintf(r.stdout, "%d passed, %d failed\n", all.passed, all.failed)
}

func (r *report) printCoverage(name bool) {
	unused, all := r.coverage.unused()
	fmt.Fprintf(r.stdout, "%d of %d rules of these providers were used", all-len(unused), all)
	switch {
	case len(unused) == 0:
		fmt.Fprintln(r.stdout)
	case !name:
		fmt.Fprintln(r.stdout, "; --coverage names the others")
	default:
		fmt.Fprintln(r.stdout, "; not these:")
		for _, rule := range unused {
			fmt.Fprintf(r.stdout, "  %s\n", rule)
		}
	}
}
