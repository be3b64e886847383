package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"windhover/config"
	"windhover/gateway"
	"windhover/gateway/price"
	"windhover/gateway/usage"
)

// pricesOptions say what is asked of the table.
type pricesOptions struct {
	model    string // empty: everything is listed
	provider string // empty: of every provider
	usage    []string
	at       string // empty: now
	json     bool
}

func (p program) pricesCommand() *cobra.Command {
	var o pricesOptions
	cmd := &cobra.Command{
		Use:   "prices [MODEL]",
		Short: "List what models cost, or show what would be charged and why",
		Long: "Prices lists the table that answers are charged by: the built-in one with `prices` of the providers file and of\n" +
			"--prices laid over it. With MODEL it shows for each provider which entry counts, which it beats, where it stands, its\n" +
			"rates, tiers and modes, source and date; with --usage what an answer with these numbers would cost, line by line.\n" +
			"The fields are those of a record; input_tokens are all input tokens, cached ones included.",
		Example: "  windhover prices\n  windhover prices gpt-5-2025-08-07\n" +
			"  windhover prices claude-sonnet-5 --provider anthropic --usage input_tokens=100000,cache_read_tokens=20000,output_tokens=1000\n" +
			"  windhover prices gpt-5 --provider openai --usage input_tokens=1000,service_tier=batch --at 2026-12-01",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			settings, err := p.settings(cmd)
			if err != nil {
				return err
			}
			o.model = firstOr(args, "")
			return p.prices(settings, o)
		},
	}
	config.AddFlags(cmd.Flags(), "config", "providers", "prices")
	cmd.Flags().StringVar(&o.provider, "provider", "", "`NAME` of the provider that answers; a pricing name does as well")
	cmd.Flags().StringSliceVar(&o.usage, "usage", nil, "`FIELD=VALUE,…` of the answer that is to be charged")
	cmd.Flags().StringVar(&o.at, "at", "", "`DAY` that the prices are asked for, as in 2026-12-01; today by default")
	cmd.Flags().BoolVar(&o.json, "json", false, "print JSON")
	return cmd
}

func (p program) prices(s config.Settings, o pricesOptions) error {
	rec, err := o.record()
	if err != nil {
		return err
	}
	file, snapshot, err := compile(p.providersPath(s.Providers), p.loadOptions(s.Prices), servingNobody())
	if err != nil {
		return err
	}
	if err := o.checkProvider(file, snapshot.Prices()); err != nil {
		return err
	}
	if o.model == "" {
		return p.listPrices(snapshot, o, rec.Time)
	}
	quotes, err := o.quotes(snapshot, rec)
	if err != nil {
		return err
	}
	if o.json {
		return p.printJSON(quotes)
	}
	for i, q := range quotes {
		if i > 0 {
			fmt.Fprintln(p.stdout)
		}
		p.printPrice(q, len(o.usage) > 0)
	}
	return nil
}

// checkProvider is an error if neither a provider nor a price has the name: that nothing fits would say too little of it.
func (o pricesOptions) checkProvider(file *config.File, table *price.Table) error {
	known := slices.Sorted(slices.Values(append(table.Names(), sortedKeys(file.Providers)...)))
	if o.provider == "" || slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, o.provider) }) {
		return nil
	}
	return fmt.Errorf("--provider %s: neither a provider nor a price has this name%s", o.provider, didYouMean(o.provider, known))
}

// record is the record that is to be charged: one of an answer that used what the flags say.
func (o pricesOptions) record() (*usage.Record, error) {
	rec := &usage.Record{Time: time.Now(), RequestModel: o.model, Status: 200, UsageState: usage.None}
	if o.model == "" && len(o.usage) > 0 {
		return nil, errors.New("--usage charges an answer of one model; name it, as in windhover prices gpt-5 --usage input_tokens=1000")
	}
	if o.at != "" {
		day, err := time.Parse(time.DateOnly, o.at)
		if err != nil {
			return nil, fmt.Errorf("--at %s is no day; write it as in 2026-12-01", o.at)
		}
		rec.Time = day
	}
	for _, pair := range o.usage {
		if err := setUsage(&rec.Usage, pair); err != nil {
			return nil, err
		}
		rec.UsageState = usage.Reported
	}
	return rec, nil
}

// setUsage reports FIELD=VALUE.
func setUsage(u *usage.Usage, pair string) error {
	name, value, ok := strings.Cut(pair, "=")
	field, known := usage.ParseField(name)
	switch {
	case !ok:
		return fmt.Errorf("--usage %s has no value; write it as in input_tokens=1000", pair)
	case !known:
		var names []string
		for f := range usage.Fields() {
			names = append(names, f.String())
		}
		return fmt.Errorf("--usage knows no field %s%s", name, didYouMean(name, names))
	case !field.Number():
		u.SetText(field, value)
		return nil
	}
	if n, err := strconv.ParseInt(value, 10, 64); err == nil && n >= 0 {
		u.SetNumber(field, usage.Whole(n))
		return nil
	}
	x, err := strconv.ParseFloat(value, 64)
	if err != nil || x < 0 {
		return fmt.Errorf("--usage %s: %s is no number", name, value)
	}
	u.SetNumber(field, usage.Decimal(x))
	return nil
}

// quotes are what the model would cost: of the provider that was named, or of all that have a price for it.
func (o pricesOptions) quotes(snapshot *gateway.Snapshot, rec *usage.Record) ([]price.Quote, error) {
	table := snapshot.Prices()
	if o.provider != "" {
		return []price.Quote{table.Quote(rec, snapshot.Pricing(o.provider))}, nil
	}
	var quotes []price.Quote
	for _, name := range table.Names() {
		if q := table.Quote(rec, name); q.Key != "" && !catchAll(q) {
			quotes = append(quotes, q)
		}
	}
	if len(quotes) == 0 {
		var known []string
		for _, e := range table.Entries() {
			_, model := config.CutPriceKey(e.Key)
			known = append(known, model)
		}
		return nil, fmt.Errorf("no provider has a price for %s%s", o.model, didYouMean(o.model, known))
	}
	return quotes, nil
}

// catchAll reports whether it was a provider's default that fits, which says nothing of the model.
func catchAll(q price.Quote) bool { return q.Name == "*" }

// printQuote shows what an answer costs, and by which entry.
func (p program) printQuote(q price.Quote) {
	if q.State == "" {
		return
	}
	if q.Key != "" {
		fmt.Fprintf(p.stdout, "price: %s\n", matchOf(q))
	}
	if err := q.Bill.Write(p.stdout); err != nil {
		fmt.Fprintln(p.stderr, "windhover:", err)
	}
}

// printPrice shows all that the table says of a model, and a bill if there is something to charge.
func (p program) printPrice(q price.Quote, bill bool) {
	fmt.Fprintf(p.stdout, "%s of %s\n", p.green(q.Model), q.Pricing)
	fmt.Fprintf(p.stdout, "  entry   %s\n", matchOf(q))
	for _, key := range q.Beaten {
		fmt.Fprintf(p.stdout, "  beats   %s\n", key)
	}
	fmt.Fprintf(p.stdout, "  metrics %s\n", q.Label)
	if q.Row != nil {
		p.printRow(*q.Row)
	}
	if bill {
		if err := q.Bill.Write(p.stdout); err != nil {
			fmt.Fprintln(p.stderr, "windhover:", err)
		}
	}
}

func (p program) printRow(r config.PriceRow) {
	if r.Reported != nil && *r.Reported {
		fmt.Fprintln(p.stdout, "  cost    as the provider reports it, where it does")
	}
	if rates := price.Rates(r.PriceRates); rates != "" {
		fmt.Fprintf(p.stdout, "  rates   %s\n", rates)
	}
	for _, t := range r.Tiers {
		fmt.Fprintf(p.stdout, "  tier    above %s input tokens: %s\n", t.Above.Value, price.Rates(t.PriceRates))
	}
	for _, name := range sortedKeys(r.Modes) {
		m := r.Modes[name]
		if m.Factor.Empty() {
			fmt.Fprintf(p.stdout, "  mode    %s: %s\n", name, price.Rates(m.PriceRates))
			continue
		}
		fmt.Fprintf(p.stdout, "  mode    %s: times %s\n", name, m.Factor.Value)
	}
	for _, name := range sortedKeys(r.Regions) {
		fmt.Fprintf(p.stdout, "  region  %s: tokens times %s\n", name, r.Regions[name].Value)
	}
	if days := daysOf(r); days != "" {
		fmt.Fprintf(p.stdout, "  holds   %s\n", days)
	}
	if source := sourceOf(r); source != "" {
		fmt.Fprintf(p.stdout, "  source  %s\n", source)
	}
	if !r.Note.Empty() {
		fmt.Fprintf(p.stdout, "  note    %s\n", r.Note.Value)
	}
}

// matchOf is the entry that counts, the name by which it does, and where it stands.
func matchOf(q price.Quote) string {
	if q.Key == "" {
		return "none fits"
	}
	_, model := config.CutPriceKey(q.Key)
	if strings.EqualFold(q.Name, model) {
		return fmt.Sprintf("%s, in %s", q.Key, q.File)
	}
	return fmt.Sprintf("%s by its name %s, in %s", q.Key, q.Name, q.File)
}

// daysOf is when a row holds, in words; empty: always.
func daysOf(r config.PriceRow) string {
	var parts []string
	if !r.From.Empty() {
		parts = append(parts, "from "+r.From.Value)
	}
	if !r.Until.Empty() {
		parts = append(parts, "until "+r.Until.Value)
	}
	return strings.Join(parts, " ")
}

// sourceOf is where a row was found, and when.
func sourceOf(r config.PriceRow) string {
	var parts []string
	if !r.Source.Empty() {
		parts = append(parts, r.Source.Value)
	}
	if !r.Checked.Empty() {
		parts = append(parts, "checked "+r.Checked.Value)
	}
	return strings.Join(parts, ", ")
}

func sortedKeys[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
