package price

import (
	"fmt"
	"time"

	"windhover/gateway/usage"
)

// charge adds up what one record costs.
type charge struct {
	sum    amount
	row    *row   // that it was charged by; nil: none
	reason reason // why it cannot be charged; zero: it can
	bill   *Bill  // nil: nobody wants the lines

	state usage.CostState // CostReported where the provider's own cost was taken
	nano  int64           // then
}

// reason says why a record has no price. The text is made only for those who read it.
type reason struct {
	why  why
	unit Unit
	text string // a service tier or a model
}

type why uint8

const (
	_ why = iota
	noEntry
	priceOff
	noRow
	noRate
	noUnit
	noMode
	tooMuch
)

func (r reason) String() string {
	switch r.why {
	case noEntry:
		if r.text == "" {
			return "the answer names no model, and neither did the request"
		}
		return fmt.Sprintf("no price fits the model %q", r.text)
	case priceOff:
		return "the file says off: " + r.text
	case noRow:
		return "no row of " + r.text + " holds at that time"
	case noRate:
		return fmt.Sprintf("the row has no rate for %s", r.unit)
	case noUnit:
		return "the answer reports nothing that the row has a rate for"
	case noMode:
		return fmt.Sprintf("the row has no mode for the service tier %q", r.text)
	case tooMuch:
		return "the cost is beyond what can be counted"
	}
	return ""
}

// record charges a record that is not in parts.
func (c *charge) record(r *usage.Record, e *entry) {
	if !c.use(e, modelOf(r), r.Time) {
		return
	}
	if c.takeReported(&r.Usage) {
		return
	}
	c.answer(asking{usage: &r.Usage, tier: r.Usage.Text(usage.ServiceTier), region: r.Usage.Text(usage.Region), requests: once(r)})
}

// use chooses the row of an entry that holds at a time.
func (c *charge) use(e *entry, model string, at time.Time) bool {
	switch {
	case e == nil:
		c.reason = reason{why: noEntry, text: model}
	case e.off:
		c.reason = reason{why: priceOff, text: e.key}
	default:
		if c.row = e.at(at); c.row == nil {
			c.reason = reason{why: noRow, text: e.key}
		}
	}
	return c.reason.why == 0
}

// once is how many requests a record is charged as: those are charged that had a good answer.
func once(r *usage.Record) uint64 {
	if r.Status >= 200 && r.Status < 300 {
		return 1
	}
	return 0
}

// takeReported takes what the provider says it charged, where the row wants that. 0 is no price: providers write it where they do not know.
func (c *charge) takeReported(u *usage.Usage) bool {
	if !c.row.reported {
		return false
	}
	usd := u.Countable(usage.ReportedCostUSD).Float()
	n, ok := nanoOf(usd)
	if !ok || usd <= 0 {
		return false
	}
	c.state, c.nano = usage.CostReported, n
	if c.bill != nil {
		c.bill.reported(usd)
	}
	return true
}

// asking is what is to be charged by a row.
type asking struct {
	usage        *usage.Usage
	tier, region string // the service tier, and where the answer was made
	requests     uint64
	part         bool // of an answer: searches are the answer's own
}

// answer adds what the row charges for an answer's numbers.
func (c *charge) answer(a asking) {
	mode, tiers, known := c.row.tiersFor(a.tier)
	if !known {
		c.reason = reason{why: noMode, text: a.tier}
		return
	}
	at := c.row.region(a.region)
	x := split(a.usage, tiers[0].rates[at].writes)
	i := len(tiers) - 1
	for i > 0 && x.input <= tiers[i].above {
		i--
	}
	rates := &tiers[i].rates[at]
	if rates.writes != tiers[0].rates[at].writes {
		x = split(a.usage, rates.writes) // a tier that charges for writes over one that does not
	}
	if a.requests > 0 {
		x.n[Request] = a.requests
		x.told.add(Request)
	}
	if a.part {
		x.n[Search] = 0
		x.told &^= 1 << Search
	}
	if c.bill != nil {
		c.bill.choose(c.row, mode, at, tiers[i].above)
	}
	c.add(&x, rates)
}

// add adds every unit that the row has a rate for. Tokens that a row of tokens has none for leave the answer without a price.
func (c *charge) add(x *counts, rates *rates) {
	if x.told&rates.known == 0 {
		c.reason = reason{why: noUnit}
		return
	}
	if x.vast && rates.known.has(Second) {
		c.reason = reason{why: tooMuch}
		return
	}
	for u := range units {
		n := x.n[u]
		if n == 0 {
			continue
		}
		if !rates.known.has(u) {
			if u.tokens() && c.row.tokens {
				c.reason = reason{why: noRate, unit: u}
				return
			}
			continue
		}
		c.sum.add(n, rates.n[u])
		if c.bill != nil {
			c.bill.line(u, n, rates.n[u])
		}
	}
}

// settle writes what it came to into the record.
func (c *charge) settle(r *usage.Record) {
	r.CostState, r.CostNanoUSD, r.Price = c.total()
}

// total is what a record says of its cost.
func (c *charge) total() (usage.CostState, int64, *usage.Price) {
	var p *usage.Price
	if c.row != nil {
		p = c.row.price
	}
	if c.state == usage.CostReported {
		return c.state, c.nano, p
	}
	n, ok := c.sum.nanoUSD()
	if c.reason.why == 0 && !ok {
		c.reason = reason{why: tooMuch}
	}
	if c.reason.why != 0 {
		return usage.Unpriced, 0, p
	}
	return usage.Priced, n, p
}
