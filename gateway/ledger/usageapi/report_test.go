package usageapi

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"windhover/gateway/ledger"
	"windhover/gateway/usage"
)

func TestSumsComeWithTheirGroupsAndShares(t *testing.T) {
	t.Parallel()
	mini := func(r *usage.Record) { r.Usage.SetText(usage.Model, "<mini>") }
	api := over(t,
		made(1, time.Hour, func(r *usage.Record) { r.CostNanoUSD = 1_500_000_000 }),
		made(2, time.Hour, func(r *usage.Record) { mini(r); r.CostState, r.CostNanoUSD, r.Price = usage.Unpriced, 0, nil }),
		made(3, 2*time.Hour, func(r *usage.Record) { mini(r); r.UsageState = usage.Missing; r.CostNanoUSD = 1 }),
		made(4, 25*time.Hour, mini), // before the range
		made(5, 0, mini),            // after it
	)
	w := get(t, api, "/api/usage?group_by=model,status")
	const total = `"requests":3,"attempts":3,"failures":0,"unpriced":1,"missing":1,"partial":0,"cost_nano_usd":1500000001,"cost_usd":"1.500000001",`
	const first = `"group":{"model":"gpt-5-2025-08-07","status":"200"},"requests":1,"attempts":1,"failures":0,"unpriced":0,"missing":0,"partial":0,"cost_nano_usd":1500000000,"cost_usd":"1.5",`
	const second = `"group":{"model":"<mini>","status":"200"},"requests":2,"attempts":2,"failures":0,"unpriced":1,"missing":1,"partial":0,"cost_nano_usd":1,"cost_usd":"0.000000001",`
	rest := func(n int, shares string) string {
		return fmt.Sprintf(`"reported_cost_nano_usd":0,"reported_cost_usd":"0","input_tokens":%d,"output_tokens":%d,"cache_read_tokens":0,"cache_write_tokens":0,"reasoning_tokens":0,`+
			`"input_audio_tokens":0,"output_audio_tokens":0,"input_image_tokens":0,"output_image_tokens":0,"images":0,"milliseconds":0,"characters":0,"searches":0,"pages":0,`+
			`"bytes_in":%d,"bytes_out":%d,"duration_us":%d,"first_byte_us":%d,"answered":%d,"shares":{%s}}`, 30*n, 20*n, 100*n, 1000*n, 1000000*n, 300000*n, n, shares)
	}
	want := `{"from":"2026-11-23T12:00:00Z","to":"2026-11-24T12:00:00Z","group_by":["model","status"],` +
		`"total":{` + total + rest(3, `"unpriced":0.3333333333333333,"missing":0.3333333333333333,"partial":0`) +
		`,"rows":[{` + first + rest(1, `"unpriced":0,"missing":0,"partial":0`) + `,{` + second + rest(2, `"unpriced":0.5,"missing":0.5,"partial":0`) + "]}\n"
	if w.Code != 200 || w.Body.String() != want {
		t.Errorf("answer = %d\n%s, want\n%s", w.Code, w.Body, want)
	}
}

// A sum of 0 would say that what has no price was free.
func TestCostOfWhichNothingIsKnownIsNull(t *testing.T) {
	t.Parallel()
	api := over(t, made(1, time.Hour, func(r *usage.Record) { r.CostState, r.CostNanoUSD, r.Price = usage.Unpriced, 0, nil }))
	if body := get(t, api, "/api/usage?group_by=model").Body.String(); strings.Count(body, `"cost_nano_usd":null,"cost_usd":null,`) != 2 {
		t.Errorf("answer = %s, want a total and a row whose cost is null", body)
	}
}

func TestSumsOfNothingHaveNoShares(t *testing.T) {
	t.Parallel()
	var report struct {
		Total struct {
			Requests int64
			CostUSD  string `json:"cost_usd"`
			Shares   map[string]*float64
		}
		Rows []any
	}
	w := get(t, over(t), "/api/usage?group_by=model")
	if err := json.Unmarshal(w.Body.Bytes(), &report); err != nil {
		t.Fatal(err)
	}
	if report.Total.CostUSD != "0" || report.Total.Shares["missing"] != nil || len(report.Total.Shares) != 3 || report.Rows == nil || len(report.Rows) != 0 {
		t.Errorf("answer = %s, want no rows, and shares that are null", w.Body)
	}
}

// Where records have expired, only hours are known: what was summed is not what was asked for, and the answer says so.
func TestSumsOfAWidenedRangeSayWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	q := ledger.Question{Filter: ledger.Filter{From: noon.Add(-time.Minute), To: noon}}
	got, err := json.Marshal(NewReport(q, &ledger.Answer{From: noon.Add(-time.Hour), To: noon}).Asked)
	if want := `{"from":"2026-11-24T11:59:00Z","to":"2026-11-24T12:00:00Z"}`; err != nil || string(got) != want {
		t.Errorf("asked = %s, %v, want %s", got, err, want)
	}
	if asked := NewReport(q, &ledger.Answer{From: q.From, To: q.To}).Asked; asked != nil {
		t.Errorf("asked = %v of a range that is what was asked for, want nothing", asked)
	}
}

// refusing is a store that cannot answer, for a reason that lies in the question.
type refusing struct {
	stuck
	err error
}

func (r refusing) Sum(context.Context, ledger.Question) (*ledger.Answer, error) {
	return nil, fmt.Errorf("sum records: %w", r.err)
}

func TestQuestionsThatNoStoreAnswersAreMistakes(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		err                      error
		code, parameter, message string
	}{
		{ledger.ErrTooManyRows, "too_many_rows", "group_by", "group_by: the answer would have more than 10,000 rows; group by less, choose a shorter range, or choose fewer records"},
		{&ledger.ExpiredError{Before: noon}, "records_expired", "since",
			"since: records before 2026-11-24T12:00:00Z have expired, and totals by hour and day cannot tell this; ask from then on, or group and filter by less"},
	} {
		api := New(Options{Reader: func() (ledger.Reader, error) { return refusing{err: x.err}, nil }, Feed: new(Feed)})
		w := get(t, api, "/api/usage?group_by=key,hour")
		if code, parameter, message := failureBody(t, w); w.Code != 400 || code != x.code || parameter != x.parameter || message != x.message {
			t.Errorf("answer = %d %s %s %q, want 400 %+v", w.Code, code, parameter, message, x)
		}
	}
}

func TestCostOfWhichNothingIsKnownIsAnEmptyCell(t *testing.T) {
	t.Parallel()
	var s Sums
	s[ledger.Attempts], s[ledger.Unpriced] = 2, 2
	cells := s.cells()
	if got := cells[ledger.CostNanoUSD] + cells[ledger.CostNanoUSD+1]; got != "" {
		t.Errorf("cells of the cost = %q, want none", got)
	}
}
