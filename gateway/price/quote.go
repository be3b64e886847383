package price

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"windhover/config"
	"windhover/gateway/usage"
)

// Quote is what a record would cost by a table, and how the table comes to its price.
type Quote struct {
	Pricing string   `json:"pricing"` // the name that the provider's models are priced by
	Model   string   `json:"model"`
	Label   string   `json:"label"`          // of the model in metrics
	Key     string   `json:"key,omitempty"`  // of the entry that counts; empty: none fits
	Name    string   `json:"name,omitempty"` // the one of its names that fits
	File    string   `json:"file,omitempty"` // where it stands: FILE:LINE:COL, or builtin
	Beaten  []string `json:"beaten,omitempty"`
	Bill

	Row    *config.PriceRow `json:"-"`             // that holds at the record's time; nil: none does
	Stored json.RawMessage  `json:"row,omitempty"` // Row as records keep it
}

// Quote says what Charge would do with a record, and why. The record is left as it is.
func (t *Table) Quote(r *usage.Record, pricing string) Quote {
	rec := *r
	q := Quote{Pricing: pricing, Model: modelOf(r)}
	c := charge{bill: &q.Bill}
	t.charge(&rec, pricing, &c)
	q.Label = rec.ModelLabel
	if rec.Price != nil {
		q.Price = rec.Price.ID
	}
	if owing(&rec) {
		c.finish(&q.Bill)
	}
	for i, m := range t.matches(pricing, q.Model) {
		if i > 0 {
			q.Beaten = append(q.Beaten, m.told())
			continue
		}
		q.Key, q.Name, q.File = m.entry.key, m.name, m.entry.place()
		if w := m.entry.at(rec.Time); w != nil {
			q.Row, q.Stored = &w.source, rowJSON(w.source)
		}
	}
	return q
}

// matches are the entries that fit a model, each once, the one that counts first.
func (t *Table) matches(pricing, model string) []match {
	t.mu.Lock()
	found := t.space(pricing).find(model)
	t.mu.Unlock()
	seen := map[*entry]bool{}
	return slices.DeleteFunc(found, func(m match) bool {
		twice := seen[m.entry]
		seen[m.entry] = true
		return twice
	})
}

// told is a match as it is shown: the key, and the name that fits if that is another one.
func (m match) told() string {
	if strings.EqualFold(m.name, m.entry.model) {
		return m.entry.key
	}
	return m.entry.key + " (" + m.name + ")"
}

// place is where an entry stands.
func (e *entry) place() string {
	if e.pos != (config.Pos{}) {
		return e.pos.String()
	}
	return cmp.Or(e.file, "the file")
}

// Entry is one key of a table as people see it.
type Entry struct {
	Key     string            `json:"key"`
	Also    []string          `json:"also,omitempty"`
	Off     bool              `json:"off,omitempty"`
	File    string            `json:"file"` // FILE:LINE:COL, or builtin
	Builtin bool              `json:"-"`
	Rows    []config.PriceRow `json:"-"`
}

// Entries are all keys of the table, sorted.
func (t *Table) Entries() []Entry {
	var all []Entry
	for _, e := range t.entries() {
		x := Entry{Key: e.key, Also: e.also, Off: e.off, File: e.place(), Builtin: e.file == builtinName}
		for _, w := range e.rows() {
			x.Rows = append(x.Rows, w.source)
		}
		all = append(all, x)
	}
	return all
}

// Names are the pricing names of the table, sorted.
func (t *Table) Names() []string {
	var names []string
	for _, e := range t.entries() {
		if name, _ := config.CutPriceKey(e.key); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Count is how many models and patterns the table has a price for, and how many of them the file gives.
func (t *Table) Count() (all, own int) {
	for _, e := range t.entries() {
		if e.off {
			continue
		}
		all++
		if e.file != builtinName {
			own++
		}
	}
	return all, own
}

// entries are all entries, sorted by key.
func (t *Table) entries() []*entry {
	all := slices.DeleteFunc(builtinEntries(""), func(e *entry) bool {
		name, _ := config.CutPriceKey(e.key)
		return t.replaces(name, e.key)
	})
	for _, own := range t.own {
		all = append(all, own...)
	}
	slices.SortFunc(all, func(a, b *entry) int { return cmp.Compare(a.key, b.key) })
	return all
}

// replaces reports whether the file has an entry of that key.
func (t *Table) replaces(pricing, key string) bool {
	return slices.ContainsFunc(t.own[pricing], func(own *entry) bool { return strings.EqualFold(own.key, key) })
}

// WithoutPrice reports whether a record of that model would be unpriced at any time.
func (t *Table) WithoutPrice(pricing, model string) bool {
	found := t.find(pricing, model)
	return found.entry == nil || found.entry.off
}
