package usage

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"
)

// every field of a record, with values that JSON keeps: times to the millisecond, durations to the microsecond.
func fullRecord() Record {
	var u, part Usage
	for f := range numberFields {
		u.SetNumber(f, Whole(int64(f)+1))
	}
	u.SetNumber(Seconds, Decimal(3.25))
	u.SetNumber(ReportedCostUSD, Decimal(0.000123))
	u.SetNumber(InputTokens, Whole(9007199254740993)) // 2^53 + 1, which a float cannot hold
	u.SetText(Model, "gpt-5-2025-08-07")
	u.SetText(ServiceTier, "flex")
	u.SetText(ResponseID, "chatcmpl-1")
	u.SetText(Region, "us")
	part.SetText(Model, "claude-opus-5")
	part.SetNumber(OutputTokens, Whole(4))
	return Record{
		ID: "0190a", RequestID: "0190b", Attempt: 2, Final: true, Checkpoint: true,
		Time:   time.Date(2026, 11, 23, 5, 30, 0, 123e6, time.UTC),
		Client: "::1", Provider: "openai", Method: "POST", Path: "/openai/v1/chat/completions", RequestModel: "gpt-5",
		Status: 200, Stream: true, Resent: 1, End: EndComplete, UsageState: Partial, StreamUsage: StreamUsageAdded,
		Usage: u, Parts: []Part{{part}}, Doubts: []string{totalDoubt},
		FirstByte: 1234567 * time.Microsecond, Duration: time.Hour + time.Microsecond, BytesIn: 10, BytesOut: 20, Events: 3,
		Revision: "0123456789ab", Error: "timeout_idle", RawUsage: []byte(`{"prompt_tokens":31}`),
		CostState: Priced, CostNanoUSD: 1234, Price: &Price{ID: "openai/gpt-5#01234567"}, Key: "00112233445566ff",
		Labels: map[string]string{"team": "search", "env": "<prod>"},
	}
}

func TestRecordComesBackFromItsJSON(t *testing.T) {
	t.Parallel()
	want := fullRecord()
	line, err := json.Marshal(&want)
	if err != nil {
		t.Fatal(err)
	}
	var got Record
	if err := json.Unmarshal(line, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("record =\n%+v, want\n%+v", got, want)
	}
	again, err := json.Marshal(&got)
	if err != nil || string(again) != string(line) {
		t.Errorf("line = %s, %v, want %s", again, err, line)
	}
}

func TestNoFieldOfARecordIsForgottenInItsJSON(t *testing.T) {
	t.Parallel()
	r := reflect.ValueOf(fullRecord())
	forMetrics := []string{"Overhead", "Gaps", "Fault", "ModelLabel"}
	for i := range r.NumField() {
		if name := r.Type().Field(i).Name; r.Field(i).IsZero() != slices.Contains(forMetrics, name) {
			t.Errorf("%s is not set in the test above, or is for metrics alone", name)
		}
	}
}

func TestUnpricedIsNotZero(t *testing.T) {
	t.Parallel()
	line, err := json.Marshal(&Record{ID: "a", CostState: Unpriced, CostNanoUSD: 7, Time: time.Unix(0, 0)})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":"a","attempt":0,"final":false,"time":"1970-01-01T00:00:00.000Z","stream":false,"cost_nano_usd":null,` +
		`"cost_state":"unpriced","bytes_in":0,"bytes_out":0,"events":0}`
	if string(line) != want {
		t.Errorf("record = %s, want %s", line, want)
	}
}

func TestRecordsThatAreNoneAreRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{}`:                       "decode record: it has no id",
		`{"id":"a","attempt":"x"}`: "decode record: json: cannot unmarshal string into Go struct field line.attempt of type int",
	} {
		var r Record
		if err := json.Unmarshal([]byte(text), &r); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func FuzzRecordJSON(f *testing.F) {
	r := fullRecord()
	line, _ := json.Marshal(&r)
	f.Add(line)
	f.Add([]byte(`{"id":"a","input_tokens":1.5,"seconds":1e300,"parts":[{}],"raw_usage":[1, 2]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var first, second Record
		if json.Unmarshal(data, &first) != nil {
			return
		}
		line, err := json.Marshal(&first)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(line, &second); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if again, _ := json.Marshal(&second); string(again) != string(line) {
			t.Errorf("line = %s, want %s", again, line)
		}
	})
}
