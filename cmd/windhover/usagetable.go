package main

import (
	"fmt"
	"strings"
	"time"

	"windhover/config"
	"windhover/gateway/ledger"
	"windhover/gateway/ledger/usageapi"
)

// printUsage prints a report as a table, and behind it what the sums do not tell.
func (p program) printUsage(r usageapi.Report, s config.Settings) {
	fmt.Fprintf(p.stdout, "%s to %s UTC\n\n", clock(r.From), clock(r.To))
	if r.Total == (usageapi.Sums{}) {
		fmt.Fprintln(p.stdout, "nothing was recorded")
		p.printLimits(r, s)
		return
	}
	decimals := 2
	for _, row := range r.Rows {
		decimals = max(decimals, ledger.USDDecimals(row.Sums[ledger.CostNanoUSD]))
	}
	t := &table{texts: len(r.GroupBy)}
	var heads []string
	for _, d := range r.GroupBy {
		heads = append(heads, strings.TrimPrefix(string(d), "label:"))
	}
	t.add(append(heads, "requests", "input", "output", "cached", "USD", "unpriced")...)
	for _, row := range r.Rows {
		var group []string
		for i, value := range row.Values() {
			group = append(group, groupName(r.GroupBy[i], value))
		}
		t.add(append(group, sumCells(row.Sums, decimals)...)...)
	}
	if len(r.GroupBy) > 0 {
		total := make([]string, len(r.GroupBy))
		total[0] = "total"
		t.add(append(total, sumCells(r.Total, decimals)...)...)
	}
	last := len(t.rows[0]) - 1
	t.paint = func(row, column int, cell string) string {
		if row > 0 && column == last && strings.TrimSpace(cell) != "0 %" {
			return p.red(cell)
		}
		return cell
	}
	t.write(p.stdout)
	p.printLimits(r, s)
}

// clock is a time to the second.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// groupName is a group's value as people read it.
func groupName(d ledger.Dimension, value string) string {
	if at, err := time.Parse(time.RFC3339, value); err == nil && (d == ledger.ByHour || d == ledger.ByDay) {
		if d == ledger.ByDay {
			return at.Format(time.DateOnly)
		}
		return at.Format("2006-01-02 15:04")
	}
	if d == ledger.ByStatus && value == "0" {
		return shown("")
	}
	return shown(value)
}

// sumCells are the numbers of a row: requests, tokens, cost, and what part of the attempts has none.
func sumCells(s usageapi.Sums, decimals int) []string {
	return []string{
		thousands(s[ledger.Requests]), thousands(s[ledger.InputTokens]), thousands(s[ledger.OutputTokens]), thousands(s[ledger.CacheReadTokens]),
		costCell(s[ledger.CostNanoUSD], s[ledger.Unpriced], decimals), percent(s[ledger.Unpriced], s[ledger.Attempts]),
	}
}

// costCell is a cost that is known, or that nothing of it is, which is not 0.
func costCell(nanoUSD, unpriced int64, decimals int) string {
	if !ledger.CostKnown(nanoUSD, unpriced) {
		return "unknown"
	}
	return ledger.FixedUSD(nanoUSD, decimals)
}

// namesThem is how to learn which models have no price.
func namesThem(s config.Settings) string {
	if s.Database.Reveal() != "" {
		return "windhover check --ledger with the database's URL names the models"
	}
	return "windhover check --ledger " + s.Data + " names the models"
}

// printLimits says what is not in the sums.
func (p program) printLimits(r usageapi.Report, s config.Settings) {
	var limits []string
	say := func(m ledger.Measure, what, but string) {
		if n, of := r.Total[m], r.Total[ledger.Attempts]; n > 0 {
			limits = append(limits, fmt.Sprintf("%s: %s of %s attempts (%s), %s", what, thousands(n), thousands(of), percent(n, of), but))
		}
	}
	say(ledger.Unpriced, "without a price", "whose cost is unknown and not in these sums; "+namesThem(s))
	say(ledger.Missing, "without usage", "whose answers reported none, or broke off before: their tokens and cost are unknown and not in these sums")
	say(ledger.Partial, "with doubtful usage", "whose end was not seen, or whose numbers cannot all be right")
	if r.Asked != nil {
		limits = append(limits, fmt.Sprintf("the records of this range have expired: its full hours were summed, where %s to %s was asked for", clock(r.Asked.From), clock(r.Asked.To)))
	}
	if len(limits) > 0 {
		fmt.Fprintf(p.stdout, "\n%s\n", strings.Join(limits, "\n"))
	}
}
