package price

import (
	"strings"
	"testing"
	"time"

	"windhover/config"
	"windhover/gateway/usage"
)

// newTable compiles a file of these prices.
func newTable(t testing.TB, prices string) *Table {
	t.Helper()
	f, err := config.Load("", config.Options{Builtin: []byte("version: 1\nprices:\n" + prices)})
	if err != nil {
		t.Fatal(err)
	}
	table, problems := Compile(f)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return table
}

// someday is when the records of tests are made, unless they say otherwise.
var someday = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// record is a record of acme's model m with a good answer, which reports fields as in "input_tokens=12 service_tier=flex".
func record(t testing.TB, fields string) *usage.Record {
	t.Helper()
	r := &usage.Record{Time: someday, Provider: "acme", RequestModel: "m", Status: 200, UsageState: usage.Reported}
	r.Usage = used(t, fields)
	return r
}

func used(t testing.TB, fields string) usage.Usage {
	t.Helper()
	var u usage.Usage
	for _, pair := range strings.Fields(fields) {
		name, value, _ := strings.Cut(pair, "=")
		f, ok := usage.ParseField(name)
		if !ok {
			t.Fatalf("there is no field %s", name)
		}
		if !f.Number() {
			u.SetText(f, value)
			continue
		}
		if err := setNumber(&u, f, value); err != nil {
			t.Fatal(err)
		}
	}
	return u
}

func setNumber(u *usage.Usage, f usage.Field, text string) error {
	var one usage.Usage
	if err := one.UnmarshalJSON([]byte(`{"` + f.String() + `":` + text + `}`)); err != nil {
		return err
	}
	n, _ := one.Number(f)
	u.SetNumber(f, n)
	return nil
}

// charged charges a record and says what came of it, as in "priced 0.25" or "unpriced: …".
func charged(t testing.TB, table *Table, r *usage.Record) string {
	t.Helper()
	table.Charge(r, "acme")
	q := table.Quote(r, "acme")
	if q.State != r.CostState || q.TotalNanoUSD != nil && *q.TotalNanoUSD != r.CostNanoUSD {
		t.Errorf("Quote says %s, Charge %s %d", q.State, r.CostState, r.CostNanoUSD)
	}
	switch r.CostState {
	case usage.Unpriced:
		return "unpriced: " + q.Reason
	case "":
		return "nothing"
	}
	return string(r.CostState) + " " + Dollars(r.CostNanoUSD)
}

func TestEachTokenIsChargedOnce(t *testing.T) {
	t.Parallel()
	const full = "{input: 1, output: 10, cache_read: 0.1, cache_write: 2, cache_write_1h: 4, reasoning: 20, input_audio: 30, output_audio: 40, " +
		"cache_read_audio: 3, input_image: 50, output_image: 60, cache_read_image: 5, input_video: 70, output_video: 80}"
	for _, tt := range []struct{ name, row, fields, want string }{
		{"input and output", full, "input_tokens=1000000 output_tokens=1000000", "priced 11.00"},
		{"zero is reported, and costs nothing", full, "input_tokens=0 output_tokens=0", "priced 0.00"},
		{"cached tokens are part of the input", full, "input_tokens=1000000 cache_read_tokens=400000", "priced 0.64"},
		{"both kinds of writes", full, "input_tokens=1000000 cache_write_tokens=500000 cache_write_1h_tokens=200000", "priced 1.90"},
		{"reasoning is part of the output", full, "output_tokens=1000000 reasoning_tokens=500000", "priced 15.00"},
		{"audio and images and video", full, "input_tokens=1000000 input_audio_tokens=100000 input_image_tokens=200000 input_video_tokens=300000", "priced 34.40"},
		{"what is made of them", full, "output_tokens=1000000 output_audio_tokens=100000 output_image_tokens=200000 output_video_tokens=300000", "priced 44.00"},
		{"cached tokens come off the text first", full, "input_tokens=1000000 input_audio_tokens=400000 cache_read_tokens=600000", "priced 12.06"},
		{"and then off the audio", full, "input_tokens=1000000 input_audio_tokens=400000 cache_read_tokens=700000", "priced 9.36"},
		{"unless it is said what they are of", full, "input_tokens=1000000 input_audio_tokens=400000 cache_read_tokens=700000 cache_read_audio_tokens=400000", "priced 1.53"},
		{"cached images", full, "input_tokens=1000000 input_image_tokens=400000 cache_read_tokens=400000 cache_read_image_tokens=400000", "priced 2.60"},
		{"cached video is charged as cached text", full, "input_tokens=1000000 input_video_tokens=1000000 cache_read_tokens=1000000", "priced 0.10"},
		{"a part without its total", full, "cache_read_tokens=1000000", "priced 0.10"},
		{"a part above its total", full, "input_tokens=100 cache_read_tokens=1000000", "priced 0.00001"},
		{"parts that are together above their total", full, "input_tokens=1000000 cache_read_tokens=800000 cache_write_tokens=800000", "priced 0.48"},
		{"what cannot be counts as nothing", full, "input_tokens=-5 output_tokens=1000000", "priced 10.00"},

		{"no rate for reading", "{input: 2, output: 1}", "input_tokens=1000000 cache_read_tokens=500000", "priced 2.00"},
		{"no rate for writing", "{input: 2}", "input_tokens=1000000 cache_write_tokens=500000 cache_write_1h_tokens=1", "priced 2.00"},
		{"no rate for writing audio", "{input: 2, input_audio: 6}", "input_tokens=1000000 input_audio_tokens=1000000 cache_write_tokens=1000000", "priced 6.00"},
		{"no rate for an hour", "{input: 2, cache_write: 3}", "input_tokens=1000000 cache_write_tokens=1000000 cache_write_1h_tokens=500000", "priced 3.00"},
		{"no rate for reasoning, audio or images", "{input: 1, output: 2}", "output_tokens=1000000 reasoning_tokens=100 output_audio_tokens=100 output_image_tokens=100", "priced 2.00"},
		{"no rate for cached audio", "{input: 10, cache_read: 1, input_audio: 20}", "input_tokens=1000000 input_audio_tokens=1000000 cache_read_tokens=1000000", "priced 1.00"},
		{"audio alone", "{input_audio: 6}", "input_tokens=1000000 input_audio_tokens=1000000", "priced 6.00"},

		{"pictures", "{image: 0.04}", "images=3", "priced 0.12"},
		{"seconds", "{second: 0.0001}", "seconds=90.5", "priced 0.00905"},
		{"characters", "{character: 0.00015}", "characters=1000", "priced 0.15"},
		{"pages", "{page: 0.001}", "pages=12", "priced 0.012"},
		{"searches", "{input: 1, search: 0.01}", "input_tokens=1000000 searches=2", "priced 1.02"},
		{"the request", "{input: 1, request: 0.012}", "input_tokens=1000000", "priced 1.012"},
		{"tokens of what is charged by the picture", "{image: 0.04}", "images=1 input_tokens=12", "priced 0.04"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			table := newTable(t, "  acme/m: "+tt.row+"\n")
			if got := charged(t, table, record(t, tt.fields)); got != tt.want {
				t.Errorf("%s of %s = %s, want %s", tt.fields, tt.row, got, tt.want)
			}
		})
	}
}

func TestWhatHasNoPriceIsNeverFree(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, row, fields, want string }{
		{"another model", "{input: 1}", "model=n input_tokens=1", `unpriced: no price fits the model "n"`},
		{"no rate for input", "{output: 1}", "input_tokens=1 output_tokens=1", "unpriced: the row has no rate for input"},
		{"no rate for output", "{input: 1}", "input_tokens=1 output_tokens=1", "unpriced: the row has no rate for output"},
		{"but for no output there need be none", "{input: 1}", "input_tokens=1000000 output_tokens=0", "priced 1.00"},
		{"nothing that the row counts", "{input: 1, output: 1}", "images=1", "unpriced: the answer reports nothing that the row has a rate for"},
		{"free is written down", "{input: 0, output: 0}", "input_tokens=1 output_tokens=1", "priced 0.00"},
		{"a mode that the row lacks", "{input: 1}", "input_tokens=1 service_tier=priority", `unpriced: the row has no mode for the service tier "priority"`},
		{"more seconds than can be counted", "{second: 1}", "seconds=9007199254740991", "unpriced: the cost is beyond what can be counted"},
		{"more money than can be kept", "{character: 9}", "characters=9007199254740991", "unpriced: the cost is beyond what can be counted"},
		{"a row that does not hold yet", "{input: 1, from: 2026-11-26}", "input_tokens=1", "unpriced: no row of acme/m holds at that time"},
		{"a row that holds no more", "{input: 1, until: 2026-11-25}", "input_tokens=1", "unpriced: no row of acme/m holds at that time"},
		{"a cost of 0 is not believed", "{reported: true}", "input_tokens=1 reported_cost_usd=0", "unpriced: the answer reports nothing that the row has a rate for"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			table := newTable(t, "  acme/m: "+tt.row+"\n  acme/other: {input: 1}\n")
			if got := charged(t, table, record(t, tt.fields)); got != tt.want {
				t.Errorf("%s of %s = %s, want %s", tt.fields, tt.row, got, tt.want)
			}
		})
	}
}

func TestModelThatNobodyNamesIsUnpriced(t *testing.T) {
	t.Parallel()
	r := record(t, "input_tokens=1")
	r.RequestModel = ""
	if got, want := charged(t, newTable(t, "  acme/m: {input: 1}\n"), r), "unpriced: the answer names no model, and neither did the request"; got != want {
		t.Errorf("charged %s, want %s", got, want)
	}
}

func TestRecordWithoutUsageHasNoCost(t *testing.T) {
	t.Parallel()
	table := newTable(t, "  acme/m: {input: 1, request: 1}\n")
	for _, state := range []usage.State{"", usage.None, usage.Missing, usage.Unreadable} {
		r := record(t, "input_tokens=1")
		r.UsageState = state
		r.CostState, r.CostNanoUSD, r.Price = usage.Priced, 5, &usage.Price{}
		if got := charged(t, table, r); got != "nothing" || r.Price != nil || r.ModelLabel != "m" {
			t.Errorf("usage %q: charged %s, price %v, label %q; want nothing, none, m", state, got, r.Price, r.ModelLabel)
		}
	}
}

func TestOnlyGoodAnswersAreChargedAsRequests(t *testing.T) {
	t.Parallel()
	table := newTable(t, "  acme/m: {input: 0, request: 1}\n")
	for status, want := range map[int]string{200: "priced 1.00", 206: "priced 1.00", 101: "priced 0.00", 429: "priced 0.00", 500: "priced 0.00"} {
		r := record(t, "input_tokens=1")
		r.Status = status
		if got := charged(t, table, r); got != want {
			t.Errorf("status %d: charged %s, want %s", status, got, want)
		}
	}
}

// The tier is chosen by all input, and holds for all of the request.
func TestTierBeginsAboveItsBound(t *testing.T) {
	t.Parallel()
	table := newTable(t, "  acme/m: {input: 1, output: 10, cache_read: 0.5, tiers: [{above_input_tokens: 400000, input: 4}, {above_input_tokens: 200000, input: 2, output: 20, cache_read: 1}]}\n")
	for _, tt := range []struct{ fields, want string }{
		{"input_tokens=199999 output_tokens=1000", "priced 0.209999"},
		{"input_tokens=200000 output_tokens=1000", "priced 0.21"},
		{"input_tokens=200001 output_tokens=1000", "priced 0.420002"},
		{"input_tokens=200001 cache_read_tokens=200000 output_tokens=1000", "priced 0.220002"},
		{"input_tokens=400000 output_tokens=1000", "priced 0.82"},
		{"input_tokens=400001 output_tokens=1000", "priced 1.620004"}, // what a tier does not give stays as in the one below
	} {
		if got := charged(t, table, record(t, tt.fields)); got != tt.want {
			t.Errorf("%s = %s, want %s", tt.fields, got, tt.want)
		}
	}
}

func TestServiceTierChoosesTheMode(t *testing.T) {
	t.Parallel()
	table := newTable(t, "  acme/m: {input: 1, output: 10, search: 1, image: 1, modes: {batch: 0.5, flex: {input: 0.25}, Priority: 2}, tiers: [{above_input_tokens: 1000000, input: 3}]}\n")
	for _, tt := range []struct{ fields, want string }{
		{"input_tokens=1000000 output_tokens=1000000", "priced 11.00"},
		{"input_tokens=1000000 output_tokens=1000000 service_tier=standard", "priced 11.00"},
		{"input_tokens=1000000 output_tokens=1000000 service_tier=ON_DEMAND", "priced 11.00"},
		{"input_tokens=1000000 output_tokens=1000000 service_tier=batch", "priced 5.50"},
		{"input_tokens=1000000 output_tokens=1000000 service_tier=BATCH", "priced 5.50"},
		{"input_tokens=1000000 output_tokens=1000000 service_tier=ON_DEMAND_PRIORITY", "priced 22.00"},
		{"input_tokens=1000000 output_tokens=1000000 service_tier=on_demand_flex", "priced 10.25"},
		{"input_tokens=1000001 service_tier=flex", "priced 0.25000025"}, // its rates hold in every tier
		{"input_tokens=1000001 service_tier=batch", "priced 1.5000015"},
		{"input_tokens=1000000 searches=1 images=1 service_tier=batch", "priced 2.00"}, // a search costs the same
		{"input_tokens=1 service_tier=PROVISIONED_THROUGHPUT", `unpriced: the row has no mode for the service tier "PROVISIONED_THROUGHPUT"`},
	} {
		if got := charged(t, table, record(t, tt.fields)); got != tt.want {
			t.Errorf("%s = %s, want %s", tt.fields, got, tt.want)
		}
	}
}

func TestRegionIsAFactorOnTokens(t *testing.T) {
	t.Parallel()
	table := newTable(t, "  acme/m: {input: 1, image: 1, modes: {batch: 0.5}, regions: {us: 1.1, global: 1, '*': 1.2}}\n")
	for _, tt := range []struct{ fields, want string }{
		{"input_tokens=1000000", "priced 1.00"},
		{"input_tokens=1000000 region=global", "priced 1.00"},
		{"input_tokens=1000000 region=US", "priced 1.10"},
		{"input_tokens=1000000 region=europe-west1", "priced 1.20"},
		{"input_tokens=1000000 images=1 region=us service_tier=batch", "priced 1.05"},
	} {
		if got := charged(t, table, record(t, tt.fields)); got != tt.want {
			t.Errorf("%s = %s, want %s", tt.fields, got, tt.want)
		}
	}
}

func TestRowHoldsFromItsFirstDayToItsLast(t *testing.T) {
	t.Parallel()
	table := newTable(t, "  acme/m: [{input: 1, until: 2026-07-30}, {input: 2, from: 2026-07-30, until: 2027-01-01}, {input: 3, from: '2027-01-01'}]\n")
	for at, want := range map[string]string{
		"2020-01-01T00:00:00Z":           "priced 1.00",
		"2026-07-29T23:59:59.999999999Z": "priced 1.00",
		"2026-07-30T00:00:00Z":           "priced 2.00",
		"2026-07-30T01:00:00+02:00":      "priced 1.00",
		"2026-12-31T23:59:59Z":           "priced 2.00",
		"2027-01-01T00:00:00Z":           "priced 3.00",
	} {
		r := record(t, "input_tokens=1000000")
		var err error
		if r.Time, err = time.Parse(time.RFC3339Nano, at); err != nil {
			t.Fatal(err)
		}
		if got := charged(t, table, r); got != want {
			t.Errorf("at %s: charged %s, want %s", at, got, want)
		}
	}
}

func TestReportedCostIsTakenWhereTheRowSaysSo(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ row, fields, want string }{
		{"{reported: true, input: 1}", "input_tokens=1000000 reported_cost_usd=0.25", "reported 0.25"},
		{"{reported: true, input: 1}", "input_tokens=1000000", "priced 1.00"},
		{"{reported: true, input: 1}", "input_tokens=1000000 reported_cost_usd=0", "priced 1.00"},
		{"{reported: true, input: 1}", "input_tokens=1000000 reported_cost_usd=-1", "priced 1.00"},
		{"{reported: true, input: 1}", "input_tokens=1000000 reported_cost_usd=99999999999", "priced 1.00"}, // more than can be kept
		{"{input: 1}", "input_tokens=1000000 reported_cost_usd=0.25", "priced 1.00"},
		{"{reported: true}", "reported_cost_usd=0.0000000005", "reported 0.00"}, // half a nano-dollar, to the even side
		{"{reported: true}", "reported_cost_usd=0.0000000015", "reported 0.000000002"},
		{"{reported: true}", "reported_cost_usd=3", "reported 3.00"},
	} {
		table := newTable(t, "  acme/m: "+tt.row+"\n")
		r := record(t, tt.fields)
		if got := charged(t, table, r); got != tt.want {
			t.Errorf("%s of %s = %s, want %s", tt.fields, tt.row, got, tt.want)
		}
		if r.Price == nil {
			t.Errorf("%s of %s: no row is named", tt.fields, tt.row)
		}
	}
}

// The sum is rounded once, half to the even side: a rounded line would make an invoice drift.
func TestSumIsRoundedOnce(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		row, fields string
		want        int64
	}{
		{"{input: 0.0005}", "input_tokens=1", 0},
		{"{input: 0.0005}", "input_tokens=3", 2},
		{"{input: 0.0005}", "input_tokens=5", 2},
		{"{input: 0.000501}", "input_tokens=1", 1},
		{"{input: 0.0005, output: 0.0005}", "input_tokens=1 output_tokens=1", 1},
		{"{input: 0.0004, output: 0.0004, cache_read: 0.0004}", "input_tokens=2 output_tokens=1 cache_read_tokens=1", 1},
		{"{second: 0.000000001}", "seconds=2.5", 2},
		{"{second: 0.000000001}", "seconds=3.5", 4},
		{"{input: 0.001, modes: {batch: 0.000001}}", "input_tokens=9007199254740991 service_tier=batch", 9007199255},
		{"{input: 1}", "input_tokens=9007199254740992", 9007199254740992000},
	} {
		table := newTable(t, "  acme/m: "+tt.row+"\n")
		r := record(t, tt.fields)
		if table.Charge(r, "acme"); r.CostState != usage.Priced || r.CostNanoUSD != tt.want {
			t.Errorf("%s of %s = %s %d, want %d", tt.fields, tt.row, r.CostState, r.CostNanoUSD, tt.want)
		}
	}
}

func TestPartsAreChargedEachAtItsOwnModel(t *testing.T) {
	t.Parallel()
	table := newTable(t, "  acme/m: {input: 1, output: 10, search: 0.01, tiers: [{above_input_tokens: 1000, input: 100}]}\n  acme/adviser: {input: 5, output: 50, modes: {batch: 0.5}}\n")
	r := record(t, "input_tokens=12 output_tokens=34 searches=2")
	r.Parts = []usage.Part{
		{Usage: used(t, "input_tokens=1000 searches=2")},
		{Usage: used(t, "model=adviser input_tokens=1000 output_tokens=100")},
		{Usage: used(t, "output_tokens=100")},
		{Usage: used(t, "model=adviser input_tokens=1000 service_tier=batch")},
		{},
	}
	if got, want := charged(t, table, r), "priced 0.0345"; got != want { // 0.02 + 0.001 + 0.005 + 0.005 + 0.001 + 0.0025
		t.Errorf("charged %s, want %s", got, want)
	}
	if want := "acme/adviser+acme/m#"; !strings.HasPrefix(r.Price.ID, want) {
		t.Errorf("price %s, want %s…", r.Price.ID, want)
	}
	bill, err := Explain(r.Price.Row, r)
	if err != nil || bill.TotalNanoUSD == nil || *bill.TotalNanoUSD != r.CostNanoUSD {
		t.Errorf("Explain = %+v, %v, want %d", bill, err, r.CostNanoUSD)
	}
	r.Parts[3].SetText(usage.Model, "unknown")
	if got, want := charged(t, table, r), `unpriced: no price fits the model "unknown"`; got != want {
		t.Errorf("charged %s, want %s", got, want)
	}
}

func TestPartsOfOneModelKeepItsRow(t *testing.T) {
	t.Parallel()
	table := newTable(t, "  acme/m: {input: 1, output: 10}\n")
	whole := record(t, "input_tokens=1")
	table.Charge(whole, "acme")
	r := record(t, "input_tokens=1")
	r.Parts = []usage.Part{{Usage: used(t, "input_tokens=5")}, {Usage: used(t, "input_tokens=6")}}
	if table.Charge(r, "acme"); r.CostNanoUSD != 11_000 || r.Price != whole.Price {
		t.Errorf("charged %d by %v, want 11000 by %v", r.CostNanoUSD, r.Price, whole.Price)
	}
}
