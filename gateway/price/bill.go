package price

import (
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"
	"text/tabwriter"

	"windhover/config"
	"windhover/gateway/usage"
)

// Bill is how the cost of one record comes about.
type Bill struct {
	Price        string          `json:"price_id,omitempty"` // of the row that it was charged by
	State        usage.CostState `json:"cost_state,omitempty"`
	Reason       string          `json:"reason,omitempty"` // why it is unpriced
	Lines        []Line          `json:"lines,omitempty"`
	TotalNanoUSD *int64          `json:"cost_nano_usd,omitempty"` // the sum, rounded once; nil: it is not known

	model string // of the lines to come
	mode  string
	area  string
	above uint64
}

// Line is one unit of a bill. What is counted and charged is in digits, exactly.
type Line struct {
	Model  string `json:"model,omitempty"` // that made this part of the answer
	Mode   string `json:"mode,omitempty"`  // of the row, whose factor is in the rate
	Region string `json:"region,omitempty"`
	Above  uint64 `json:"above_input_tokens,omitempty"` // the tier
	Unit   string `json:"unit"`
	Count  string `json:"count"`
	Rate   string `json:"rate"` // dollars for Per
	Per    int64  `json:"per"`
	Amount string `json:"amount_usd"` // exactly
}

func (b *Bill) part(model string) { b.model = model }

func (b *Bill) choose(w *row, mode string, region int, above uint64) {
	b.mode, b.above, b.area = mode, above, ""
	if region > 0 {
		b.area = w.regions[region-1]
	}
}

// line adds what n of a unit cost.
func (b *Bill) line(u Unit, n, rate uint64) {
	l := Line{Model: b.model, Mode: b.mode, Region: b.area, Above: b.above, Unit: u.String(), Count: strconv.FormatUint(n, 10), Per: 1}
	if !u.tokens() {
		l.Above = 0
	}
	per := new(big.Int).SetUint64(rate)
	switch {
	case u.tokens():
		l.Per = million
		per.Mul(per, big.NewInt(million))
	case u == Second:
		per.Mul(per, big.NewInt(million))
		l.Count = digits(new(big.Int).SetUint64(n), 6)
	}
	l.Rate = digits(per, 18)
	amount := new(big.Int).SetUint64(n)
	l.Amount = digits(amount.Mul(amount, new(big.Int).SetUint64(rate)), 18)
	b.Lines = append(b.Lines, l)
}

// reported is the one line of a cost that the provider reported.
func (b *Bill) reported(usd float64) {
	text := plain(strconv.FormatFloat(usd, 'f', -1, 64))
	b.Lines = []Line{{Unit: usage.ReportedCostUSD.String(), Count: text, Rate: "1", Per: 1, Amount: text}}
}

// digits is n / 10^places without needless zeros.
func digits(n *big.Int, places int) string {
	text := n.String()
	if len(text) <= places {
		text = strings.Repeat("0", places-len(text)+1) + text
	}
	return plain(text[:len(text)-places] + "." + text[len(text)-places:])
}

// Dollars is a cost in nano-dollars as people read it, to its last digit that is not 0, and at least to cents.
func Dollars(nanoUSD int64) string {
	text := digits(big.NewInt(nanoUSD), 9)
	if nanoUSD < 0 {
		text = "-" + digits(new(big.Int).Neg(big.NewInt(nanoUSD)), 9)
	}
	whole, fraction, _ := strings.Cut(text, ".")
	return whole + "." + fraction + strings.Repeat("0", max(0, 2-len(fraction)))
}

// Write shows the bill on a terminal.
func (b *Bill) Write(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, l := range b.Lines {
		fmt.Fprintf(table, "%s\t%s\tx\t%s\t=\t%s\t%s\n", l.Unit, l.Count, l.rate(), l.Amount, l.how())
	}
	switch {
	case b.State == usage.Unpriced:
		fmt.Fprintf(table, "unpriced: %s\n", b.Reason)
	case b.TotalNanoUSD != nil:
		fmt.Fprintf(table, "USD\t\t\t\t=\t%s\t\n", Dollars(*b.TotalNanoUSD))
	default:
		fmt.Fprintf(table, "nothing to charge\n")
	}
	return table.Flush()
}

func (l Line) rate() string {
	if l.Per == million {
		return l.Rate + "/M"
	}
	return l.Rate
}

// how is what the rate was chosen by, and whose it is.
func (l Line) how() string {
	var parts []string
	if l.Model != "" {
		parts = append(parts, l.Model)
	}
	if l.Mode != "" {
		parts = append(parts, "mode "+l.Mode)
	}
	if l.Region != "" {
		parts = append(parts, "region "+l.Region)
	}
	if l.Above > 0 {
		parts = append(parts, fmt.Sprintf("above %d input tokens", l.Above))
	}
	if parts == nil {
		return ""
	}
	return "  " + strings.Join(parts, ", ")
}

// Rates are the rates of a row on one line, in the words of the file: of tokens for a million, of anything else for one.
func Rates(r config.PriceRates) string {
	var parts []string
	for _, u := range inOrder() {
		if d := rateOf(&r, u); !d.Empty() {
			parts = append(parts, u.String()+" "+plain(d.Value))
		}
	}
	return strings.Join(parts, ", ")
}

// inOrder is the units as people look for them: what nearly every row has comes first.
func inOrder() []Unit {
	order := []Unit{Input, Output}
	for u := range units {
		if u != Input && u != Output {
			order = append(order, u)
		}
	}
	return order
}
