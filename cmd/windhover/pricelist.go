package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"windhover/config"
	"windhover/gateway"
	"windhover/gateway/price"
)

// listedPrice is an entry of the table with the row that holds.
type listedPrice struct {
	price.Entry
	Rates   string `json:"rates,omitempty"` // in the words of the file; of tokens for a million
	Source  string `json:"source,omitempty"`
	Checked string `json:"checked,omitempty"`
}

// listPrices prints one line for each entry: its rates on that day, and where they come from.
func (p program) listPrices(snapshot *gateway.Snapshot, o pricesOptions, day time.Time) error {
	wanted := ""
	if o.provider != "" {
		wanted = snapshot.Pricing(o.provider)
	}
	var list []listedPrice
	for _, e := range snapshot.Prices().Entries() {
		if name, _ := config.CutPriceKey(e.Key); wanted != "" && name != wanted {
			continue
		}
		list = append(list, listed(e, day))
	}
	if o.json {
		return p.printJSON(list)
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for _, x := range list {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", x.Key, x.Rates, x.Checked, x.File)
	}
	return table.Flush()
}

func listed(e price.Entry, day time.Time) listedPrice {
	x := listedPrice{Entry: e, Rates: "no price on this day"}
	if e.Off {
		x.Rates = "off"
		return x
	}
	for _, r := range e.Rows {
		if day.Before(r.From.Time) || !r.Until.Empty() && !day.Before(r.Until.Time) {
			continue
		}
		words := []string{price.Rates(r.PriceRates)}
		if r.Reported != nil && *r.Reported {
			words = append([]string{"as reported"}, words...)
		}
		if len(r.Tiers) > 0 {
			words = append(words, "tiers")
		}
		if len(r.Modes) > 0 {
			words = append(words, strings.Join(sortedKeys(r.Modes), " "))
		}
		x.Rates, x.Source, x.Checked = strings.Trim(strings.Join(words, "; "), "; "), r.Source.Value, r.Checked.Value
	}
	return x
}
