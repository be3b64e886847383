package price

import (
	"fmt"

	"github.com/tidwall/gjson"

	"windhover/config"
	"windhover/gateway/usage"
)

// Explain works a stored record's bill out anew from the row that was stored with it; nil: none was. It is the same
// arithmetic as Charge's.
func Explain(stored []byte, r *usage.Record) (Bill, error) {
	var b Bill
	if r.Price != nil {
		b.Price = r.Price.ID
	}
	if !owing(r) {
		return b, nil
	}
	find, err := storedRows(stored)
	if err != nil {
		return Bill{}, err
	}
	c := charge{bill: &b}
	if len(r.Parts) > 0 {
		c.parts(r, find)
	} else {
		c.record(r, find(modelOf(r)))
	}
	c.finish(&b)
	return b, nil
}

// finish writes into a bill what it came to.
func (c *charge) finish(b *Bill) {
	state, n, _ := c.total()
	b.State = state
	if state == usage.Unpriced {
		b.Reason, b.Lines = c.reason.String(), nil // what could be charged is not what it cost
		return
	}
	b.TotalNanoUSD = &n
}

// storedRows are the rows that a record was charged by, by model: one for all, or one for each.
func storedRows(stored []byte) (find func(model string) *entry, err error) {
	if len(stored) == 0 {
		return func(string) *entry { return nil }, nil
	}
	models := gjson.GetBytes(stored, "models")
	if !models.Exists() {
		e, err := storedEntry(stored)
		return func(string) *entry { return e }, err
	}
	entries := map[string]*entry{}
	models.ForEach(func(model, row gjson.Result) bool {
		entries[model.String()], err = storedEntry([]byte(row.Raw))
		return err == nil
	})
	return func(model string) *entry { return entries[model] }, err
}

func storedEntry(stored []byte) (*entry, error) {
	rows, err := config.ParsePriceRows("stored row", stored)
	if err != nil {
		return nil, err
	}
	e := &entry{}
	for _, r := range rows {
		w, problems := compileRow("", r)
		if err := problems.Err(); err != nil {
			return nil, fmt.Errorf("compile stored price: %w", err)
		}
		e.list = append(e.list, w)
	}
	return e, nil
}
