package telemetry

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"windhover/gateway/usage"
)

// answered is the record of a request that went well.
func answered(provider string) *usage.Record {
	rec := &usage.Record{
		Attempt: 1, Final: true, Provider: provider, Status: 200, End: usage.EndComplete, UsageState: usage.Reported,
		FirstByte: 300 * time.Millisecond, Duration: 4 * time.Second, Path: "/p", RequestModel: "m", Revision: "abc",
	}
	rec.Usage.SetText(usage.Model, "m")
	rec.ModelLabel, rec.CostState, rec.CostNanoUSD, rec.Stream = "gpt", usage.Priced, 1_500_000_001, true
	rec.Overhead, rec.Gaps = 300*time.Microsecond, new(usage.Gaps)
	rec.Gaps.Add(20 * time.Millisecond)
	rec.Gaps.Add(2 * time.Second)
	rec.Usage.SetNumber(usage.InputTokens, usage.Whole(100))
	rec.Usage.SetNumber(usage.OutputTokens, usage.Whole(20))
	rec.Usage.SetNumber(usage.CacheReadTokens, usage.Whole(60))
	rec.Usage.SetNumber(usage.TotalTokens, usage.Whole(120))
	return rec
}

func TestCheckpointOfASessionCountsNothing(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	m := New(registry)
	rec := answered("openai")
	rec.Checkpoint = true
	m.Record(rec)
	if got := scrape(t, registry); strings.Contains(got, `provider="openai"`) {
		t.Errorf("after a checkpoint the metrics are\n%s\nwant none of openai", got)
	}
}

// scrape is what Prometheus gets, without the metrics of the Go runtime and of the process.
func scrape(t testing.TB, registry *prometheus.Registry) string {
	t.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	body, err := io.ReadAll(w.Body)
	if err != nil || w.Code != 200 {
		t.Fatalf("scrape = %d, %v", w.Code, err)
	}
	var own strings.Builder
	for line := range strings.Lines(string(body)) {
		if strings.Contains(line, "windhover_") {
			own.WriteString(line)
		}
	}
	return own.String()
}

func TestRecordsBecomeMetrics(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	m := New(registry)
	m.Record(answered("openai"))
	m.Record(answered("openai"))

	first := answered("openai") // an attempt that was tried again: its tokens count, the request does not
	first.Final, first.Status, first.End = false, 500, usage.EndUpstreamError
	first.Doubts, first.UsageState = []string{"output_tokens is negative"}, usage.Partial
	first.Usage.SetNumber(usage.OutputTokens, usage.Whole(-3))
	first.CostState, first.ModelLabel, first.Overhead, first.Gaps, first.Fault = usage.Unpriced, "", 0, nil, true
	m.Record(first)
	session := answered("openai") // a checkpoint, which the first record above has replaced
	session.Checkpoint, session.End = true, ""
	m.Record(session)
	m.Record(&usage.Record{Status: 404, End: usage.EndRejected, UsageState: usage.None})
	m.Record(&usage.Record{Provider: "openai", Attempt: 1, Final: true, End: usage.EndClientClosed, UsageState: usage.None})

	buckets := regexp.MustCompile(`(?m)^\w+_(bucket|sum)\{.*\n`)
	got := buckets.ReplaceAllString(scrape(t, registry), "")
	want := `# HELP windhover_chunk_gap_seconds Time between two pieces of one streamed answer, as the client got them.
# TYPE windhover_chunk_gap_seconds histogram
windhover_chunk_gap_seconds_count{provider="openai"} 4
# HELP windhover_config_last_reload_success_timestamp_seconds When an attempt to load the providers file succeeded last.
# TYPE windhover_config_last_reload_success_timestamp_seconds gauge
windhover_config_last_reload_success_timestamp_seconds 0
# HELP windhover_config_last_reload_successful Whether the newest attempt to load the providers file succeeded; where it did not, the last good file stays in use.
# TYPE windhover_config_last_reload_successful gauge
windhover_config_last_reload_successful 0
# HELP windhover_config_reloads_total Attempts to load the providers file again, by result.
# TYPE windhover_config_reloads_total counter
windhover_config_reloads_total{result="failure"} 0
windhover_config_reloads_total{result="success"} 0
# HELP windhover_cost_usd_total What was used at its price, or what the provider says that it charged, in dollars. Attempts without a known cost are not in it.
# TYPE windhover_cost_usd_total counter
windhover_cost_usd_total{model="gpt",provider="openai"} 3.000000002
# HELP windhover_first_byte_seconds Time from the beginning of an attempt, which for the first is the request's arrival, to the header of the provider's answer.
# TYPE windhover_first_byte_seconds histogram
windhover_first_byte_seconds_count{provider="openai"} 3
# HELP windhover_overhead_seconds Time of a request in which the gateway waited for neither side: reading usage, rewriting, accounting.
# TYPE windhover_overhead_seconds histogram
windhover_overhead_seconds_count{provider="openai"} 2
# HELP windhover_request_duration_seconds Time from the beginning of the attempt whose answer the client gets to the end of that answer.
# TYPE windhover_request_duration_seconds histogram
windhover_request_duration_seconds_count{provider="openai"} 3
# HELP windhover_requests_total Requests by how they ended, refused ones included.
# TYPE windhover_requests_total counter
windhover_requests_total{end="client_closed",provider="openai",status_class="none"} 1
windhover_requests_total{end="complete",provider="openai",status_class="2xx"} 2
windhover_requests_total{end="rejected",provider="",status_class="4xx"} 1
# HELP windhover_tokens_total Tokens as providers reported them. The kinds input and output hold all; every other kind is a part of one of them.
# TYPE windhover_tokens_total counter
windhover_tokens_total{kind="cache_read",model="gpt",provider="openai"} 120
windhover_tokens_total{kind="cache_read",model="other",provider="openai"} 60
windhover_tokens_total{kind="input",model="gpt",provider="openai"} 200
windhover_tokens_total{kind="input",model="other",provider="openai"} 100
windhover_tokens_total{kind="output",model="gpt",provider="openai"} 40
windhover_tokens_total{kind="output",model="other",provider="openai"} 0
# HELP windhover_unpriced_attempts_total Attempts that used something for which there is no price: their cost is unknown, and in no sum.
# TYPE windhover_unpriced_attempts_total counter
windhover_unpriced_attempts_total{provider="openai"} 1
# HELP windhover_usage_doubtful_total Attempts whose answers reported numbers that cannot be, or that do not add up.
# TYPE windhover_usage_doubtful_total counter
windhover_usage_doubtful_total{provider="openai"} 1
# HELP windhover_usage_faults_total Attempts whose usage could not be read because of a bug of the gateway's; the log names it.
# TYPE windhover_usage_faults_total counter
windhover_usage_faults_total{provider="openai"} 1
# HELP windhover_usage_state_total Attempts by what the numbers in their answers are worth.
# TYPE windhover_usage_state_total counter
windhover_usage_state_total{provider="openai",state="none"} 1
windhover_usage_state_total{provider="openai",state="partial"} 1
windhover_usage_state_total{provider="openai",state="reported"} 2
`
	if got != want {
		t.Errorf("metrics:\n%s\nwant:\n%s", got, want)
	}
}

func TestHistogramsShowTheirBucketsInTheTextFormat(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	New(registry).Record(answered("openai"))
	got := scrape(t, registry)
	for _, want := range []string{
		`windhover_request_duration_seconds_bucket{provider="openai",le="2.5"} 0`,
		`windhover_request_duration_seconds_bucket{provider="openai",le="5"} 1`,
		`windhover_first_byte_seconds_bucket{provider="openai",le="0.25"} 0`,
		`windhover_first_byte_seconds_bucket{provider="openai",le="0.5"} 1`,
		`windhover_overhead_seconds_bucket{provider="openai",le="0.00025"} 0`,
		`windhover_overhead_seconds_bucket{provider="openai",le="0.0005"} 1`,
		`windhover_chunk_gap_seconds_bucket{provider="openai",le="0.015625"} 0`,
		`windhover_chunk_gap_seconds_bucket{provider="openai",le="0.03125"} 1`,
		`windhover_chunk_gap_seconds_bucket{provider="openai",le="2"} 2`,
		`windhover_chunk_gap_seconds_bucket{provider="openai",le="+Inf"} 2`,
		`windhover_chunk_gap_seconds_sum{provider="openai"} 2.02`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("metrics hold no %s:\n%s", want, got)
		}
	}
}

func TestGapsAreANativeHistogramToo(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	m := New(registry)
	rec := answered("openai") // 20 ms and 2 s
	rec.Gaps.Add(time.Microsecond)
	m.Record(rec)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "windhover_chunk_gap_seconds" {
			continue
		}
		h := f.Metric[0].Histogram
		total, count := h.GetZeroCount(), int64(0)
		for i, delta := range h.PositiveDelta {
			count += delta
			total += uint64(count)
			if index := int(h.PositiveSpan[0].GetOffset()) + i; count > 0 && index != -11 && index != 2 {
				t.Errorf("bucket %d holds %d, want 20 ms in -11 and 2 s in 2", index, count)
			}
		}
		if h.GetSchema() != 1 || h.GetZeroCount() != 1 || total != 3 || h.GetSampleCount() != 3 || len(h.PositiveSpan) != 1 || int(h.PositiveSpan[0].GetLength()) != len(h.PositiveDelta) {
			t.Errorf("histogram = %v, want 3 in all, one of them below the first bound", h)
		}
		return
	}
	t.Error("no gaps are gathered")
}

// A million costs are off by nothing: in dollars, the sum of fractions would drift.
func TestCostsAreExact(t *testing.T) {
	t.Parallel()
	c := newCosts()
	var done sync.WaitGroup
	for range 4 {
		done.Go(func() {
			for range 250_000 {
				c.of("openai", "gpt").add(100_000_001)
			}
		})
	}
	done.Wait()
	c.of("openai", "gpt").add(-5)
	if got, want := testutil.ToFloat64(c), 100_000.001; got != want {
		t.Errorf("cost = %v, want %v", got, want)
	}
}

func TestWithoutALedgerThereAreNoMetricsOfIt(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	Sources{InFlight: func() int { return 0 }, RecordsDropped: func() int64 { return 0 }}.Register(registry)
	if got := scrape(t, registry); strings.Contains(got, "windhover_ledger") {
		t.Errorf("metrics:\n%s\nwant none of a ledger", got)
	}
}

func TestReloadsBecomeMetrics(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	m := New(registry)
	timestamp := regexp.MustCompile(`(timestamp_seconds) [1-9][^; ]+`)
	state := func() string {
		var values []string
		for line := range strings.Lines(scrape(t, registry)) {
			if strings.HasPrefix(line, "windhover_config_") {
				values = append(values, strings.TrimPrefix(strings.TrimSpace(line), "windhover_config_"))
			}
		}
		return timestamp.ReplaceAllString(strings.Join(values, "; "), "$1 now")
	}
	m.Loaded("aaa")
	if got, want := state(), `info{revision="aaa"} 1; last_reload_success_timestamp_seconds now; last_reload_successful 1; reloads_total{result="failure"} 0; reloads_total{result="success"} 0`; got != want {
		t.Errorf("after the start: %s, want %s", got, want)
	}
	m.Reloaded("aaa", errors.New("broken"))
	if got, want := state(), `info{revision="aaa"} 1; last_reload_success_timestamp_seconds now; last_reload_successful 0; reloads_total{result="failure"} 1; reloads_total{result="success"} 0`; got != want {
		t.Errorf("after a broken file: %s, want %s", got, want)
	}
	m.Reloaded("bbb", nil)
	if got, want := state(), `info{revision="bbb"} 1; last_reload_success_timestamp_seconds now; last_reload_successful 1; reloads_total{result="failure"} 1; reloads_total{result="success"} 1`; got != want {
		t.Errorf("after a good file: %s, want %s", got, want)
	}
}

func TestSourcesBecomeMetrics(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	sources(registry)
	want := `# HELP windhover_build_info What the program was built from.
# TYPE windhover_build_info gauge
windhover_build_info{goversion="go1",revision="abc",version="v1"} 1
# HELP windhover_ledger_damaged_records_total Lines of the spool that were no records: a process was killed, or its disk filled, while it wrote them.
# TYPE windhover_ledger_damaged_records_total counter
windhover_ledger_damaged_records_total 9
# HELP windhover_ledger_dropped_records_total Records that are lost to the ledger.
# TYPE windhover_ledger_dropped_records_total counter
windhover_ledger_dropped_records_total 8
# HELP windhover_ledger_held_records Records that wait in memory because neither the store nor the spool takes them.
# TYPE windhover_ledger_held_records gauge
windhover_ledger_held_records 3
# HELP windhover_ledger_queue_capacity_records How many records may wait there; beyond it they are dropped.
# TYPE windhover_ledger_queue_capacity_records gauge
windhover_ledger_queue_capacity_records 2
# HELP windhover_ledger_queue_records Records that wait in memory for the ledger to take them up.
# TYPE windhover_ledger_queue_records gauge
windhover_ledger_queue_records 1
# HELP windhover_ledger_spool_bytes Size of the spool: of records that wait on disk for the store.
# TYPE windhover_ledger_spool_bytes gauge
windhover_ledger_spool_bytes 4
# HELP windhover_ledger_spooled_records_total Records that went to the spool because the store did not take them at once.
# TYPE windhover_ledger_spooled_records_total counter
windhover_ledger_spooled_records_total 6
# HELP windhover_ledger_state How records reach the store: 1 for the state that the ledger is in, 0 for every other.
# TYPE windhover_ledger_state gauge
windhover_ledger_state{state="spooling"} 1
windhover_ledger_state{state="writing"} 0
# HELP windhover_ledger_written_records_total Records that the store has committed; one that came twice is kept once.
# TYPE windhover_ledger_written_records_total counter
windhover_ledger_written_records_total 5
# HELP windhover_records_dropped_total Records that were lost because what they are written to is full, closed or too slow.
# TYPE windhover_records_dropped_total counter
windhover_records_dropped_total 2
# HELP windhover_requests_in_flight Requests that have arrived and are not answered to the end.
# TYPE windhover_requests_in_flight gauge
windhover_requests_in_flight 7
`
	if got := scrape(t, registry); got != want {
		t.Errorf("metrics:\n%s\nwant:\n%s", got, want)
	}
}

func sources(registry *prometheus.Registry) {
	Sources{
		InFlight:       func() int { return 7 },
		RecordsDropped: func() int64 { return 2 },
		Ledger: func() Ledger {
			return Ledger{State: "spooling", Queued: 1, QueueRoom: 2, Held: 3, SpoolBytes: 4, Written: 5, Spooled: 6, Dropped: 8, Damaged: 9}
		},
		LedgerStates: []string{"writing", "spooling"},
		Build:        Build{Version: "v1", Revision: "abc", GoVersion: "go1"},
	}.Register(registry)
}

func TestNamesAndHelpFollowPrometheusConventions(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	m := New(registry)
	m.Loaded("aaa")
	m.Record(answered("openai"))
	sources(registry)
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "windhover_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// What clients choose must not make series: 100,000 different requests leave as many as the closed sets have.
func TestClientsCannotMakeSeries(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	m := New(registry)
	providers := []string{"", "openai", "anthropic"}
	ends := []usage.End{usage.EndComplete, usage.EndClientClosed, usage.EndRejected}
	states := []usage.State{usage.Reported, usage.None}
	models := []string{"", "gpt", "claude"} // a closed set: what a client calls its model is Model and RequestModel
	random := rand.New(rand.NewPCG(1, 2))
	record := func() {
		text := fmt.Sprintf("random-%d", random.Int64())
		rec := answered(providers[random.IntN(len(providers))])
		rec.ID, rec.RequestID, rec.Method, rec.Path, rec.RequestModel, rec.Error, rec.Revision = text, text, text, text, text, text, text
		rec.Usage.SetText(usage.Model, text)
		rec.Usage.SetText(usage.ServiceTier, text)
		rec.Status = 100 + random.IntN(900)
		rec.End, rec.UsageState = ends[random.IntN(len(ends))], states[random.IntN(len(states))]
		rec.Attempt = random.IntN(2)
		rec.Key, rec.Labels, rec.Client = text, map[string]string{text: text}, text
		rec.ModelLabel = models[random.IntN(len(models))]
		m.Record(rec)
	}
	for range 2000 {
		record()
	}
	before := series(t, registry)
	for range 100_000 {
		record()
	}
	if after := series(t, registry); after != before {
		t.Errorf("series = %d, want %d as before", after, before)
	}
}

func series(t *testing.T, registry *prometheus.Registry) int {
	t.Helper()
	n, err := testutil.GatherAndCount(registry)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRecordsOfManyGoroutinesAddUp(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	m := New(registry)
	done := make(chan struct{})
	for range 8 {
		go func() {
			for range 1000 {
				m.Record(answered("openai"))
			}
			done <- struct{}{}
		}()
	}
	for range 8 {
		<-done
	}
	if got, want := scrape(t, registry), `windhover_requests_total{end="complete",provider="openai",status_class="2xx"} 8000`; !strings.Contains(got, want) {
		t.Errorf("metrics hold no %s", want)
	}
}

func BenchmarkRecord(b *testing.B) {
	m := New(prometheus.NewRegistry())
	rec := answered("openai")
	b.ReportAllocs()
	for b.Loop() {
		m.Record(rec)
	}
}
