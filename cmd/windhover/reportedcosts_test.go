package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"windhover/config"
	"windhover/gateway"
	"windhover/gateway/price"
	"windhover/gateway/usage"
)

// comparedCost is a row of docs/reported-costs.md.
type comparedCost struct{ reported, table, by, why string }

// Where a recorded answer says what it cost, the note has what the table says, and explains every difference above 1 %.
func TestReportedCostsAreExplained(t *testing.T) {
	t.Parallel()
	rows := readComparedCosts(t, "../../docs/reported-costs.md")
	if len(rows) < 20 {
		t.Errorf("the note has %d rows, want 20 at least", len(rows))
	}
	recordings := os.Getenv("WINDHOVER_RECORDINGS")
	if recordings == "" {
		t.Skip("WINDHOVER_RECORDINGS names no folder of recordings")
	}
	_, snapshot, err := compile("", program{}.loadOptions(""), servingNobody())
	if err != nil {
		t.Fatal(err)
	}
	for _, provider := range []string{"grok", "openrouter", "perplexity-ai", "vercel"} {
		dirs, err := findCases(filepath.Join(recordings, provider))
		if err != nil {
			t.Fatal(err)
		}
		for _, dir := range dirs {
			reading, err := readResponse(snapshot, readingOptions{}, dir)
			if err != nil {
				t.Fatal(err)
			}
			if usd, told := reading.Usage.Number(usage.ReportedCostUSD); told {
				name := provider + "/" + filepath.Base(dir)
				row, listed := rows[name]
				delete(rows, name)
				if !listed {
					t.Errorf("%s reports a cost of %s, and docs/reported-costs.md does not have it", name, usd)
					continue
				}
				row.check(t, snapshot, name, reading, usd.Float())
			}
		}
	}
	for name := range rows {
		t.Errorf("docs/reported-costs.md has %s, of which there is no recording", name)
	}
}

func (c comparedCost) check(t *testing.T, snapshot *gateway.Snapshot, name string, r *reading, reported float64) {
	t.Helper()
	pricing, model := config.CutPriceKey(c.by)
	rec := usage.Record{Time: time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC), Status: 200, UsageState: usage.Reported, Usage: r.Usage}
	rec.Usage.SetText(usage.Model, model)
	rec.Usage.SetNumber(usage.ReportedCostUSD, usage.Whole(0)) // which is never taken
	q := snapshot.Prices().Quote(&rec, pricing)
	got, far := "unpriced", true
	if q.TotalNanoUSD != nil {
		got = price.Dollars(*q.TotalNanoUSD)
		cost := float64(*q.TotalNanoUSD) / 1e9
		far = math.Abs(cost-reported) > 0.01*reported
	}
	if want := price.Dollars(int64(math.Round(reported * 1e9))); c.reported != want {
		t.Errorf("%s reports %s, the note has %s", name, want, c.reported)
	}
	if c.table != got {
		t.Errorf("%s costs %s by %s, the note has %s: %+v", name, got, c.by, c.table, q.Bill)
	}
	if far && c.why == "" {
		t.Errorf("%s reports %s and costs %s: the note has to say why", name, c.reported, got)
	}
}

func readComparedCosts(t *testing.T, name string) map[string]comparedCost {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]comparedCost{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 5 || !strings.Contains(cells[0], "/") {
			continue
		}
		for i := range cells {
			cells[i] = strings.Trim(strings.TrimSpace(cells[i]), "`")
		}
		rows[cells[0]] = comparedCost{cells[1], cells[2], cells[3], cells[4]}
	}
	return rows
}
