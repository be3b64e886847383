// Package price says what an answer cost: exactly, by a table of prices, or that it cannot be said.
package price

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"windhover/config"
	"windhover/gateway/usage"
)

// maxCached bounds how many models a table remembers the price of; clients choose their names.
const maxCached = 4096

// Table is the prices of a file, laid over the built-in ones. What it says of a model never changes; it is safe for use by
// many goroutines.
type Table struct {
	own    map[string][]*entry // of the file, by pricing name
	models map[string]string   // that metrics may name, by lower case

	mu     sync.RWMutex // of what follows: the table is worked out as models are asked for
	spaces map[string]*namespace
	cache  map[asked]*priced
}

// asked is what a price is looked up by.
type asked struct{ pricing, model string }

// priced is what was found.
type priced struct {
	entry *entry // nil: none fits
	label string // of the model in metrics
}

// Compile gives the file's prices their meaning. The problems are every one that there is.
func Compile(f *config.File) (*Table, config.Problems) {
	t := &Table{
		own:    map[string][]*entry{},
		models: map[string]string{},
		spaces: map[string]*namespace{},
		cache:  map[asked]*priced{},
	}
	for _, m := range f.Models {
		t.models[strings.ToLower(m.Value)] = m.Value
	}
	var problems config.Problems
	for _, key := range slices.Sorted(maps.Keys(f.Prices)) {
		e, more := compileEntry(key, f.Prices[key])
		problems = append(problems, more...)
		name, _ := config.CutPriceKey(key)
		t.own[name] = append(t.own[name], e)
	}
	problems = append(problems, t.checkNames()...)
	return t, append(problems, t.checkOff(f)...)
}

func compileEntry(key string, rows config.PriceRows) (*entry, config.Problems) {
	_, model := config.CutPriceKey(key)
	e := &entry{key: key, model: model, off: rows.Off()}
	if e.off {
		e.pos, e.file = rows[0].Pos, rows[0].Pos.File
		return e, nil
	}
	var problems config.Problems
	for i, r := range rows {
		if i == 0 {
			e.pos, e.file = r.Pos, r.Pos.File
		}
		for _, name := range r.Also {
			e.also = append(e.also, name.Value)
		}
		for _, earlier := range rows[:i] {
			if overlap(earlier, r) {
				problems = append(problems, config.Problem{Pos: r.Pos, Path: r.YAML, Message: fmt.Sprintf(
					"the row at %s holds for some of the same days; give until in one and from in the other", earlier.Pos)})
			}
		}
		w, more := compileRow(key, r)
		problems = append(problems, more...)
		if w != nil {
			e.list = append(e.list, w)
		}
	}
	return e, problems
}

// overlap reports whether two rows hold on the same day.
func overlap(a, b config.PriceRow) bool {
	before := func(a, b config.PriceRow) bool { // a has ended when b begins
		return !a.Until.Empty() && !b.From.Empty() && !b.From.Time.Before(a.Until.Time)
	}
	return !before(a, b) && !before(b, a)
}

// checkNames finds names that two entries of the file claim: which of them counts would be chance.
func (t *Table) checkNames() config.Problems {
	var problems config.Problems
	for _, pricing := range slices.Sorted(maps.Keys(t.own)) {
		claimed := map[string]*entry{}
		for _, e := range t.own[pricing] {
			for _, name := range e.names() {
				first := claimed[strings.ToLower(name)]
				if first != nil && first != e {
					problems = append(problems, config.Problem{Pos: e.pos, Path: "prices." + e.key, Message: fmt.Sprintf(
						"%s is a name of %s too; keep it in one of them", name, first.key)})
				}
				claimed[strings.ToLower(name)] = e
			}
		}
	}
	return problems
}

// checkOff finds an `off` that takes no price away: a name was written wrongly, and the price that was meant stays.
func (t *Table) checkOff(f *config.File) config.Problems {
	var problems config.Problems
	for _, pricing := range slices.Sorted(maps.Keys(t.own)) {
		for _, e := range t.own[pricing] {
			if !e.off || f.Prices[e.key][0].Took {
				continue
			}
			others := slices.DeleteFunc(append(builtinEntries(pricing), t.own[pricing]...), func(other *entry) bool { return other == e })
			if slices.ContainsFunc(others, func(other *entry) bool { return meet(other, e) }) {
				continue
			}
			row := f.Prices[e.key][0]
			problems = append(problems, config.Problem{Pos: row.Pos, Path: row.YAML, Message: "off takes no price away: none is for " + e.model + nearest(e.key, others)})
		}
	}
	return problems
}

// meet reports whether two entries may be for the same model.
func meet(a, b *entry) bool {
	for _, x := range a.names() {
		for _, y := range b.names() {
			x, y := strings.ToLower(x), strings.ToLower(y)
			if fits(x, y) || fits(y, x) {
				return true
			}
		}
	}
	return false
}

func nearest(key string, among []*entry) string {
	known := make([]string, len(among))
	for i, e := range among {
		known[i] = e.key
	}
	if near := config.Nearest(key, known); near != "" {
		return "; did you mean " + near + "?"
	}
	return ""
}

// Charge says what the record's attempt cost, by the prices that its time and pricing name have here: it sets CostState,
// CostNanoUSD, Price and ModelLabel. It reads nothing of what it sets.
func (t *Table) Charge(r *usage.Record, pricing string) { t.charge(r, pricing, &charge{}) }

func (t *Table) charge(r *usage.Record, pricing string, c *charge) {
	found := t.find(pricing, modelOf(r))
	r.ModelLabel = found.label
	r.CostState, r.CostNanoUSD, r.Price = "", 0, nil
	switch {
	case !owing(r):
	case len(r.Parts) > 0:
		t.chargeParts(r, pricing, found.entry, c)
	default:
		c.record(r, found.entry)
		c.settle(r)
	}
}

// owing reports whether a record has anything to charge. What an answer of which nothing could be read has cost is not
// known either, but that is no want of a price: its UsageState says it.
func owing(r *usage.Record) bool {
	return r.UsageState == usage.Reported || r.UsageState == usage.Partial
}

// modelOf is the model that answered, or else the one that was asked for.
func modelOf(r *usage.Record) string { return cmp.Or(r.Usage.Text(usage.Model), r.RequestModel) }

// find is the price of a model.
func (t *Table) find(pricing, model string) *priced {
	key := asked{pricing, model}
	t.mu.RLock()
	found := t.cache[key]
	t.mu.RUnlock()
	if found != nil {
		return found
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	found = &priced{label: usage.Other}
	if name, ok := t.models[strings.ToLower(model)]; ok {
		found.label = name
	}
	if all := t.space(pricing).find(model); len(all) > 0 {
		found.entry = all[0].entry
		if !strings.Contains(found.entry.model, "*") {
			found.label = found.entry.model
		}
	}
	if len(t.cache) >= maxCached {
		clear(t.cache)
	}
	t.cache[key] = found
	return found
}

// space is the entries of a pricing name. It is called under mu.
func (t *Table) space(pricing string) *namespace {
	s := t.spaces[pricing]
	if s == nil {
		s = &namespace{exact: map[string]*entry{}}
		s.add(t.own[pricing])
		s.add(t.builtin(pricing))
		s.sort()
		if len(t.spaces) < maxCached { // pricing names come from the file, but Charge takes any
			t.spaces[pricing] = s
		}
	}
	return s
}

// builtin is the built-in entries of a pricing name that the file does not replace.
func (t *Table) builtin(pricing string) []*entry {
	return slices.DeleteFunc(builtinEntries(pricing), func(e *entry) bool { return t.replaces(pricing, e.key) })
}
