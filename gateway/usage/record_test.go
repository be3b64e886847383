package usage

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestRecordIsOneFlatObjectInAFixedOrder(t *testing.T) {
	t.Parallel()
	var u, part Usage
	u.SetText(Model, "gpt-5-2025-08-07")
	u.SetNumber(InputTokens, Whole(31))
	u.SetNumber(OutputTokens, Whole(0))
	u.SetNumber(ReportedCostUSD, Decimal(0.00042))
	u.SetText(ServiceTier, "flex")
	part.SetNumber(InputTokens, Whole(4))
	r := Record{
		ID: "0190a", RequestID: "0190b", Attempt: 1, Final: true,
		Time:     time.Date(2026, 11, 23, 5, 30, 0, 123456789, time.FixedZone("CET", 3600)),
		Provider: "openai", Method: "POST", Path: "/v1/chat/completions", RequestModel: "gpt-5",
		Status: 200, Stream: true, Resent: 1, End: EndComplete, UsageState: Reported,
		Usage: u, Parts: []Part{{part}}, Doubts: []string{totalDoubt},
		FirstByte: 1234567 * time.Microsecond, Duration: 2 * time.Second, BytesIn: 10, BytesOut: 20, Events: 3,
		Revision: "0123456789ab", RawUsage: []byte("{\n \"prompt_tokens\": 31\n}"),
	}
	got, err := json.Marshal(&r)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":"0190a","request_id":"0190b","attempt":1,"final":true,"time":"2026-11-23T04:30:00.123Z",` +
		`"provider":"openai","method":"POST","path":"/v1/chat/completions","request_model":"gpt-5","model":"gpt-5-2025-08-07",` +
		`"status":200,"stream":true,"resent":1,"end":"complete","usage_state":"reported",` +
		`"input_tokens":31,"output_tokens":0,"reported_cost_usd":0.00042,"service_tier":"flex",` +
		`"parts":[{"input_tokens":4}],"doubts":["total_tokens is not input_tokens + output_tokens"],` +
		`"first_byte":1.234567,"duration":2,"bytes_in":10,"bytes_out":20,"events":3,"revision":"0123456789ab",` +
		`"raw_usage":{"prompt_tokens":31}}`
	if string(got) != want {
		t.Errorf("record =\n%s, want\n%s", got, want)
	}
}

func TestRecordLeavesOutWhatIsAbsent(t *testing.T) {
	t.Parallel()
	r := Record{ID: "0190a", Time: time.Unix(0, 0), End: EndRejected, UsageState: None, Error: "unknown_provider", RawUsage: []byte("{")}
	got, err := json.Marshal(&r)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":"0190a","attempt":0,"final":false,"time":"1970-01-01T00:00:00.000Z","stream":false,"end":"rejected",` +
		`"error":"unknown_provider","usage_state":"none","bytes_in":0,"bytes_out":0,"events":0}`
	if string(got) != want {
		t.Errorf("record =\n%s, want\n%s", got, want)
	}
}

func TestRecordBoundsTextFromOutside(t *testing.T) {
	t.Parallel()
	r := Record{Method: strings.Repeat("M", 300), Path: "/\xff" + strings.Repeat("p", 5000), RequestModel: "a\nb\"<c>"}
	content, err := json.Marshal(&r)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Method, Path string
		RequestModel string `json:"request_model"`
	}
	if err := json.Unmarshal(content, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Method) != 256 || len(got.Path) != 2048 || !strings.HasPrefix(got.Path, "/\ufffdp") || got.RequestModel != "a\nb\"<c>" {
		t.Errorf("method of %d bytes, path of %d bytes %.10q, request_model %q, want 256, 2048, a valid path, the text as it was",
			len(got.Method), len(got.Path), got.Path, got.RequestModel)
	}
}

func TestFieldsHaveOneNameEach(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for f := range allFields {
		name := f.String()
		back, ok := ParseField(name)
		if !ok || back != f || seen[name] || name == "" {
			t.Errorf("field %d: name %q, ParseField = %v, %v, want a name of its own", f, name, back, ok)
		}
		seen[name] = true
	}
	if f, ok := ParseField("tokens"); ok {
		t.Errorf("ParseField(tokens) = %v, want none", f)
	}
}

func TestNumbersKeepEveryDigit(t *testing.T) {
	t.Parallel()
	var u Usage
	u.SetNumber(InputTokens, Whole(9007199254740993))
	n, ok := u.Number(InputTokens)
	if i, whole := n.Int(); !ok || !whole || i != 9007199254740993 || n.String() != "9007199254740993" {
		t.Errorf("input_tokens = %v, want 9007199254740993", n)
	}
	if n, ok := u.Number(OutputTokens); ok {
		t.Errorf("output_tokens = %v, want none: unknown is not zero", n)
	}
}

func TestRecordMarksACheckpoint(t *testing.T) {
	t.Parallel()
	r := Record{ID: "0190a", Attempt: 1, Final: true, Checkpoint: true, Time: time.Unix(0, 0), UsageState: Partial}
	got, err := json.Marshal(&r)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":"0190a","attempt":1,"final":true,"checkpoint":true,"time":"1970-01-01T00:00:00.000Z","stream":false,` +
		`"usage_state":"partial","bytes_in":0,"bytes_out":0,"events":0}`
	if string(got) != want {
		t.Errorf("record =\n%s, want\n%s", got, want)
	}
}
