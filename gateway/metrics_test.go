package gateway

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"windhover/gateway/telemetry"
	"windhover/gateway/usage"
)

// kinds are the requests of the test below, and how each has to be counted.
var kinds = []struct {
	name, path string
	want       string // provider, class, end
}{
	{"json", "/up/v1/json", "up 2xx complete"},
	{"stream", "/up/v1/stream", "up 2xx complete"},
	{"client leaves", "/up/v1/endless", "up 2xx client_closed"},
	{"upstream breaks off", "/up/v1/broken", "up 2xx upstream_truncated"},
	{"upstream refuses", "/up/v1/limit", "up 4xx complete"},
	{"upstream fails", "/up/v1/error", "up 5xx complete"},
	{"nobody listens", "/down/v1/json", "down 5xx connect_error"},
	{"unknown provider", "/%s/v1/json", " 4xx rejected"},
	{"bad path", "/up/../v1", "up 4xx rejected"},
}

// mockAccount is the mock's own account: what it has sent in full.
type mockAccount struct{ input, output atomic.Int64 }

func (m *mockAccount) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	input, output := 1+rand.Int64N(1000), 1+rand.Int64N(1000)
	numbers := fmt.Sprintf(`"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}`, input, output, input+output)
	w.Header().Set("Content-Type", "text/event-stream")
	flush := func() { _ = http.NewResponseController(w).Flush() }
	switch r.URL.Path {
	case "/v1/json":
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"model":"random-`+fmt.Sprint(rand.Int64())+`",`+numbers+`}`)
	case "/v1/stream":
		_, _ = io.WriteString(w, "data: {\"choices\":[{\"delta\":{}}]}\n\n")
		flush()
		_, _ = io.WriteString(w, "data: {\"choices\":[],"+numbers+"}\n\ndata: [DONE]\n\n")
	case "/v1/limit":
		w.WriteHeader(http.StatusTooManyRequests)
		return
	case "/v1/error":
		w.WriteHeader(http.StatusBadGateway)
		return
	default:
		_, _ = io.WriteString(w, "data: {\"choices\":[{\"delta\":{}}]}\n\n")
		flush()
		if r.URL.Path == "/v1/broken" {
			panic(http.ErrAbortHandler)
		}
		<-r.Context().Done()
		return
	}
	m.input.Add(input)
	m.output.Add(output)
}

// Whatever happens to requests, the counters say what the client did, what the mock sent, and what the records hold; and
// nothing that a client makes up is a series. WINDHOVER_LONG=1 makes it 100,000 requests.
func TestMetricsAreTheSumOfRequests(t *testing.T) {
	t.Parallel()
	total := 2000
	if os.Getenv("WINDHOVER_LONG") != "" {
		total = 100_000
	}
	mock := new(mockAccount)
	up := httptest.NewServer(mock)
	t.Cleanup(up.Close)
	registry := prometheus.NewPedanticRegistry()
	metrics := telemetry.New(registry)
	var records struct {
		sync.Mutex
		ends map[string]int
		n    int
	}
	records.ends = map[string]int{}
	sink := func(rec *usage.Record) {
		metrics.Record(rec)
		records.Lock()
		defer records.Unlock()
		records.n++
		class := "none"
		if rec.Status > 0 {
			class = fmt.Sprint(rec.Status/100) + "xx"
		}
		records.ends[strings.Join([]string{rec.Provider, class, string(rec.End)}, " ")]++
	}
	file := "extends: builtin\n" + leadingTo(up.Listener.Addr().String(), onUp("usage: openai")) + "  down: {upstream: 'http://127.0.0.1:1'}\n"
	g := startWith(t, file, Options{Sink: sink})
	client := newClient(t, http1)

	sent := map[string]int{}
	run := func(n int) {
		next := make(chan int)
		var workers sync.WaitGroup
		for range 8 {
			workers.Go(func() {
				for i := range next {
					if err := sendKind(client, g.url, i); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for i := range n {
			sent[kinds[i%len(kinds)].want]++
			next <- i
		}
		close(next)
		workers.Wait()
		want := 0
		for _, n := range sent {
			want += n
		}
		eventually(t, "a record of each request", func() bool {
			records.Lock()
			defer records.Unlock()
			return records.n >= want
		})
	}
	run(10 * len(kinds))
	before := seriesOf(t, registry)
	run(total)
	for series := range seriesOf(t, registry) {
		if !before[series] && series != `windhover_chunk_gap_seconds provider="up"` { // whether two pieces arrive apart is up to the network
			t.Errorf("%s is new", series)
		}
	}
	counted := map[string]int{}
	each(t, registry, "windhover_requests_total", func(l map[string]string, v float64) {
		counted[l["provider"]+" "+l["status_class"]+" "+l["end"]] += int(v)
	})
	if !maps.Equal(counted, sent) {
		t.Errorf("requests counted = %v, want those sent: %v", counted, sent)
	}
	if !maps.Equal(records.ends, sent) {
		t.Errorf("records = %v, want those sent: %v", records.ends, sent)
	}
	for kind, want := range map[string]int64{"input": mock.input.Load(), "output": mock.output.Load()} {
		got := int64(0)
		each(t, registry, "windhover_tokens_total", func(l map[string]string, v float64) {
			if l["kind"] == kind {
				got += int64(v)
			}
		})
		if got != want {
			t.Errorf("%s tokens = %d, want %d as the mock sent", kind, got, want)
		}
	}
}

// sendKind sends one request with all that a client can choose chosen at random.
func sendKind(client *http.Client, gateway string, i int) error {
	kind, random := kinds[i%len(kinds)], fmt.Sprint("r", rand.Int64())
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	path := kind.path
	if strings.Contains(path, "%s") {
		path = fmt.Sprintf(path, random)
	}
	r, err := http.NewRequestWithContext(ctx, "POST", gateway, strings.NewReader(`{"model":"`+random+`"}`))
	if err != nil {
		return err
	}
	r.URL.Opaque = "//" + r.URL.Host + path + "?q=" + random // as it is: .. stays
	r.Header.Set("Authorization", "Bearer "+random)
	r.Header.Set("X-Windhover-Label-"+random[:8], random)
	res, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("%s: %w", kind.name, err)
	}
	defer res.Body.Close()
	if kind.name == "client leaves" {
		_, err := io.ReadFull(res.Body, make([]byte, 5))
		return err
	}
	_, err = io.Copy(io.Discard, res.Body)
	if broken := kind.name == "upstream breaks off"; broken != (err != nil) {
		return fmt.Errorf("%s: body ended with %v", kind.name, err)
	}
	return nil
}

// each calls f with every series of a metric.
func each(t testing.TB, registry *prometheus.Registry, name string, f func(labels map[string]string, value float64)) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.Metric {
			if family.GetName() != name {
				continue
			}
			labels := map[string]string{}
			for _, l := range m.Label {
				labels[l.GetName()] = l.GetValue()
			}
			f(labels, m.GetCounter().GetValue())
		}
	}
}

// seriesOf are all series, as in `windhover_requests_total provider="up" …`.
func seriesOf(t testing.TB, registry *prometheus.Registry) map[string]bool {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, family := range families {
		for _, m := range family.Metric {
			series := family.GetName()
			for _, l := range m.Label {
				series += fmt.Sprintf(" %s=%q", l.GetName(), l.GetValue())
			}
			all[series] = true
		}
	}
	return all
}
