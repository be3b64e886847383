package ledger

import (
	"math"
	"testing"
	"time"

	"windhover/gateway/usage"
)

func TestDimensionsNameWhatARecordHas(t *testing.T) {
	t.Parallel()
	r := usage.Record{
		Time:     time.Date(2026, 11, 23, 1, 30, 0, 0, time.FixedZone("", 2*3600)),
		Provider: "openai", RequestModel: "gpt\x00-\xff5", Status: 200, Key: "0011", Labels: map[string]string{"team": "search"},
	}
	want := map[Dimension]string{
		ByProvider: "openai", ByModel: "gpt\ufffd-\ufffd5", ByKey: "0011", ByStatus: "200",
		ByHour: "2026-11-22T23:00:00Z", ByDay: "2026-11-22T00:00:00Z", ByLabel("team"): "search", ByLabel("env"): "",
	}
	for d, value := range want {
		if got := d.Of(&r); got != value {
			t.Errorf("%s = %q, want %q", d, got, value)
		}
	}
	r.Usage.SetText(usage.Model, "gpt-5-mini")
	if got := ByModel.Of(&r); got != "gpt-5-mini" {
		t.Errorf("model = %q, want the one that answered, gpt-5-mini", got)
	}
	if got := ByStatus.Of(&usage.Record{}); got != "0" {
		t.Errorf("status of no answer = %q, want 0", got)
	}
}

func TestFilterChooses(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1_000)
	r := usage.Record{Time: at.Add(999_999), Provider: "openai", RequestModel: "gpt-5", Status: 0, Labels: map[string]string{"team": "a", "env": "x"}}
	tests := []struct {
		name   string
		filter Filter
		want   bool
	}{
		{"nothing said", Filter{}, true},
		{"from its millisecond", Filter{From: at.Add(1)}, true},
		{"from the next", Filter{From: at.Add(time.Millisecond)}, false},
		{"to its millisecond", Filter{To: at.Add(999_999)}, false},
		{"to the next", Filter{To: at.Add(time.Millisecond)}, true},
		{"one of two", Filter{Providers: []string{"x", "openai"}, Models: []string{"gpt-5"}, Statuses: []int{500, 0}}, true},
		{"another provider", Filter{Providers: []string{"x"}}, false},
		{"another model", Filter{Models: []string{"gpt"}}, false},
		{"another status", Filter{Statuses: []int{200}}, false},
		{"without a key", Filter{Keys: []string{""}}, true},
		{"with a key", Filter{Keys: []string{"0011"}}, false},
		{"values of one label", Filter{Labels: []Label{{"team", "b"}, {"team", "a"}}}, true},
		{"values of two labels", Filter{Labels: []Label{{"team", "a"}, {"env", "x"}}}, true},
		{"one label of two differs", Filter{Labels: []Label{{"team", "a"}, {"env", "y"}}}, false},
		{"without a label", Filter{Labels: []Label{{"region", ""}}}, true},
		{"without a label that it has", Filter{Labels: []Label{{"team", ""}}}, false},
	}
	for _, tt := range tests {
		if got := tt.filter.Chooses(&r); got != tt.want {
			t.Errorf("%s: Chooses = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestSumsAreThoseOfARecordThatWasReadBack(t *testing.T) {
	t.Parallel()
	r := usage.Record{ID: "a", Attempt: 1, Status: 200, Time: time.UnixMilli(0), FirstByte: 1_500, Duration: 2_500}
	line, err := r.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var back usage.Record
	if err := back.UnmarshalJSON(line); err != nil {
		t.Fatal(err)
	}
	if got, want := SumsOf(&back), SumsOf(&r); got != want || want[FirstByteMicros] != 2 || want[DurationMicros] != 3 {
		t.Errorf("sums = %v, want %v, with 2 and 3 microseconds", got, want)
	}
}

func TestNoNumberOverflowsASum(t *testing.T) {
	t.Parallel()
	r := usage.Record{CostState: usage.Priced, CostNanoUSD: math.MaxInt64}
	for f := range usage.Fields() {
		r.Usage.SetNumber(f, usage.Whole(1<<53))
	}
	for m, n := range SumsOf(&r) {
		if n > math.MaxInt64/100_000 {
			t.Errorf("%s = %d, of which 100,000 records would overflow", Measure(m), n)
		}
	}
}
