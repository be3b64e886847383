package usageapi

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"windhover/gateway/ledger"
	"windhover/gateway/ledger/sqlite"
	"windhover/gateway/usage"
)

// Any range, written in any time zone: rows, totals, pages of records and exports are of the same records.
func TestRowsTotalsRecordsAndExportsAgree(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(5, 11))
	var records []*usage.Record
	for i := range 150 {
		records = append(records, anyRecord(rnd, i))
	}
	agree(t, rnd, over(t, records...), records)
}

// A store that answers from rollups agrees with its own records.
func TestRowsTotalsRecordsAndExportsAgreeOverRollups(t *testing.T) {
	t.Parallel()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "ledger.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	rnd := rand.New(rand.NewPCG(8, 13))
	var records []*usage.Record
	for i := range 400 {
		records = append(records, anyRecord(rnd, i))
	}
	if err := store.Write(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	agree(t, rnd, New(Options{
		Reader:  func() (ledger.Reader, error) { return store, nil },
		Explain: explainNothing,
		Feed:    new(Feed),
		Now:     func() time.Time { return noon },
	}), records)
}

// anyRecord is one of the last three days, often at the very end of an hour or a day in some time zone.
func anyRecord(rnd *rand.Rand, n int) *usage.Record {
	before := time.Duration(rnd.Int64N(int64(72 * time.Hour)))
	if rnd.IntN(2) == 0 {
		before = before.Truncate(15*time.Minute) + time.Duration(rnd.IntN(3)-1)*time.Millisecond
	}
	return made(n, before, func(r *usage.Record) {
		r.Provider = pick(rnd, "openai", "anthropic")
		r.Usage.SetText(usage.Model, pick(rnd, "a", "b", "c"))
		r.Status, r.Final = pick(rnd, 0, 200, 429), rnd.IntN(3) > 0
		r.Key, r.Labels = pick(rnd, "", "0011"), map[string]string{"team": pick(rnd, "x", "y")}
		r.CostState, r.CostNanoUSD = pick(rnd, usage.Priced, usage.Unpriced, ""), rnd.Int64N(1e12)
	})
}

func pick[T any](rnd *rand.Rand, values ...T) T { return values[rnd.IntN(len(values))] }

// agree asks every page about the same random choices, and compares their sums with each other and with the records.
func agree(t *testing.T, rnd *rand.Rand, api http.Handler, records []*usage.Record) {
	t.Helper()
	for range 25 {
		values, filter := anyChoice(rnd)
		query := values.Encode()
		var want ledger.Sums
		for _, r := range records {
			if filter.Chooses(r) {
				want.Add(ledger.SumsOf(r))
			}
		}
		grouped := query + "&group_by=" + pick(rnd, "model", "provider,status", "hour", "day,label:team", "key,hour", "")
		total, rows := sumsAnswered(t, get(t, api, "/api/usage?"+grouped).Body.String())
		for name, got := range map[string]ledger.Sums{
			"totals": total, "rows": rows,
			"pages":  sumsOfPages(t, rnd, api, query),
			"export": sumsOfLines(t, get(t, api, "/api/usage/export?format=jsonl&"+query).Body.String()),
		} {
			if got != want {
				t.Errorf("%s: %s = %v, want %v", grouped, name, got, want)
			}
		}
		requests, cost := sumsOfTable(t, table(t, get(t, api, "/api/usage/export?"+query).Body.String()))
		if requests != want[ledger.Requests] || cost != want[ledger.CostNanoUSD] {
			t.Errorf("%s: CSV has %d requests at %d, want %d at %d", query, requests, cost, want[ledger.Requests], want[ledger.CostNanoUSD])
		}
	}
}

// anyChoice is a random range, written in a random time zone, and some filters.
func anyChoice(rnd *rand.Rand) (url.Values, ledger.Filter) {
	moment := func() time.Time {
		at := noon.Add(-time.Duration(rnd.Int64N(int64(73 * time.Hour))))
		at = at.Truncate(pick(rnd, time.Nanosecond, time.Millisecond, 15*time.Minute, time.Hour, 24*time.Hour))
		return at.In(time.FixedZone("", (rnd.IntN(28*4)-14*4)*15*60))
	}
	from, to := moment(), moment()
	for !roundUp(from).Before(roundUp(to)) {
		from, to = moment(), moment()
	}
	values := url.Values{"since": {from.Format(time.RFC3339Nano)}, "until": {to.Format(time.RFC3339Nano)}}
	filter := ledger.Filter{From: roundUp(from), To: roundUp(to)}
	if rnd.IntN(3) == 0 {
		filter.Providers = []string{"openai"}
		values.Set("provider", "openai")
	}
	if rnd.IntN(3) == 0 {
		filter.Models, filter.Keys = []string{"a", "c"}, []string{""}
		values["model"], values["key"] = []string{"a,c"}, []string{""}
	}
	if rnd.IntN(3) == 0 {
		filter.Labels, filter.Statuses = []ledger.Label{{Name: "team", Value: "x"}}, []int{200, 0}
		values["label.team"], values["status"] = []string{"x"}, []string{"200", "0"}
	}
	return values, filter
}

// sumsAnswered is the total of an answer, and the sum of its rows.
func sumsAnswered(t *testing.T, body string) (total, rows ledger.Sums) {
	t.Helper()
	var report struct {
		Total map[string]json.RawMessage
		Rows  []map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(body), &report); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	read := func(object map[string]json.RawMessage) (s ledger.Sums) {
		for _, m := range ledger.Measures() {
			text := string(object[m.String()])
			if m == ledger.CostNanoUSD && text == "null" {
				continue // nothing is known of it, and nothing is in the sums
			}
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			s[m] = n
		}
		return s
	}
	for _, row := range report.Rows {
		rows.Add(read(row))
	}
	return read(report.Total), rows
}

func sumsOfPages(t *testing.T, rnd *rand.Rand, api http.Handler, query string) (sums ledger.Sums) {
	t.Helper()
	query = fmt.Sprintf("limit=%d&%s", 20+rnd.IntN(100), query)
	for cursor := ""; ; {
		page := listOf(t, api, query+cursor)
		for _, r := range page.Records {
			sums.Add(ledger.SumsOf(r))
		}
		if page.NextCursor == "" {
			return sums
		}
		cursor = "&cursor=" + page.NextCursor
	}
}

func sumsOfLines(t *testing.T, body string) (sums ledger.Sums) {
	t.Helper()
	for line := range strings.Lines(body) {
		var r usage.Record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		sums.Add(ledger.SumsOf(&r))
	}
	return sums
}

func sumsOfTable(t *testing.T, rows []map[string]string) (requests, cost int64) {
	t.Helper()
	for _, row := range rows {
		if row["final"] == "true" {
			requests++
		}
		if row["cost_nano_usd"] == "" {
			continue
		}
		n, err := strconv.ParseInt(row["cost_nano_usd"], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		cost += n
	}
	return requests, cost
}
