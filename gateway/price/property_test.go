package price

import (
	"math/big"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"windhover/config"
	"windhover/gateway/usage"
)

// everything is a row with every rate, tiers, modes and regions.
const everything = "{input: 1.25, output: 10.5, cache_read: 0.0125, cache_write: 1.5625, cache_write_1h: 2.5, reasoning: 11, input_audio: 32, output_audio: 64, " +
	"cache_read_audio: 0.4, input_image: 5, output_image: 40, cache_read_image: 0.5, input_video: 12, output_video: 17.5, image: 0.039, second: 0.00006111, " +
	"character: 0.00005, page: 0.001, search: 0.01, request: 0.012, " +
	"tiers: [{above_input_tokens: 200000, input: 2.5, output: 15}], modes: {batch: 0.5, flex: {input: 0.7}}, regions: {us: 1.1}}"

// randomUsage reports anything: totals with parts that may be above them, or parts alone.
func randomUsage(rng *rand.Rand) usage.Usage {
	var u usage.Usage
	for f := range usage.Fields() {
		if !f.Number() || f == usage.ReportedCostUSD || rng.IntN(3) == 0 {
			continue
		}
		u.SetNumber(f, usage.Whole(rng.Int64N(1<<rng.IntN(24)+1)))
	}
	if rng.IntN(2) == 0 {
		u.SetNumber(usage.Seconds, usage.Decimal(float64(rng.IntN(1e9))/1e4))
	}
	u.SetText(usage.ServiceTier, []string{"", "default", "batch", "flex"}[rng.IntN(4)])
	u.SetText(usage.Region, []string{"", "us", "eu"}[rng.IntN(3)])
	return u
}

func randomRecord(rng *rand.Rand) *usage.Record {
	return &usage.Record{Time: someday, RequestModel: "m", Status: 200, UsageState: usage.Reported, Usage: randomUsage(rng)}
}

func TestPartsAreNeverMoreThanTheirTotals(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		u := randomUsage(rng)
		c := split(&u, unitSet(rng.IntN(4))<<CacheWrite)
		var input, output uint64
		for unit := range units {
			switch {
			case unit < Output || unit == cacheReadVideo:
				input += c.n[unit]
			case unit < Image:
				output += c.n[unit]
			}
		}
		if want := count(&u, usage.InputTokens); told(&u, usage.InputTokens) && input != want || input != c.input {
			t.Fatalf("%+v is split into %d input tokens, want %d", u, input, want)
		}
		if want := count(&u, usage.OutputTokens); told(&u, usage.OutputTokens) && output != want {
			t.Fatalf("%+v is split into %d output tokens, want %d", u, output, want)
		}
	}
}

func TestCacheNeverMakesAnAnswerDearer(t *testing.T) {
	t.Parallel()
	table := newTable(t, "  acme/m: "+everything+"\n")
	rng := rand.New(rand.NewPCG(3, 4))
	for range 50_000 {
		r := randomRecord(rng)
		for _, f := range []usage.Field{usage.CacheWriteTokens, usage.CacheWrite5mTokens, usage.CacheWrite1hTokens} {
			r.Usage.SetNumber(f, usage.Whole(0)) // writing to a cache may cost more
		}
		if !told(&r.Usage, usage.InputTokens) {
			continue
		}
		plain := *r
		for _, f := range []usage.Field{usage.CacheReadTokens, usage.CacheReadAudioTokens, usage.CacheReadImageTokens} {
			plain.Usage.SetNumber(f, usage.Whole(0))
		}
		table.Charge(r, "acme")
		table.Charge(&plain, "acme")
		if r.CostState != usage.Priced || plain.CostState != usage.Priced || r.CostNanoUSD > plain.CostNanoUSD {
			t.Fatalf("%+v costs %d, without a cache %d", r.Usage, r.CostNanoUSD, plain.CostNanoUSD)
		}
	}
}

// The bill of every call, added up as fractions, is what Charge says to the nano-dollar; so is the sum of a million.
func TestSumOfAMillionCallsIsExact(t *testing.T) {
	t.Parallel()
	calls := 1_000_000
	if testing.Short() {
		calls = 100_000
	}
	table := newTable(t, "  acme/m: "+everything+"\n")
	rng := rand.New(rand.NewPCG(5, 6))
	var sum, rows int64
	checked := 0
	for i := range calls {
		r := randomRecord(rng)
		table.Charge(r, "acme")
		if r.CostState != usage.Priced {
			t.Fatalf("%+v is %s", r.Usage, r.CostState)
		}
		sum += r.CostNanoUSD
		if i%1000 != 0 {
			rows += r.CostNanoUSD
			continue
		}
		bill, err := Explain(r.Price.Row, r)
		if err != nil {
			t.Fatal(err)
		}
		want := ratOfLines(t, bill.Lines)
		if want != r.CostNanoUSD {
			t.Fatalf("%+v costs %d, its lines %d", r.Usage, r.CostNanoUSD, want)
		}
		rows += want
		checked++
	}
	if sum != rows || checked < calls/1000 {
		t.Errorf("%d calls cost %d, their rows %d", calls, sum, rows)
	}
}

// ratOfLines adds up count times rate of all lines and rounds once, half to the even side.
func ratOfLines(t *testing.T, lines []Line) int64 {
	t.Helper()
	sum := new(big.Rat)
	for _, l := range lines {
		count, ok1 := new(big.Rat).SetString(l.Count)
		rate, ok2 := new(big.Rat).SetString(l.Rate)
		amount, ok3 := new(big.Rat).SetString(l.Amount)
		if !ok1 || !ok2 || !ok3 {
			t.Fatalf("line %+v", l)
		}
		cost := count.Mul(count, rate)
		cost.Quo(cost, new(big.Rat).SetInt64(l.Per))
		if cost.Cmp(amount) != 0 {
			t.Fatalf("line %+v comes to %s", l, cost.FloatString(20))
		}
		sum.Add(sum, amount)
	}
	return roundNano(sum)
}

// roundNano is dollars in nano-dollars, half a one to the even side.
func roundNano(usd *big.Rat) int64 {
	x := new(big.Rat).Mul(usd, big.NewRat(1e9, 1))
	q, rest := new(big.Int).QuoRem(x.Num(), x.Denom(), new(big.Int))
	switch rest.Lsh(rest, 1).Cmp(x.Denom()) {
	case 1:
		q.Add(q, big.NewInt(1))
	case 0:
		q.Add(q, new(big.Int).And(q, big.NewInt(1)))
	}
	return q.Int64()
}

// Whatever the table says, Explain says it from the row that a record keeps.
func TestStoredRowExplainsTheSameCost(t *testing.T) {
	t.Parallel()
	table := newTable(t, "  acme/m: "+everything+"\n")
	rng := rand.New(rand.NewPCG(7, 8))
	entries := builtinEntries("")
	for range 2_000 {
		r := randomRecord(rng)
		e := entries[rng.IntN(len(entries))]
		pricing, model := config.CutPriceKey(e.key)
		r.RequestModel = strings.ReplaceAll(model, "*", "x")
		table.Charge(r, pricing)
		if r.Price == nil {
			continue
		}
		bill, err := Explain(r.Price.Row, r)
		if err != nil {
			t.Fatal(err)
		}
		if bill.State != r.CostState || bill.TotalNanoUSD != nil && *bill.TotalNanoUSD != r.CostNanoUSD {
			t.Fatalf("%s: Explain says %+v, Charge %s %d", e.key, bill, r.CostState, r.CostNanoUSD)
		}
	}
}

func TestSameRowHasTheSameID(t *testing.T) {
	t.Parallel()
	id := func(prices string) string {
		r := record(t, "input_tokens=1")
		newTable(t, prices).Charge(r, "acme")
		return r.Price.ID
	}
	a := id("  acme/m: {input: 1.50, output: 10}\n")
	if b := id("  acme/m:\n    output: 10.0\n    input: 1.5\n    also: [other]\n"); a != b {
		t.Errorf("the IDs of the same row are %s and %s", a, b)
	}
	if b := id("  acme/m: {input: 1.51, output: 10}\n"); a == b {
		t.Errorf("two rows have the ID %s", a)
	}
	if !strings.HasPrefix(a, "acme/m#") || len(a) != len("acme/m#")+8 {
		t.Errorf("ID = %s, want acme/m# and 8 digits", a)
	}
}

func TestChargeAllocatesNothing(t *testing.T) {
	table := newTable(t, "  acme/m: "+everything+"\n")
	for name, r := range map[string]*usage.Record{
		"priced":   record(t, "model=gpt-5-2025-08-07 input_tokens=1000 cache_read_tokens=200 output_tokens=300 reasoning_tokens=100 service_tier=default"),
		"reported": record(t, "model=grok-4.3 input_tokens=1000 output_tokens=300 reported_cost_usd=0.0123456789"),
		"unpriced": record(t, "model=nobody-knows input_tokens=1000"),
		"traffic":  record(t, "model=gemini-2.5-flash input_tokens=1000 output_tokens=1 service_tier=ON_DEMAND"),
	} {
		pricing := map[string]string{"priced": "openai", "reported": "xai", "unpriced": "openai", "traffic": "vertex"}[name]
		table.Charge(r, pricing)
		if n := testing.AllocsPerRun(100, func() { table.Charge(r, pricing) }); n != 0 {
			t.Errorf("%s: %v allocations, want none", name, n)
		}
	}
}

func BenchmarkCharge(b *testing.B) {
	table := newTable(b, "  acme/m: {input: 1}\n")
	r := record(b, "model=gpt-5-2025-08-07 input_tokens=100000 cache_read_tokens=20000 output_tokens=1000 reasoning_tokens=500 service_tier=default")
	b.ReportAllocs()
	for b.Loop() {
		table.Charge(r, "openai")
	}
}

// BenchmarkFirstCharge is what the first record of a pricing name waits for.
func BenchmarkFirstCharge(b *testing.B) {
	r := record(b, "model=gpt-5-2025-08-07 input_tokens=100000 output_tokens=1000")
	b.ReportAllocs()
	for b.Loop() {
		table, _ := Compile(&config.File{})
		table.Charge(r, "openai")
	}
}

func FuzzReadRow(f *testing.F) {
	f.Add("{input: 1.25, output: 10}", int64(1000))
	f.Add(everything, int64(200001))
	f.Fuzz(func(t *testing.T, text string, n int64) {
		rows, err := config.ParsePriceRows("fuzz", []byte(text))
		if err != nil {
			return
		}
		for _, row := range rows {
			w, problems := compileRow("acme/m", row)
			if w == nil {
				if problems == nil {
					t.Fatal("a row was not compiled, and nothing is said of it")
				}
				continue
			}
			r := &usage.Record{Time: someday, RequestModel: "m", Status: 200, UsageState: usage.Reported, Price: w.price}
			r.Usage.SetNumber(usage.InputTokens, usage.Whole(n))
			if _, err := Explain(w.price.Row, r); err != nil {
				t.Fatalf("the row %s cannot be read back: %v", w.price.Row, err)
			}
		}
	})
}

// recordings is the folder of recorded answers, or "" where there is none.
func recordings() string { return os.Getenv("WINDHOVER_RECORDINGS") }
