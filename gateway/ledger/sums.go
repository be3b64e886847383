package ledger

import (
	"cmp"
	"math"
	"net/http"
	"time"

	"windhover/gateway/usage"
)

// Measure is one thing that is added up over records.
type Measure uint8

// The measures. Requests are counted by the records that are final or of no attempt, everything else by all of them.
const (
	Requests            Measure = iota // what clients asked, refused requests included
	Attempts                           // to reach an upstream
	Failures                           // attempts and refusals that gave the client no good answer: no status, or one from 400 on
	Unpriced                           // attempts whose cost is not known for want of a price
	Missing                            // attempts whose good answers reported no usage, or that could not be read
	Partial                            // attempts whose usage is in doubt, or whose end was not seen
	CostNanoUSD                        // what is known of it, in billionths of a dollar
	ReportedCostNanoUSD                // what providers said they charge, whether it was taken for the cost or not
	InputTokens
	OutputTokens
	CacheReadTokens
	CacheWriteTokens
	ReasoningTokens
	InputAudioTokens
	OutputAudioTokens
	InputImageTokens
	OutputImageTokens
	Images
	Milliseconds // of audio, video or computing
	Characters
	Searches
	Pages
	BytesIn
	BytesOut
	DurationMicros  // from the attempt's beginning to its end
	FirstByteMicros // of the attempts that had an answer
	Answered        // how many those are

	measures // how many there are
)

// Measures are all measures, in the order in which they are kept and shown.
func Measures() []Measure {
	all := make([]Measure, measures)
	for i := range all {
		all[i] = Measure(i)
	}
	return all
}

// String is the measure's name: of a column in a store, and of a key in JSON.
func (m Measure) String() string {
	if m >= measures {
		return "unknown"
	}
	return [measures]string{
		Requests: "requests", Attempts: "attempts", Failures: "failures", Unpriced: "unpriced", Missing: "missing", Partial: "partial",
		CostNanoUSD: "cost_nano_usd", ReportedCostNanoUSD: "reported_cost_nano_usd",
		InputTokens: "input_tokens", OutputTokens: "output_tokens",
		CacheReadTokens: "cache_read_tokens", CacheWriteTokens: "cache_write_tokens", ReasoningTokens: "reasoning_tokens",
		InputAudioTokens: "input_audio_tokens", OutputAudioTokens: "output_audio_tokens",
		InputImageTokens: "input_image_tokens", OutputImageTokens: "output_image_tokens",
		Images: "images", Milliseconds: "milliseconds", Characters: "characters", Searches: "searches", Pages: "pages",
		BytesIn: "bytes_in", BytesOut: "bytes_out",
		DurationMicros: "duration_us", FirstByteMicros: "first_byte_us", Answered: "answered",
	}[m]
}

// Sums are the measures of any number of records.
type Sums [measures]int64

// Add adds others to the sums.
func (s *Sums) Add(others Sums) {
	for m := range s {
		s[m] += others[m]
	}
}

// Sub takes others off the sums.
func (s *Sums) Sub(others Sums) {
	for m := range s {
		s[m] -= others[m]
	}
}

// What a record adds is bounded, so that numbers that nobody means overflow no sum: a rule that takes a time for tokens would
// end a store otherwise.
const (
	maxCount   = 1 << 40 // tokens and the like
	maxNanoUSD = 1 << 46 // 70,368 dollars
)

// CostKnown reports whether a sum of costs says anything: one of 0 beside attempts without a price does not.
func CostKnown(nanoUSD, unpriced int64) bool { return nanoUSD != 0 || unpriced == 0 }

// SumsOf is what one record adds. Numbers that cannot be count as usage.Countable says.
func SumsOf(r *usage.Record) Sums {
	s := Sums{
		Requests:       count(r.Final || r.Attempt == 0),
		Attempts:       count(r.Attempt > 0),
		Failures:       count(r.Status == 0 || r.Status >= http.StatusBadRequest),
		Unpriced:       count(r.CostState == usage.Unpriced),
		Missing:        count(r.UsageState == usage.Missing || r.UsageState == usage.Unreadable),
		Partial:        count(r.UsageState == usage.Partial),
		BytesIn:        r.BytesIn,
		BytesOut:       r.BytesOut,
		DurationMicros: micros(r.Duration),
	}
	if cost, known := r.CostKnown(); known {
		s[CostNanoUSD] = min(cost, maxNanoUSD)
	}
	if first := micros(r.FirstByte); first > 0 {
		s[FirstByteMicros], s[Answered] = first, 1
	}
	s[ReportedCostNanoUSD] = scaled(&r.Usage, usage.ReportedCostUSD, 1e9, maxNanoUSD)
	s[Milliseconds] = scaled(&r.Usage, usage.Seconds, 1e3, maxCount)
	for m := range measures {
		if field, ok := m.field(); ok {
			n, _ := r.Usage.Countable(field).Int()
			s[m] = min(n, maxCount)
		}
	}
	return s
}

// field is the field of the usage that a measure adds up as it is: a whole number.
func (m Measure) field() (usage.Field, bool) {
	switch m {
	case InputTokens:
		return usage.InputTokens, true
	case OutputTokens:
		return usage.OutputTokens, true
	case CacheReadTokens:
		return usage.CacheReadTokens, true
	case CacheWriteTokens:
		return usage.CacheWriteTokens, true
	case ReasoningTokens:
		return usage.ReasoningTokens, true
	case InputAudioTokens:
		return usage.InputAudioTokens, true
	case OutputAudioTokens:
		return usage.OutputAudioTokens, true
	case InputImageTokens:
		return usage.InputImageTokens, true
	case OutputImageTokens:
		return usage.OutputImageTokens, true
	case Images:
		return usage.Images, true
	case Characters:
		return usage.Characters, true
	case Searches:
		return usage.Searches, true
	case Pages:
		return usage.Pages, true
	}
	return 0, false
}

// scaled is a decimal as a whole number of smaller units.
func scaled(u *usage.Usage, f usage.Field, units, limit float64) int64 {
	return int64(math.Round(min(u.Countable(f).Float()*units, limit)))
}

// micros rounds as a record's JSON does, so that a record that was read back adds the same.
func micros(d time.Duration) int64 { return d.Round(time.Microsecond).Microseconds() }

func count(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// ModelOf is the model that a record is counted under: the one that answered, or else the one that was asked for.
func ModelOf(r *usage.Record) string {
	return text(cmp.Or(r.Usage.Text(usage.Model), r.RequestModel))
}
