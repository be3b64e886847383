package price

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"windhover/gateway/usage"
)

// chargeParts charges a record by its parts, each at the price of the model that made it: their sum is rounded once, and
// one without a price leaves the whole without. Searches and the request are the record's own.
func (t *Table) chargeParts(r *usage.Record, pricing string, own *entry, c *charge) {
	model := modelOf(r)
	rows := c.parts(r, func(name string) *entry {
		if name == model {
			return own
		}
		return t.find(pricing, name).entry
	})
	c.settle(r)
	r.Price = priceOf(rows, c.reason.why == 0)
}

// parts adds up a record's parts, and returns the rows that they were charged by, by the model that the answer names.
func (c *charge) parts(r *usage.Record, find func(model string) *entry) map[string]*row {
	rows := map[string]*row{}
	own := modelOf(r)
	if c.use(find(own), own, r.Time) {
		rows[own] = c.row
		if c.takeReported(&r.Usage) {
			return rows
		}
		c.rest(r)
	} else if count(&r.Usage, usage.Searches) == 0 {
		c.reason = reason{} // nothing is charged by it
	}
	for i := range r.Parts {
		p := &r.Parts[i].Usage
		model := cmp.Or(p.Text(usage.Model), own)
		if c.reason.why != 0 || !c.use(find(model), model, r.Time) {
			return rows
		}
		rows[model] = c.row
		if !p.HasNumbers() {
			continue
		}
		if c.bill != nil {
			c.bill.part(model)
		}
		c.answer(asking{
			usage:  p,
			tier:   cmp.Or(p.Text(usage.ServiceTier), r.Usage.Text(usage.ServiceTier)),
			region: cmp.Or(p.Text(usage.Region), r.Usage.Text(usage.Region)),
			part:   true,
		})
	}
	return rows
}

// rest charges what is of no part: searches, and the request itself.
func (c *charge) rest(r *usage.Record) {
	var u usage.Usage
	searches, told := r.Usage.Number(usage.Searches)
	if told {
		u.SetNumber(usage.Searches, searches)
	}
	rates := &c.row.base[0].rates[0]
	if rates.known.has(Search) && count(&u, usage.Searches) > 0 || rates.known.has(Request) && once(r) > 0 {
		c.answer(asking{usage: &u, tier: r.Usage.Text(usage.ServiceTier), region: r.Usage.Text(usage.Region), requests: once(r)})
	}
}

// priceOf is what a record in parts keeps: the row, or those of all its models. Where some model had none, the row says
// whose it is: it must not be taken for that one's.
func priceOf(rows map[string]*row, all bool) *usage.Price {
	var first *row
	same := all
	for _, w := range rows {
		same = same && (first == nil || first == w)
		first = w
	}
	switch {
	case first == nil:
		return nil
	case same:
		return first.price
	}
	return together(rows)
}

// together is several rows as one: {"models": {MODEL: ROW, …}}.
func together(rows map[string]*row) *usage.Price {
	var models, all object
	var keys []string
	for _, model := range slices.Sorted(maps.Keys(rows)) {
		models.raw(model, string(rows[model].price.Row))
		key, _, _ := strings.Cut(rows[model].price.ID, "#")
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	all.raw("models", string(models.end()))
	text := all.end()
	sum := sha256.Sum256(text)
	return &usage.Price{ID: strings.Join(keys, "+") + "#" + hex.EncodeToString(sum[:4]), Row: text}
}
