package main

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"windhover/gateway/ledger/ledgertest"
	"windhover/gateway/ledger/sqlite"
	"windhover/gateway/usage"
)

// keep writes records to the ledger of a data folder, as a gateway that has ended did.
func keep(t *testing.T, data string, records ...*usage.Record) {
	t.Helper()
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(t.Context(), filepath.Join(data, ledgerFile), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Write(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

// noon is when the records below began.
var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// ledgerOfADay is a working folder whose ledger holds records of that day: two with a price, one without, one without usage.
func ledgerOfADay(t *testing.T) (folder string) {
	t.Helper()
	add := func(n int, model string, change func(r *usage.Record)) *usage.Record {
		r := ledgertest.Plain(noon.Add(time.Duration(n)*time.Minute), n)
		r.Usage.SetText(usage.Model, model)
		r.Usage.SetNumber(usage.InputTokens, usage.Whole(1_200_000))
		r.CostNanoUSD = 1_500_200_000
		change(r)
		return r
	}
	folder = t.TempDir()
	keep(t, filepath.Join(folder, "data"),
		add(1, "gpt-5", func(*usage.Record) {}),
		add(2, "gpt-5", func(r *usage.Record) { r.UsageState, r.CostNanoUSD = usage.Partial, 25_000 }),
		add(3, "kestrel-\x1b[1m", func(r *usage.Record) { r.CostState, r.CostNanoUSD, r.Price = usage.Unpriced, 0, nil }),
		add(70, "gpt-5", func(r *usage.Record) {
			r.UsageState, r.CostState, r.CostNanoUSD, r.Price, r.Usage, r.Labels = usage.Missing, "", 0, nil, usage.Usage{}, nil
		}),
	)
	return folder
}

func TestUsageIsATableOfSumsAndOfWhatTheyDoNotTell(t *testing.T) {
	t.Parallel()
	folder := ledgerOfADay(t)
	for args, want := range map[string]string{
		"--by model": "2026-11-24 00:00:00 to 2026-11-25 00:00:00 UTC\n\n" +
			"model         requests      input  output  cached       USD  unpriced\n" +
			"gpt-5                3  2,400,000      40       0  1.500225       0 %\n" +
			"kestrel-\ufffd[1m         1  1,200,000      20       0   unknown     100 %\n" +
			"total                4  3,600,000      60       0  1.500225      25 %\n" + limits,
		"": `2026-11-24 00:00:00 to 2026-11-25 00:00:00 UTC

requests      input  output  cached       USD  unpriced
       4  3,600,000      60       0  1.500225      25 %
` + limits,
		"--by hour,label:team": `2026-11-24 00:00:00 to 2026-11-25 00:00:00 UTC

hour              team    requests      input  output  cached       USD  unpriced
2026-11-24 12:00  search         3  3,600,000      60       0  1.500225      33 %
2026-11-24 13:00  (none)         1          0       0       0  0.000000       0 %
total                            4  3,600,000      60       0  1.500225      25 %
` + limits,
		"--model nothing": "2026-11-24 00:00:00 to 2026-11-25 00:00:00 UTC\n\nnothing was recorded\n",
	} {
		got := runIn(t, folder, nil, append([]string{"usage", "--since", "2026-11-24", "--until", "2026-11-25"}, strings.Fields(args)...)...)
		if got.code != exitOK || got.stdout != want || got.stderr != "" {
			t.Errorf("usage %s = %d\n%s%s, want\n%s", args, got.code, got.stdout, got.stderr, want)
		}
	}
}

const limits = `
without a price: 1 of 4 attempts (25 %), whose cost is unknown and not in these sums; windhover check --ledger ./data names the models
without usage: 1 of 4 attempts (25 %), whose answers reported none, or broke off before: their tokens and cost are unknown and not in these sums
with doubtful usage: 1 of 4 attempts (25 %), whose end was not seen, or whose numbers cannot all be right
`

func TestUsageInColoursMarksWhatHasNoPrice(t *testing.T) {
	t.Parallel()
	var stdout, stderr buffer
	code := program{stdout: &stdout, stderr: &stderr, folder: ledgerOfADay(t), colour: true}.run(t.Context(), []string{"usage", "--since", "2026-11-24", "--until", "2026-11-25", "--by", "model"})
	if got := regexp.MustCompile(`\x1b\[31m[^\x1b]*\x1b\[0m`).FindAllString(stdout.String(), -1); code != exitOK || strings.Join(got, ",") != "\x1b[31m   100 %\x1b[0m,\x1b[31m    25 %\x1b[0m" {
		t.Errorf("red is %q, want the shares without a price", got)
	}
}

// The command and the page are two ways to the same answer.
func TestUsageInJSONIsWhatTheAPIAnswers(t *testing.T) {
	t.Parallel()
	folder := ledgerOfADay(t)
	g := start(t, folder)
	g.logged(t, `(the ledger is being written)`)
	query := url.Values{"since": {"2026-11-24T01:00:00+01:00"}, "until": {"2026-11-25"}, "group_by": {"model,status"}, "status": {"200"}, "label.team": {"search", ""}}
	answer := get(t, g.admin, "/api/usage?"+query.Encode())
	got := runIn(t, folder, nil, "usage", "--since", "2026-11-24T01:00:00+01:00", "--until", "2026-11-25", "--by", "model,status", "--status", "200", "--label", "team=search", "--label", "team=", "--json")
	var indented, plain any
	if json.Unmarshal([]byte(got.stdout), &indented) != nil || json.Unmarshal([]byte(answer), &plain) != nil {
		t.Fatalf("usage = %+v, the API answers %s", got, answer)
	}
	a, _ := json.Marshal(indented)
	b, _ := json.Marshal(plain)
	if string(a) != string(b) || !strings.Contains(answer, `"requests":4`) {
		t.Errorf("usage = %s\nthe API answers\n%s", got.stdout, answer)
	}
}

func TestUsageInCSVHasAllMeasures(t *testing.T) {
	t.Parallel()
	got := runIn(t, ledgerOfADay(t), nil, "usage", "--since", "2026-11-24", "--until", "2026-11-25", "--by", "label:team", "--csv")
	want := "label:team,requests,attempts,failures,unpriced,missing,partial,cost_nano_usd,cost_usd,reported_cost_nano_usd,reported_cost_usd,input_tokens,output_tokens," +
		"cache_read_tokens,cache_write_tokens,reasoning_tokens,input_audio_tokens,output_audio_tokens,input_image_tokens,output_image_tokens,images,milliseconds,characters," +
		"searches,pages,bytes_in,bytes_out,duration_us,first_byte_us,answered\r\n" +
		"search,3,3,0,1,0,1,1500225000,1.500225,0,0,3600000,60,0,0,0,0,0,0,0,0,0,0,0,0,300,3000,3000000,900000,3\r\n" +
		",1,1,0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,100,1000,1000000,300000,1\r\n"
	if got != (outcome{exitOK, want, ""}) {
		t.Errorf("usage --csv = %+v, want\n%s", got, want)
	}
}

func TestMistakesInTheCallOfUsageNameTheFlag(t *testing.T) {
	t.Parallel()
	folder := ledgerOfADay(t)
	for args, want := range map[string]outcome{
		"--since yesterday":     {exitUsage, "", "windhover: --since: \"yesterday\" is no time; write it as in 2026-11-24, 2026-11-24T10:00:00Z, or 24h or 7d for that long ago\n"},
		"--by modle":            {exitUsage, "", "windhover: --by: \"modle\" is no dimension; did you mean model?\n"},
		"--label team":          {exitUsage, "", "windhover: --label: \"team\" is no label; write it as in team=search\n"},
		"--label team=a,,b":     {exitUsage, "", "windhover: --label: a value between its commas is empty; give the parameter once more, without a value, to choose what has none\n"},
		"--status ok":           {exitUsage, "", "windhover: --status: \"ok\" is no status; write it as in 200 or 429, and 0 for what got no answer\n"},
		"--json --csv":          {exitUsage, "", "windhover: --json and --csv are two forms; choose one of them\n"},
		"--data none":           {exitUsage, "", "windhover: --data is none, so that nothing is kept; name the folder that the gateway keeps its ledger in\n"},
		"--data elsewhere":      {exitFailed, "", "windhover: there is no ledger in elsewhere; name the folder that the gateway keeps it in, its --data\n"},
		"--since 1h --until 2h": {exitUsage, "", "windhover: --since: the range is empty"},
	} {
		got := runIn(t, folder, nil, append([]string{"usage"}, strings.Fields(args)...)...)
		if strings.HasSuffix(want.stderr, "empty") && strings.HasPrefix(got.stderr, want.stderr) {
			got.stderr = want.stderr // it goes on with two times of today
		}
		if got != want {
			t.Errorf("usage %s = %+v, want %+v", args, got, want)
		}
	}
}

func TestCheckWarnsOfModelsOfALedgerWithoutAPrice(t *testing.T) {
	t.Parallel()
	folder := ledgerOfADay(t)
	many := []*usage.Record{}
	for i := range 3 {
		r := ledgertest.Plain(noon, 100+i)
		r.Usage.SetText(usage.Model, "kestrel 2")
		many = append(many, r)
	}
	nameless := ledgertest.Plain(noon, 200)
	nameless.RequestModel = ""
	nameless.Usage.SetText(usage.Model, "")
	keep(t, filepath.Join(folder, "data"), append(many, nameless)...)
	got := runIn(t, folder, nil, "check", "--ledger", "data")
	want := "data: warning: openai/kestrel 2 has no price: what 3 attempts with 90 input and 60 output tokens cost is not known. Give it one, in USD per million tokens:\n" +
		"  prices:\n    'openai/kestrel 2': {input: …, output: …}\n" +
		"data: warning: 1 attempt with 30 input and 20 output tokens name no model of openai, and cannot be charged\n" +
		"data: warning: openai/kestrel-\ufffd[1m has no price: what 1 attempt with 1,200,000 input and 20 output tokens cost is not known. Give it one, in USD per million tokens:\n" +
		"  prices:\n    'openai/kestrel-\ufffd[1m': {input: …, output: …}\n"
	if got.code != exitOK || got.stderr != want || !strings.HasPrefix(got.stdout, "builtin: ok, ") {
		t.Errorf("check --ledger = %d\n%s%s, want\n%s", got.code, got.stdout, got.stderr, want)
	}
	writeFile(t, filepath.Join(folder, "providers.yaml"), "version: 1\nextends: builtin\nprices:\n  openai/kestrel*: {input: 1, output: 2}\n")
	got = runIn(t, folder, nil, "check", "--ledger", "data")
	if strings.Contains(got.stderr, "kestrel") || got.code != exitOK {
		t.Errorf("check --ledger with a price = %+v, want no warning of it", got)
	}
	got = runIn(t, folder, nil, "check", "--ledger", "nowhere")
	if want := (outcome{exitFailed, "", "windhover: there is no ledger in nowhere; name the folder that the gateway keeps it in, its --data\n"}); got != want {
		t.Errorf("check --ledger nowhere = %+v, want %+v", got, want)
	}
}
