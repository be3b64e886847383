package ledgertest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"windhover/gateway/usage"
)

// epoch is when the suite's records begin: a midnight, in UTC.
var epoch = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

// id is a UUIDv7 of that time, as the gateway makes them. The number tells those of one millisecond apart, in their order.
func id(at time.Time, n int) string {
	ms := at.UnixMilli()
	return fmt.Sprintf("%08x-%04x-7000-8000-%012x", ms>>16, ms&0xffff, n)
}

// Plain is the n-th of any number of ordinary records that began at that time.
func Plain(at time.Time, n int) *usage.Record {
	r := &usage.Record{
		ID: id(at, n), RequestID: id(at, n+1<<40), Attempt: 1, Final: true, Time: at, Client: "192.0.2.1",
		Provider: "openai", Method: "POST", Path: "/openai/v1/chat/completions", RequestModel: "gpt-5", Status: 200,
		End: usage.EndComplete, UsageState: usage.Reported, FirstByte: 300 * time.Millisecond, Duration: time.Second,
		BytesIn: 100, BytesOut: 1000, Events: 1, Revision: "0123456789ab", Key: "00112233445566ff",
		CostState: usage.Priced, CostNanoUSD: 1_000, Price: &usage.Price{ID: "openai/gpt-5#1", Row: []byte(`{"input": 1.25}`)},
		Labels: map[string]string{"team": "search"},
	}
	r.Usage.SetText(usage.Model, "gpt-5-2025-08-07")
	r.Usage.SetNumber(usage.InputTokens, usage.Whole(30))
	r.Usage.SetNumber(usage.OutputTokens, usage.Whole(20))
	return r
}

// plains are that many ordinary records, a second apart.
func plains(at time.Time, n int) []*usage.Record {
	records := make([]*usage.Record, n)
	for i := range records {
		records[i] = Plain(at.Add(time.Duration(i)*time.Second), i)
	}
	return records
}

// full is a record of which every field says something that no other field says.
func full() *usage.Record {
	r := Plain(epoch.Add(123*time.Millisecond), 1)
	part := usage.Part{}
	part.SetText(usage.Model, "claude-opus-5")
	part.SetNumber(usage.OutputTokens, usage.Whole(4))
	for f := range usage.Fields() {
		r.Usage.SetNumber(f, usage.Whole(int64(f)+1))
		r.Usage.SetText(f, "the "+f.String())
	}
	r.Usage.SetNumber(usage.InputTokens, usage.Whole(1_000)) // the total of several others
	r.Usage.SetNumber(usage.OutputTokens, usage.Whole(2_000))
	r.Usage.SetNumber(usage.Seconds, usage.Decimal(3.25))
	r.Usage.SetNumber(usage.ReportedCostUSD, usage.Decimal(0.000123456))
	r.Attempt, r.Checkpoint, r.Stream, r.Resent, r.StreamUsage = 2, true, true, 3, usage.StreamUsageAdded
	r.UsageState, r.Error = usage.Partial, "timeout_idle"
	r.Parts = []usage.Part{part, {}, part}
	r.Doubts = []string{"total_tokens is not input_tokens + output_tokens", "an event could not be read"}
	r.RawUsage = []byte(`{"prompt_tokens":31,"text":"\u0000é\"","nested":[1.0,{}]}`)
	r.Labels = map[string]string{"team": "search", "env": "<prod>"}
	return r
}

// odd are records that strain a store, each for another reason.
func odd() map[string]*usage.Record {
	named := map[string]*usage.Record{}
	add := func(name string, change func(r *usage.Record)) {
		at := epoch.Add(time.Duration(len(named)) * time.Minute)
		r := Plain(at, len(named))
		change(r)
		named[name] = r
	}
	add("every field", func(r *usage.Record) { *r = *full() })
	add("a refused request", func(r *usage.Record) {
		*r = usage.Record{ID: r.ID, RequestID: r.RequestID, Time: r.Time, Status: 404, End: usage.EndRejected, UsageState: usage.None, Error: "unknown_provider"}
	})
	add("nothing but an ID", func(r *usage.Record) { *r = usage.Record{ID: r.ID, Time: r.Time} })
	add("a checkpoint", func(r *usage.Record) { r.Checkpoint, r.End = true, "" })
	add("no answer", func(r *usage.Record) {
		r.Status, r.FirstByte, r.End, r.UsageState, r.Usage = 0, 0, usage.EndConnectError, usage.None, usage.Usage{}
	})
	add("impossible numbers", func(r *usage.Record) {
		r.Usage.SetNumber(usage.InputTokens, usage.Whole(math.MaxInt64))
		r.Usage.SetNumber(usage.OutputTokens, usage.Whole(math.MinInt64))
		r.Usage.SetNumber(usage.Images, usage.Decimal(1.5))
		r.Usage.SetNumber(usage.Seconds, usage.Decimal(1e300))
		r.Usage.SetNumber(usage.Pages, usage.Whole(1<<53))
		r.Usage.SetNumber(usage.ReportedCostUSD, usage.Decimal(1e15))
		r.Doubts = []string{"input_tokens is above 2^53", "output_tokens is negative"}
	})
	add("parts above their totals", func(r *usage.Record) {
		r.Usage.SetNumber(usage.CacheReadTokens, usage.Whole(31))
		r.Usage.SetNumber(usage.ReasoningTokens, usage.Whole(1<<52))
	})
	add("a number that is 0", func(r *usage.Record) { r.Usage.SetNumber(usage.OutputTokens, usage.Whole(0)) })
	add("tiny decimals", func(r *usage.Record) {
		r.Usage.SetNumber(usage.ReportedCostUSD, usage.Decimal(1.5e-9))
		r.Usage.SetNumber(usage.Seconds, usage.Decimal(0.0004999))
	})
	add("text that is no text", func(r *usage.Record) {
		r.Usage = usage.Usage{}
		r.RequestModel, r.Path, r.Client = "a\x00b\xffc", "/\x00\xff", "\x00"
		r.Error, r.Labels = "\x00", map[string]string{"team": "\x00\xff", "quote'\"": "'; drop table records; --"}
	})
	add("text of many bytes", func(r *usage.Record) {
		r.Path = "/" + strings.Repeat("é", 1000)
		r.RawUsage = []byte(`{"x":"` + strings.Repeat("🦅", 2000) + `"}`)
	})
	add("raw usage that is no JSON", func(r *usage.Record) { r.RawUsage = []byte(`{"a":`) })
	add("a cost of nothing", func(r *usage.Record) { r.CostNanoUSD = 0 })
	add("a cost as reported", func(r *usage.Record) { r.CostState = usage.CostReported })
	add("no price", func(r *usage.Record) { r.CostState, r.CostNanoUSD, r.Price = usage.Unpriced, 0, nil })
	add("no cost", func(r *usage.Record) { r.CostState, r.CostNanoUSD, r.Price = "", 0, nil })
	add("no labels", func(r *usage.Record) { r.Labels, r.Key = nil, "" })
	add("labels that are empty", func(r *usage.Record) { r.Labels = map[string]string{} })
	add("a month", func(r *usage.Record) {
		r.Duration, r.FirstByte, r.BytesIn, r.BytesOut = 30*24*time.Hour+1500, 1, 1<<45, 1<<46
	})
	add("a time between two milliseconds", func(r *usage.Record) {
		r.Time = r.Time.Add(999_999).In(time.FixedZone("", -3*3600-1800))
	})
	return named
}

// random is a record whose values are few, so that groups hold several, over three days that begin at the epoch. Times at the
// very ends of hours and minutes are frequent.
func random(rnd *rand.Rand, n int) *usage.Record {
	at := epoch.Add(time.Duration(rnd.Int64N(int64(72 * time.Hour))))
	switch rnd.IntN(4) {
	case 0:
		at = at.Truncate(time.Hour).Add(time.Duration(rnd.IntN(3)-1) * time.Millisecond)
	case 1:
		at = at.Truncate(time.Minute).Add(time.Duration(rnd.IntN(3)-1) * time.Millisecond)
	}
	r := Plain(at, n)
	r.Provider, r.RequestModel = pick(rnd, "openai", "anthropic", "Google", ""), pick(rnd, "gpt-5", "claude", "é")
	r.Usage.SetText(usage.Model, pick(rnd, "", "gpt-5", "gpt-5-mini", "Claude", "a_b"))
	r.Key, r.Status = pick(rnd, "", "0011223344556677", usage.Other), pick(rnd, 0, 200, 200, 200, 429, 500)
	r.Attempt, r.Final = rnd.IntN(3), rnd.IntN(4) > 0
	r.UsageState = pick(rnd, usage.Reported, usage.Partial, usage.Missing, usage.Unreadable, usage.None)
	r.CostState, r.CostNanoUSD = pick(rnd, usage.Priced, usage.CostReported, usage.Unpriced, ""), rnd.Int64N(1e12)
	r.Duration, r.FirstByte = time.Duration(rnd.Int64N(1e12)), time.Duration(rnd.IntN(2)*rnd.IntN(1e9))
	r.BytesIn, r.BytesOut = rnd.Int64N(1e6), rnd.Int64N(1e7)
	for f := range usage.Fields() {
		if f.Number() && rnd.IntN(3) == 0 {
			r.Usage.SetNumber(f, usage.Whole(rnd.Int64N(1e5)-10))
		}
	}
	r.Usage.SetNumber(usage.ReportedCostUSD, usage.Decimal(rnd.Float64()))
	r.Labels = nil
	for _, name := range []string{"team", "env"} {
		if value := pick(rnd, "", "a", "b", "A"); value != "" || rnd.IntN(2) == 0 {
			if r.Labels == nil {
				r.Labels = map[string]string{}
			}
			r.Labels[name] = value
		}
	}
	return r
}

func pick[T any](rnd *rand.Rand, values ...T) T { return values[rnd.IntN(len(values))] }
