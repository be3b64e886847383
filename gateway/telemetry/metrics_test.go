package telemetry

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http/httptest"
	"regexp"
	"strings"
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
	m.Record(first)
	session := answered("openai") // a checkpoint, which the first record above has replaced
	session.Checkpoint, session.End = true, ""
	m.Record(session)
	m.Record(&usage.Record{Status: 404, End: usage.EndRejected, UsageState: usage.None})
	m.Record(&usage.Record{Provider: "openai", Attempt: 1, Final: true, End: usage.EndClientClosed, UsageState: usage.None})

	buckets := regexp.MustCompile(`(?m)^\w+_(bucket|sum)\{.*\n`)
	got := buckets.ReplaceAllString(scrape(t, registry), "")
	want := `# HELP windhover_config_last_reload_success_timestamp_seconds When an attempt to load the providers file succeeded last.
# TYPE windhover_config_last_reload_success_timestamp_seconds gauge
windhover_config_last_reload_success_timestamp_seconds 0
# HELP windhover_config_last_reload_successful Whether the newest attempt to load the providers file succeeded; where it did not, the last good file stays in use.
# TYPE windhover_config_last_reload_successful gauge
windhover_config_last_reload_successful 0
# HELP windhover_config_reloads_total Attempts to load the providers file again, by result.
# TYPE windhover_config_reloads_total counter
windhover_config_reloads_total{result="failure"} 0
windhover_config_reloads_total{result="success"} 0
# HELP windhover_first_byte_seconds Time from the beginning of an attempt, which for the first is the request's arrival, to the header of the provider's answer.
# TYPE windhover_first_byte_seconds histogram
windhover_first_byte_seconds_count{provider="openai"} 3
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
windhover_tokens_total{kind="cache_read",provider="openai"} 180
windhover_tokens_total{kind="input",provider="openai"} 300
windhover_tokens_total{kind="output",provider="openai"} 40
# HELP windhover_usage_doubtful_total Attempts whose answers reported numbers that cannot be, or that do not add up.
# TYPE windhover_usage_doubtful_total counter
windhover_usage_doubtful_total{provider="openai"} 1
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
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("metrics hold no %s:\n%s", want, got)
		}
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
		Build:          Build{Version: "v1", Revision: "abc", GoVersion: "go1"},
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
