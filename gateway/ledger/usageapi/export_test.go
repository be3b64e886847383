package usageapi

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"windhover/gateway/ledger"
	"windhover/gateway/ledger/ledgertest"
	"windhover/gateway/usage"
)

// table is a CSV export, by the names of its columns.
func table(t *testing.T, body string) []map[string]string {
	t.Helper()
	if strings.Count(body, "\r\n") != strings.Count(body, "\n") {
		t.Errorf("a line does not end in CR and LF:\n%s", body)
	}
	lines, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]string
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, name := range lines[0] {
			row[name] = line[i]
		}
		rows = append(rows, row)
	}
	return rows
}

func TestExportIsATableOfEachKeyOfARecord(t *testing.T) {
	t.Parallel()
	part := usage.Part{}
	part.SetText(usage.Model, "claude-opus-5")
	r := made(1, time.Hour, func(r *usage.Record) {
		for f := range usage.Fields() {
			r.Usage.SetNumber(f, usage.Whole(int64(f)+1))
			r.Usage.SetText(f, "the "+f.String())
		}
		r.Attempt, r.Checkpoint, r.Stream, r.Resent, r.StreamUsage = 2, true, true, 3, usage.StreamUsageAdded
		r.Parts, r.Doubts, r.Error = []usage.Part{part}, []string{"a is negative", "b is above a"}, "timeout_idle"
		r.RawUsage = []byte(`{}`)
	})
	w := get(t, over(t, r), "/api/usage/export")
	rows := table(t, w.Body.String())
	if len(rows) != 1 {
		t.Fatalf("%d rows, want 1", len(rows))
	}
	line, err := r.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(line, &keys); err != nil {
		t.Fatal(err)
	}
	for key, value := range keys {
		got, there := rows[0][key]
		switch want := strings.Trim(string(value), `"`); {
		case key == "raw_usage":
		case key == "doubts" && got == "a is negative; b is above a":
		case !there || got != want:
			t.Errorf("%s = %q, want %s", key, got, value)
		}
	}
	if got := rows[0]["cost_usd"]; got != "0.000001" {
		t.Errorf("cost_usd = %s, want 0.000001", got)
	}
	if len(rows[0]) != len(keys) { // raw_usage less, cost_usd more
		t.Errorf("%d columns, want %d", len(rows[0]), len(keys))
	}
}

// Whoever sends requests through the gateway chooses texts that an accountant opens in a spreadsheet.
func TestExportDefusesFormulas(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"=1+1":                  "'=1+1",
		"+1":                    "'+1",
		"-1":                    "'-1",
		"@SUM(A1)":              "'@SUM(A1)",
		"\t=1":                  "\"'\t=1\"",
		"\r=1":                  "\"'\r=1\"",
		"\n=1":                  "\"'\n=1\"",
		"＝1":                    "'＝1",
		`=HYPERLINK("//x","y")`: `"'=HYPERLINK(""//x"",""y"")"`,
		"gpt-5":                 "gpt-5",
		"a=1":                   "a=1",
		`a"b`:                   `"a""b"`,
		"a,b":                   `"a,b"`,
		"a;=1":                  `"a;=1"`,
		"":                      "",
	} {
		if got := string(appendText(nil, text)); got != want {
			t.Errorf("cell of %q = %s, want %s", text, got, want)
		}
	}
	r := made(1, time.Hour, func(r *usage.Record) {
		r.Usage.SetText(usage.Model, "=cmd|' /C calc'!A0")
		r.Usage.SetNumber(usage.InputTokens, usage.Whole(-5)) // a number stays one
	})
	row := table(t, get(t, over(t, r), "/api/usage/export?format=csv").Body.String())[0]
	if row["model"] != "'=cmd|' /C calc'!A0" || row["input_tokens"] != "-5" {
		t.Errorf("model = %s, input_tokens = %s", row["model"], row["input_tokens"])
	}
}

func TestExportTellsUnknownFromZero(t *testing.T) {
	t.Parallel()
	rows := table(t, get(t, over(t,
		made(1, time.Hour, func(r *usage.Record) { r.CostState, r.CostNanoUSD, r.Price = usage.Unpriced, 0, nil }),
		made(2, time.Minute, func(r *usage.Record) { r.CostNanoUSD = 0; r.Usage.SetNumber(usage.ReasoningTokens, usage.Whole(0)) }),
	), "/api/usage/export").Body.String())
	for column, want := range map[string][2]string{"cost_nano_usd": {"0", ""}, "cost_usd": {"0", ""}, "reasoning_tokens": {"0", ""}} {
		if got := [2]string{rows[0][column], rows[1][column]}; got != want {
			t.Errorf("%s = %q, want %q", column, got, want)
		}
	}
}

func TestExportOfLinesIsTheRecordLog(t *testing.T) {
	t.Parallel()
	first, second := made(1, time.Minute, nil), made(2, time.Hour, nil)
	a, _ := first.MarshalJSON()
	b, _ := second.MarshalJSON()
	w := get(t, over(t, first, second), "/api/usage/export?format=jsonl")
	if want := string(a) + "\n" + string(b) + "\n"; w.Body.String() != want {
		t.Errorf("export =\n%s, want\n%s", w.Body, want)
	}
	if got, want := w.Header().Get("Content-Disposition"), `attachment; filename="windhover-20261123T120000Z-20261124T120000Z.jsonl"`; got != want {
		t.Errorf("Content-Disposition = %s, want %s", got, want)
	}
	w = get(t, over(t), "/api/usage/export?format=xls")
	if _, _, message := failureBody(t, w); w.Code != 400 || message != `format: "xls" is no format; there are csv and jsonl` || w.Header().Get("Content-Disposition") != "" {
		t.Errorf("format=xls: %d %q", w.Code, message)
	}
}

// counting is a store that notices how many records are asked for at once.
type counting struct {
	*ledgertest.Memory
	most, scans int
	fail        int // the scan that fails; 0: none
}

func (c *counting) Scan(ctx context.Context, f ledger.Filter, after ledger.Cursor, yield func(*usage.Record) bool) error {
	c.scans++
	if c.scans == c.fail {
		return errors.New("the disk is gone")
	}
	n := 0
	err := c.Memory.Scan(ctx, f, after, func(r *usage.Record) bool { n++; return yield(r) })
	c.most = max(c.most, n)
	return err
}

func manyRecords(t *testing.T, n int) *counting {
	t.Helper()
	c := &counting{Memory: new(ledgertest.Memory)}
	var records []*usage.Record
	for i := range n {
		records = append(records, made(i, time.Duration(i)*time.Second/7+time.Second, nil))
	}
	if err := c.Write(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestExportReadsOneBatchAfterTheOther(t *testing.T) {
	t.Parallel()
	const n = 2*exportBatch + 1
	store := manyRecords(t, n)
	api := New(Options{Reader: func() (ledger.Reader, error) { return store, nil }, Now: func() time.Time { return noon }})
	var ids []string
	for line := range strings.Lines(get(t, api, "/api/usage/export?format=jsonl").Body.String()) {
		var r usage.Record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.ID)
	}
	slices.Sort(ids)
	if len(slices.Compact(ids)) != n || store.scans != 3 || store.most > exportBatch {
		t.Errorf("%d records in %d scans of at most %d, want %d in 3 of at most %d", len(ids), store.scans, store.most, n, exportBatch)
	}
}

// A file that ends early must not look like all there is.
func TestExportThatFailsHalfWayLooksBroken(t *testing.T) {
	t.Parallel()
	store := manyRecords(t, 2*exportBatch)
	store.fail = 2
	server := httptest.NewServer(New(Options{Reader: func() (ledger.Reader, error) { return store, nil }, Now: func() time.Time { return noon }}))
	defer server.Close()
	response, err := http.Get(server.URL + "/api/usage/export")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) || len(body) == 0 {
		t.Errorf("export ends with %v after %d bytes, want %v after the first batch", err, len(body), io.ErrUnexpectedEOF)
	}
}

func BenchmarkExportCSV(b *testing.B) {
	f := newCSV()
	r := made(1, time.Hour, nil)
	var line []byte
	for b.Loop() {
		line = f.append(line[:0], r)
	}
	b.ReportMetric(float64(len(line)), "bytes/record")
}
