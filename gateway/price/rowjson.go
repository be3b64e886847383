package price

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"windhover/config"
)

// rowJSON is a row as records keep it and its digest is made of: what the file says of the price, keys always in the same
// order, numbers in their shortest form. It can be read back by config.ParsePriceRows.
func rowJSON(r config.PriceRow) []byte {
	var o object
	o.rates(r.PriceRates)
	if r.Reported != nil && *r.Reported {
		o.raw("reported", "true")
	}
	if len(r.Tiers) > 0 {
		var list []byte
		for i, t := range r.Tiers {
			if i > 0 {
				list = append(list, ',')
			}
			var item object
			item.decimal("above_input_tokens", t.Above)
			item.rates(t.PriceRates)
			list = append(list, item.end()...)
		}
		o.raw("tiers", "["+string(list)+"]")
	}
	if len(r.Modes) > 0 {
		o.raw("modes", string(modesJSON(r.Modes)))
	}
	if len(r.Regions) > 0 {
		var regions object
		for _, name := range slices.Sorted(maps.Keys(r.Regions)) {
			regions.decimal(name, r.Regions[name])
		}
		o.raw("regions", string(regions.end()))
	}
	o.text("from", r.From.Value)
	o.text("until", r.Until.Value)
	o.text("source", r.Source.Value)
	o.text("checked", r.Checked.Value)
	o.text("note", r.Note.Value)
	return o.end()
}

func modesJSON(modes map[string]config.PriceMode) []byte {
	var o object
	for _, name := range slices.Sorted(maps.Keys(modes)) {
		m := modes[name]
		if !m.Factor.Empty() {
			o.decimal(name, m.Factor)
			continue
		}
		var mode object
		mode.rates(m.PriceRates)
		o.raw(name, string(mode.end()))
	}
	return o.end()
}

// object writes a JSON object key by key.
type object struct{ out []byte }

func (o *object) raw(key, value string) {
	if o.out == nil {
		o.out = append(o.out, '{')
	} else {
		o.out = append(o.out, ',')
	}
	o.out = append(o.out, quote(key)...)
	o.out = append(o.out, ':')
	o.out = append(o.out, value...)
}

func (o *object) text(key, value string) {
	if value != "" {
		o.raw(key, string(quote(value)))
	}
}

func (o *object) decimal(key string, d config.Decimal) {
	if !d.Empty() {
		o.raw(key, plain(d.Value))
	}
}

func (o *object) rates(r config.PriceRates) {
	for u := range units {
		o.decimal(u.String(), rateOf(&r, u))
	}
}

func (o *object) end() []byte {
	if o.out == nil {
		return []byte("{}")
	}
	return append(o.out, '}')
}

func quote(text string) []byte {
	out, err := json.Marshal(text)
	if err != nil {
		return []byte(strconv.Quote(text)) // a text has always a JSON form
	}
	return out
}
