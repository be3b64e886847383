//go:build unix

package sqlite

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"windhover/gateway/ledger"
	"windhover/gateway/usage"
)

// The bounds for ten million records on two cores.
const (
	leastRate    = 20_000 // records a second
	longestQuery = 300 * time.Millisecond
)

// The batches of a gateway, those that it takes in from its spool, and those that the file is filled with until the measurement.
const (
	batchRows  = 1000
	intakeRows = 4 * batchRows
	fillRows   = 10 * batchRows
)

// TestScale fills a ledger with thirty days of records, asks it what a bill asks, and prints how long that took. It runs
// where WINDHOVER_LEDGER_ROWS says how many records; .ci/ledger-scale does that. WINDHOVER_LEDGER_SLACK makes the bounds that
// many times looser.
func TestScale(t *testing.T) {
	rows := number(t, "WINDHOVER_LEDGER_ROWS", 0)
	if rows == 0 {
		t.Skip("WINDHOVER_LEDGER_ROWS is not set")
	}
	slack := number(t, "WINDHOVER_LEDGER_SLACK", 1)
	path := filepath.Join(t.TempDir(), "ledger.db")
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()

	end := time.Date(2026, 11, 23, 17, 42, 13, 371e6, time.UTC)
	load := &workload{rnd: rand.New(rand.NewPCG(1, 2)), at: end.Add(-30 * 24 * time.Hour), step: 30 * 24 * time.Hour / time.Duration(rows)}
	measured := min(rows/4, 200*batchRows) // the last, of each size: writes are slowest when the file is largest
	write(t, s, load, rows-2*measured, fillRows)
	fmt.Printf("| what | %d records, %d CPUs |\n|---|---|\n", rows, runtime.GOMAXPROCS(0))
	for _, size := range []int{batchRows, intakeRows} {
		busy := processorTime()
		rate := float64(measured) / write(t, s, load, measured, size).Seconds()
		busy = processorTime() - busy
		fmt.Printf("| ingest, batches of %d | %.0f records/s, %.0f µs of a processor a record |\n", size, rate, float64(busy.Microseconds())/float64(measured))
		if rate*float64(slack) < leastRate {
			t.Errorf("%.0f records were written a second, want %d", rate, leastRate/slack)
		}
	}
	fmt.Printf("| size on disk | %.0f MB, %d bytes a record |\n", float64(size(t, path))/1e6, size(t, path)/int64(rows))
	for _, q := range questions(end) {
		took := ask(t, s, q.Question, rows)
		fmt.Printf("| last 30 days %s | %.0f ms |\n", q.name, float64(took)/1e6)
		if took > longestQuery*time.Duration(slack) {
			t.Errorf("last 30 days %s took %v, want %v at most", q.name, took, longestQuery*time.Duration(slack))
		}
	}
}

func number(t *testing.T, name string, usual int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s is %q, want a number from 1 on", name, text)
	}
	return n
}

// write writes records in batches, and reports how long the store had them.
func write(t *testing.T, s *Store, load *workload, rows, size int) (took time.Duration) {
	t.Helper()
	for written := 0; written < rows; {
		batch := load.batch(min(size, rows-written))
		began := time.Now()
		if err := s.Write(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		took += time.Since(began)
		written += len(batch)
	}
	return took
}

type question struct {
	name string
	ledger.Question
}

// questions are those of a bill. Their range begins and ends in the middle of a minute.
func questions(end time.Time) []question {
	month := ledger.Filter{From: end.Add(-30 * 24 * time.Hour), To: end}
	oneKey := month
	oneKey.Keys = []string{keyName(7)}
	by := func(dimensions ...ledger.Dimension) []ledger.Dimension { return dimensions }
	return []question{
		{"in total", ledger.Question{Filter: month}},
		{"by model", ledger.Question{Filter: month, GroupBy: by(ledger.ByModel)}},
		{"by provider", ledger.Question{Filter: month, GroupBy: by(ledger.ByProvider)}},
		{"by key", ledger.Question{Filter: month, GroupBy: by(ledger.ByKey)}},
		{"by day", ledger.Question{Filter: month, GroupBy: by(ledger.ByDay)}},
		{"by label", ledger.Question{Filter: month, GroupBy: by(ledger.ByLabel("team"))}},
		{"by model, of one key", ledger.Question{Filter: oneKey, GroupBy: by(ledger.ByModel)}},
	}
}

// ask asks five times, and reports the median of how long that took.
func ask(t *testing.T, s *Store, q ledger.Question, rows int) time.Duration {
	t.Helper()
	var took []time.Duration
	for range 5 {
		began := time.Now()
		a, err := s.Sum(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(began))
		if len(q.Keys) == 0 && a.Total[ledger.Requests] != int64(rows) {
			t.Fatalf("%d requests are counted, want %d", a.Total[ledger.Requests], rows)
		}
	}
	slices.Sort(took)
	return took[len(took)/2]
}

func size(t *testing.T, path string) (bytes int64) {
	t.Helper()
	for _, suffix := range []string{"", "-wal"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		bytes += info.Size()
	}
	return bytes
}

// workload is what 200 clients ask of 10 providers of 30 models each, evenly, every client of 15 models. One in 20 requests
// fails, one in five of the others has a label.
type workload struct {
	rnd  *rand.Rand
	at   time.Time
	step time.Duration
	n    int
}

func keyName(n int) string { return fmt.Sprintf("%016x", uint64(n+1)*0x9e3779b97f4a7c15) }

func (w *workload) batch(n int) []*usage.Record {
	batch := make([]*usage.Record, n)
	for i := range batch {
		batch[i] = w.record()
	}
	return batch
}

func (w *workload) record() *usage.Record {
	key := w.rnd.IntN(200)
	chosen := (key*37 + w.rnd.IntN(15)*101) % 300
	provider, model := chosen%10, chosen/10
	name := fmt.Sprintf("model-%d-of-%d-2026-08-07", model, provider)
	rec := &usage.Record{
		ID: w.id(), RequestID: w.id(), Attempt: 1, Final: true, Time: w.at,
		Client: "10.1.2.3", Provider: fmt.Sprintf("provider-%d", provider), Method: "POST", Path: "/provider/v1/chat/completions",
		RequestModel: name[:len(name)-11], Status: 200, Stream: true, End: usage.EndComplete, UsageState: usage.Reported,
		StreamUsage: usage.StreamUsageAdded, FirstByte: 300 * time.Millisecond, Duration: time.Duration(w.rnd.IntN(2e7)) * time.Microsecond,
		BytesIn: w.rnd.Int64N(1e5), BytesOut: w.rnd.Int64N(1e6), Events: w.rnd.Int64N(1000), Revision: "0123456789ab",
		CostState: usage.Priced, Key: keyName(key),
		Price:    &usage.Price{ID: name + "#01234567", Row: []byte(`{"input": 1.25, "output": 10}`)},
		RawUsage: []byte(`{"prompt_tokens":1234,"completion_tokens":567,"total_tokens":1801,"prompt_tokens_details":{"cached_tokens":1024}}`),
	}
	w.at = w.at.Add(w.step)
	if w.rnd.IntN(20) == 0 {
		rec.Status, rec.UsageState, rec.CostState, rec.Price, rec.RawUsage = 429, usage.None, "", nil, nil
		return rec
	}
	if w.rnd.IntN(5) == 0 {
		rec.Labels = map[string]string{"team": fmt.Sprintf("team-%d", w.rnd.IntN(20))}
	}
	w.use(rec, name)
	return rec
}

// use fills what the answer reported.
func (w *workload) use(rec *usage.Record, model string) {
	input, output := w.rnd.Int64N(100_000), w.rnd.Int64N(10_000)
	rec.CostNanoUSD = input*1250 + output*10_000
	u := &rec.Usage
	u.SetText(usage.Model, model)
	u.SetText(usage.ServiceTier, "default")
	u.SetText(usage.ResponseID, "chatcmpl-"+rec.ID)
	u.SetNumber(usage.InputTokens, usage.Whole(input))
	u.SetNumber(usage.OutputTokens, usage.Whole(output))
	u.SetNumber(usage.TotalTokens, usage.Whole(input+output))
	u.SetNumber(usage.CacheReadTokens, usage.Whole(input/2))
	u.SetNumber(usage.CacheWriteTokens, usage.Whole(input/8))
	u.SetNumber(usage.ReasoningTokens, usage.Whole(output/2))
	for _, f := range []usage.Field{usage.InputAudioTokens, usage.OutputAudioTokens, usage.InputImageTokens, usage.OutputImageTokens, usage.CacheReadAudioTokens} {
		u.SetNumber(f, usage.Whole(0))
	}
}

// short is one of many requests that differ in nothing but how long they took.
func (w *workload) short() *usage.Record {
	rec := &usage.Record{
		ID: w.id(), RequestID: w.id(), Attempt: 1, Final: true, Time: w.at,
		Client: "10.1.2.3", Provider: "openai", Method: "POST", Path: "/openai/v1/chat/completions",
		RequestModel: "gpt-5-mini", Status: 200, End: usage.EndComplete, UsageState: usage.Reported,
		FirstByte: time.Duration(w.rnd.IntN(1e3)) * time.Microsecond, Duration: time.Duration(w.rnd.IntN(2e3)) * time.Microsecond,
		BytesIn: 120, BytesOut: 1024, Revision: "0123456789ab", CostState: usage.Priced, CostNanoUSD: 31_250, Key: keyName(0),
		Price:    &usage.Price{ID: "gpt-5-mini#01234567", Row: []byte(`{"input": 0.25, "output": 2}`)},
		RawUsage: []byte(`{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21}`),
	}
	w.at = w.at.Add(w.step)
	u := &rec.Usage
	u.SetText(usage.Model, "gpt-5-mini-2026-08-07")
	u.SetText(usage.ResponseID, "chatcmpl-"+rec.ID)
	u.SetNumber(usage.InputTokens, usage.Whole(9))
	u.SetNumber(usage.OutputTokens, usage.Whole(12))
	u.SetNumber(usage.TotalTokens, usage.Whole(21))
	return rec
}

// id is a UUIDv7 of the time, in order.
func (w *workload) id() string {
	w.n++
	ms := w.at.UnixMilli()
	return fmt.Sprintf("%08x-%04x-7%03x-8%03x-%012x", ms>>16, ms&0xffff, w.n>>12&0xfff, w.n&0xfff, w.rnd.Uint64()>>16)
}
