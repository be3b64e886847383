package price

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"windhover/config"
	"windhover/gateway/usage"
)

// row is a row of the table, compiled: every combination of mode, region and tier has its rates worked out, so that nothing
// is rounded but the sum of a record. It is never written after it is made.
type row struct {
	price    *usage.Price // what records keep of it
	source   config.PriceRow
	reported bool
	from     time.Time // zero: always held
	until    time.Time // zero: holds on
	base     []tier    // of no mode
	modes    []mode
	regions  []string // lower case; the places of their factors in tier.rates, from 1
	tokens   bool     // it has a rate for tokens of some kind
}

// mode is a service tier with prices of its own.
type mode struct {
	name  string
	tiers []tier
}

// tier is the rates for requests of some size. The lowest tier of a list has no bound.
type tier struct {
	above uint64 // it holds for more input tokens than these, unless it is the lowest
	rates []rates
}

// rates are atto-dollars for what each unit is counted in; see atto.
type rates struct {
	n      [units]uint64
	known  unitSet // units that can be charged, by their own rate or by the one that counts instead
	writes unitSet // of CacheWrite and CacheWrite1h, those that are not charged as other input
}

// holds reports whether the row holds at a time.
func (w *row) holds(at time.Time) bool {
	return !at.Before(w.from) && (w.until.IsZero() || at.Before(w.until))
}

// anyRegion is the name in `regions` that stands for all that are not listed.
const anyRegion = "*"

// region is the place of a region's rates.
func (w *row) region(name string) int {
	if name == "" || len(w.regions) == 0 {
		return 0
	}
	all := 0
	for i, r := range w.regions {
		if strings.EqualFold(r, name) {
			return i + 1
		}
		if r == anyRegion {
			all = i + 1
		}
	}
	return all
}

// tiersFor are the rates for a service tier. known is false where the row does not say what it costs.
func (w *row) tiersFor(serviceTier string) (name string, tiers []tier, known bool) {
	if len(w.modes) > 0 && serviceTier != "" {
		wanted := modeName(serviceTier)
		for i := range w.modes {
			if strings.EqualFold(w.modes[i].name, wanted) {
				return w.modes[i].name, w.modes[i].tiers, true
			}
		}
	}
	return "", w.base, standard(serviceTier)
}

// compileRow gives a row its meaning.
func compileRow(key string, r config.PriceRow) (*row, config.Problems) {
	c := rowCompiler{row: &row{source: r, from: r.From.Time, until: r.Until.Time, reported: r.Reported != nil && *r.Reported}}
	w := c.row
	if !r.From.Empty() && !r.Until.Empty() && !r.From.Time.Before(r.Until.Time) {
		c.add(r.Until.Problem("until %s is not after from %s", r.Until.Value, r.From.Value))
	}
	factors := []*big.Int{big.NewInt(million)}
	for _, name := range slices.Sorted(maps.Keys(r.Regions)) {
		w.regions = append(w.regions, strings.ToLower(name))
		factors = append(factors, c.factor(r.Regions[name]))
	}
	w.base = c.tiers(r, config.PriceMode{}, factors)
	for _, name := range slices.Sorted(maps.Keys(r.Modes)) {
		w.modes = append(w.modes, mode{strings.ToLower(name), c.tiers(r, r.Modes[name], factors)})
	}
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	for u := range Image {
		w.tokens = w.tokens || w.base[0].rates[0].known.has(u)
	}
	text := rowJSON(r)
	sum := sha256.Sum256(text)
	w.price = &usage.Price{ID: key + "#" + hex.EncodeToString(sum[:4]), Row: text}
	return w, nil
}

// rowCompiler collects the problems of a row.
type rowCompiler struct {
	row      *row
	problems config.Problems
}

func (c *rowCompiler) add(p config.Problem) { c.problems = append(c.problems, p) }

func (c *rowCompiler) factor(d config.Decimal) *big.Int {
	if d.Empty() {
		return big.NewInt(million)
	}
	n, err := factor(d.Value)
	if err != nil {
		c.add(d.Problem("%s", err))
		return big.NewInt(million)
	}
	return n
}

// tiers are the rates of one mode, lowest tier first.
func (c *rowCompiler) tiers(r config.PriceRow, m config.PriceMode, regions []*big.Int) []tier {
	sets := []config.PriceRates{r.PriceRates}
	steps := []uint64{0}
	for _, t := range c.inOrder(r.Tiers) {
		sets = append(sets, over(sets[len(sets)-1], t.PriceRates))
		n, _ := strconv.ParseUint(t.Above.Value, 10, 64)
		steps = append(steps, n)
	}
	tiers := make([]tier, len(sets))
	for i, set := range sets {
		tiers[i] = tier{above: steps[i], rates: make([]rates, len(regions))}
		factor := c.factor(m.Factor)
		for j, region := range regions {
			tiers[i].rates[j] = c.rates(over(set, m.PriceRates), factor, region)
		}
	}
	return tiers
}

// inOrder is the tiers by what they are above.
func (c *rowCompiler) inOrder(tiers []config.PriceTier) []config.PriceTier {
	above := func(t config.PriceTier) uint64 {
		n, _ := strconv.ParseUint(t.Above.Value, 10, 64)
		return n
	}
	var good []config.PriceTier
	for _, t := range tiers {
		switch {
		case t.Above.Empty():
		case above(t) == 0:
			c.add(t.Above.Problem("above_input_tokens is %s; write a whole number of tokens, as in 200000", t.Above.Value))
		case slices.ContainsFunc(good, func(other config.PriceTier) bool { return above(other) == above(t) }):
			c.add(t.Above.Problem("another tier is above %s input tokens too; keep one of them", t.Above.Value))
		default:
			good = append(good, t)
		}
	}
	slices.SortFunc(good, func(a, b config.PriceTier) int { return cmp.Compare(above(a), above(b)) })
	return good
}

// rates works out one combination. Rates that other rates stand in for are filled in.
func (c *rowCompiler) rates(set config.PriceRates, mode, region *big.Int) rates {
	var x rates
	for u := range units {
		d := rateOf(&set, u)
		if d.Empty() {
			continue
		}
		n, err := c.rate(u, d.Value, mode, region)
		if err != nil {
			c.add(d.Problem("%s", err))
			continue
		}
		x.n[u] = n
		x.known.add(u)
	}
	x.writes = x.known & (1<<CacheWrite | 1<<CacheWrite1h)
	if x.writes.has(CacheWrite) {
		x.writes.add(CacheWrite1h)
	}
	given := x.known
	for range 2 { // cache_write_1h -> cache_write -> input
		for u := range units {
			if other, ok := u.instead(); ok && !x.known.has(u) && x.known.has(other) {
				x.n[u] = x.n[other]
				x.known.add(u)
			}
		}
	}
	c.checkCache(set, x, given)
	return x
}

func (c *rowCompiler) rate(u Unit, text string, mode, region *big.Int) (uint64, error) {
	pico, err := rate(u, text)
	if err != nil {
		return 0, err
	}
	var factors []*big.Int
	if u.discounted() {
		factors = append(factors, mode)
	}
	if u.tokens() {
		factors = append(factors, region)
	}
	return atto(u, pico, factors...)
}

// checkCache finds what would make an answer dearer for having been read from a cache in part.
func (c *rowCompiler) checkCache(set config.PriceRates, x rates, given unitSet) {
	for u := range units {
		plain, cached := u.uncached()
		if !cached || !x.known.has(u) || !x.known.has(plain) || x.n[u] <= x.n[plain] {
			continue
		}
		blamed := u
		for !given.has(blamed) {
			blamed, _ = blamed.instead()
		}
		c.add(rateOf(&set, blamed).Problem("%s is more than %s; reading from a cache never costs more than the same without one", blamed, plain))
		return
	}
}

// over is the rates with those that another set gives in their place.
func over(base, upper config.PriceRates) config.PriceRates {
	x := base
	for _, f := range []struct{ to, from *config.Decimal }{
		{&x.Input, &upper.Input}, {&x.Output, &upper.Output},
		{&x.CacheRead, &upper.CacheRead}, {&x.CacheWrite, &upper.CacheWrite}, {&x.CacheWrite1h, &upper.CacheWrite1h},
		{&x.Reasoning, &upper.Reasoning},
		{&x.InputAudio, &upper.InputAudio}, {&x.OutputAudio, &upper.OutputAudio}, {&x.CacheReadAudio, &upper.CacheReadAudio},
		{&x.InputImage, &upper.InputImage}, {&x.OutputImage, &upper.OutputImage}, {&x.CacheReadImage, &upper.CacheReadImage},
		{&x.InputVideo, &upper.InputVideo}, {&x.OutputVideo, &upper.OutputVideo},
		{&x.Image, &upper.Image}, {&x.Second, &upper.Second}, {&x.Character, &upper.Character},
		{&x.Page, &upper.Page}, {&x.Search, &upper.Search}, {&x.Request, &upper.Request},
	} {
		if !f.from.Empty() {
			*f.to = *f.from
		}
	}
	return x
}
