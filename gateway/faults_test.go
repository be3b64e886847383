package gateway

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"windhover/gateway/usage"
)

// quick makes a breaker open at the third failure, and stay so for longer than a test.
const quick = "breaker: {mode: enforce, failures: 3, ratio: 0.1, open: 1h}"

// scripted is an upstream that counts what it was asked, and answers as a test says.
func scripted(t testing.TB, answer http.HandlerFunc) (address string, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		asked.Add(1)
		answer(w, r)
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.Listener.Addr().String(), asked
}

// closedAddress is one that refuses connections.
func closedAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// post sends a request and reads the answer, which may break off.
func (s *started) post(t testing.TB, path, body string, header ...string) (*http.Response, string) {
	t.Helper()
	r := newPost(t, s.url+path, strings.NewReader(body), int64(len(body)))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := newClient(t, http1).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, _ := io.ReadAll(res.Body)
	return res, string(got)
}

// breakerState is the state of the only breaker.
func (s *started) breakerState(t testing.TB) BreakerState {
	t.Helper()
	all := s.Breakers()
	if len(all) != 1 {
		t.Fatalf("%d breakers, want 1: %+v", len(all), all)
	}
	return all[0]
}

func TestFaultsOpenTheBreakerAndNothingElseDoes(t *testing.T) {
	t.Parallel()
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		keys   []string
		reason string // empty: it stays closed
	}{
		"500":            {status(500), nil, "status 500"},
		"529":            {status(529), nil, "status 529"},
		"400":            {status(400), nil, ""},
		"401":            {status(401), nil, ""},
		"429":            {status(429), nil, ""},
		"header timeout": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, []string{"timeouts: {response_header: 50ms}"}, "timeout_header"},
		"no answer":      {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, nil, "upstream_error"},
		"stream cut": {func(w http.ResponseWriter, _ *http.Request) {
			sendEvents(w, "data: 1\n\n")
			panic(http.ErrAbortHandler)
		}, nil, "upstream_truncated"},
		"no terminal":     {func(w http.ResponseWriter, _ *http.Request) { sendEvents(w, "data: {\"n\":1}\n\n") }, []string{"usage: events"}, "upstream_truncated"},
		"stalled":         {func(w http.ResponseWriter, r *http.Request) { sendEvents(w, "data: 1\n\n"); <-r.Context().Done() }, []string{"timeouts: {idle: 50ms}"}, "timeout_idle"},
		"total timeout":   {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, []string{"timeouts: {total: 50ms}"}, ""},
		"said to be none": {status(503), []string{"fault: status == 500"}, ""},
		"said to be one":  {status(404), []string{"fault: status == 404"}, "status 404"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, asked := scripted(t, test.answer)
			g := start(t, leadingTo(address, onUp(append(test.keys, quick)...), countingEvents))
			for i := range 4 {
				g.post(t, "/up/", "x")
				g.wait(t, i+1) // a client sees that an answer broke off before the breaker does
			}
			b := g.breakerState(t)
			if test.reason == "" {
				if b.State != "closed" || b.Failures != 0 || asked.Load() != 4 {
					t.Errorf("state = %s, %d failures (%s), asked %d times, want closed, 0, 4", b.State, b.Failures, b.Reason, asked.Load())
				}
				return
			}
			if b.State != "open" || b.Reason != test.reason || asked.Load() != 3 {
				t.Errorf("state = %s because of %s, asked %d times, want open, %s, 3", b.State, b.Reason, asked.Load(), test.reason)
			}
		})
	}
}

func TestConnectionsThatFailOpenTheBreaker(t *testing.T) {
	t.Parallel()
	plain := newWire(t, func(_ *wire, c net.Conn, r *bufio.Reader) { io.WriteString(c, "220 mail\r\n") })
	for name, upstream := range map[string]string{
		"refused":  "http://" + closedAddress(t),
		"no TLS":   "https://" + plain.addr,
		"no name":  "http://nowhere.invalid",
		"metadata": "http://169.254.169.254", // our own guard's doing says nothing about an upstream
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := start(t, strings.Replace(leadingTo("x.test", onUp(quick)), "http://x.test", upstream, 1))
			for range 4 {
				g.post(t, "/up/", "x")
			}
			g.wait(t, 4)
			want := "open"
			if name == "metadata" {
				want = "closed"
			}
			if b := g.breakerState(t); b.State != want {
				t.Errorf("state = %s (%s), want %s", b.State, b.Reason, want)
			}
		})
	}
}

func TestClientsThatLeaveOpenNoBreaker(t *testing.T) {
	t.Parallel()
	there := make(chan struct{})
	address, _ := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stream" {
			sendEvents(w, "data: 1\n\n")
		}
		there <- struct{}{}
		<-r.Context().Done()
	})
	g := start(t, leadingTo(address, onUp(quick)))
	client := newClient(t, http1)
	for i := range 8 {
		path := []string{"/up/header", "/up/stream"}[i%2]
		ctx, leave := context.WithCancel(t.Context())
		go func() {
			<-there
			leave()
		}()
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url+path, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		if res, err := client.Do(r); err == nil {
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
	}
	for _, rec := range g.wait(t, 8) {
		if rec.End != usage.EndClientClosed {
			t.Errorf("end = %s, want client_closed", rec.End)
		}
	}
	if b := g.breakerState(t); b.State != "closed" || b.Failures != 0 {
		t.Errorf("breaker = %+v, want closed without failures", b)
	}
}

func TestWatchingBreakerRefusesNobody(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"", "breaker: {failures: 3, ratio: 0.1}", "breaker: off"} {
		address, asked := scripted(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
		g := start(t, leadingTo(address, onUp(mode)))
		for range 20 {
			if res, _ := g.post(t, "/up/", "x"); res.StatusCode != 503 || res.Header.Get(headerError) != "" {
				t.Fatalf("answer = %d %s, want the upstream's 503", res.StatusCode, res.Header.Get(headerError))
			}
		}
		if asked.Load() != 20 {
			t.Errorf("%q: the upstream was asked %d times, want 20", mode, asked.Load())
		}
		if mode == "breaker: off" {
			continue
		}
		if b := g.breakerState(t); b.State != "open" || b.Refused != 0 {
			t.Errorf("%q: breaker = %+v, want open, and nothing refused", mode, b)
		}
		if got := strings.Count(g.log.String(), "the breaker of an upstream is open"); got != 1 {
			t.Errorf("%q: the log says so %d times, want once:\n%s", mode, got, g.log)
		}
	}
}

func TestOpenBreakerAnswersAtOnce(t *testing.T) {
	t.Parallel()
	address, _ := scripted(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	g := start(t, leadingTo(address, onUp(quick)))
	for range 3 {
		g.post(t, "/up/", "x")
	}
	g.wait(t, 3)
	if log := g.log.String(); !strings.Contains(log, `last_failure="status 503" refuses=true`) {
		t.Errorf("log = %s, want that it refuses", log)
	}
	fastest := time.Hour
	for range 50 {
		began := time.Now()
		w := httptest.NewRecorder()
		r := httptest.NewRequest("POST", "/up/", nil)
		r.RequestURI = "/up/"
		g.ServeHTTP(w, r)
		fastest = min(fastest, time.Since(began))
		var body struct {
			Error struct{ Message, Type, Code string }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatal(err)
		}
		want := "up (" + address + ") gets no requests for now: too many failed, the last one "
		if w.Code != 503 || w.Header().Get("Retry-After") != "3600" || w.Header().Get(headerError) != "breaker_open" || body.Error.Code != "breaker_open" ||
			!strings.HasPrefix(body.Error.Message, want) || !strings.HasSuffix(body.Error.Message, " with status 503 (breaker)") {
			t.Fatalf("answer = %d %v %s", w.Code, w.Header(), w.Body)
		}
	}
	if fastest > time.Millisecond {
		t.Errorf("the fastest of 50 refusals took %s, want below 1ms", fastest)
	}
	last := g.wait(t, 53)[52]
	if last.Attempt != 0 || last.End != usage.EndRejected || last.Error != "breaker_open" || last.Status != 503 {
		t.Errorf("record = attempt %d, %s, %s, %d, want 0, rejected, breaker_open, 503", last.Attempt, last.End, last.Error, last.Status)
	}
}

// The upstream is well again. Of a thousand clients that come at once, one finds that out, and the others are not let near it.
func TestThousandRequestsAtOnceMakeOneTrial(t *testing.T) {
	t.Parallel()
	var well atomic.Bool
	release := make(chan struct{})
	address, asked := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
		if !well.Load() {
			w.WriteHeader(503)
			return
		}
		<-release
	})
	g := start(t, leadingTo(address, onUp("breaker: {mode: enforce, failures: 3, ratio: 0.1, open: 20s}")))
	for range 3 {
		g.post(t, "/up/", "x")
	}
	well.Store(true)
	before := asked.Load()
	b := g.breakers.list()[0]
	b.change(func(time.Time) { b.since = b.since.Add(-20 * time.Second) })
	var answered [600]atomic.Int64
	var all sync.WaitGroup
	for range 1000 {
		all.Go(func() {
			w := httptest.NewRecorder()
			r := httptest.NewRequest("POST", "/up/", nil)
			r.RequestURI = "/up/"
			g.ServeHTTP(w, r)
			if answered[w.Code].Add(1) == 999 {
				close(release) // all others were refused while the trial was under way
			}
		})
	}
	all.Wait()
	if answered[200].Load() != 1 || answered[503].Load() != 999 || asked.Load()-before != 1 {
		t.Errorf("%d answers and %d refusals, the upstream was asked %d times, want 1, 999, 1", answered[200].Load(), answered[503].Load(), asked.Load()-before)
	}
	if s := g.breakerState(t); s.State != "closed" {
		t.Errorf("state = %s after a good trial, want closed", s.State)
	}
}

func TestBodyOfAnErrorCanBeAFault(t *testing.T) {
	t.Parallel()
	overloaded := `{"error":{"type":"overloaded_error","message":"x"}}`
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	io.WriteString(z, overloaded)
	z.Close()
	for name, test := range map[string]struct {
		status       int
		body, coding string
		faults       bool
	}{
		"overloaded":            {400, overloaded, "", true},
		"overloaded, with gzip": {400, zipped.String(), "gzip", true},
		"another error":         {400, `{"error":{"type":"invalid_request_error"}}`, "", false},
		"another status":        {200, overloaded, "", false},
		"too large":             {400, overloaded[:len(overloaded)-1] + strings.Repeat(" ", maxErrorBody) + "}", "", false},
		"no JSON":               {400, "overloaded_error", "", false},
		"a coding of its own":   {400, zipped.String(), "x-own", false},
		"a 500 with any body":   {500, "x", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, _ := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
				if test.coding != "" {
					w.Header().Set("Content-Encoding", test.coding)
				}
				w.WriteHeader(test.status)
				io.WriteString(w, test.body)
			})
			g := start(t, leadingTo(address, onUp(quick, `fault: status >= 500 or status == 400 and first("error.type") == "overloaded_error"`)))
			for range 3 {
				if _, got := g.post(t, "/up/", "x"); got != test.body {
					t.Fatalf("body = %d bytes, want the upstream's %d", len(got), len(test.body))
				}
			}
			g.wait(t, 3)
			if b := g.breakerState(t); (b.State == "open") != test.faults {
				t.Errorf("state = %s (%s), want open: %v", b.State, b.Reason, test.faults)
			}
		})
	}
}

func TestBreakersAreKeptByHostAndModel(t *testing.T) {
	t.Parallel()
	address, _ := scripted(t, func(w http.ResponseWriter, r *http.Request) {})
	g := start(t, leadingTo(address))
	g.post(t, "/up/", `{"model":"m-1"}`)
	g.post(t, "/up/", `{"model":"m-2"}`)
	g.post(t, "/up/", `{"model":"m-2"}`)
	g.post(t, "/up/", `{"model":"`+strings.Repeat("m", 200)+`"}`)
	g.post(t, "/up/", "x")
	g.wait(t, 5)
	var got []string
	for _, b := range g.Breakers() {
		got = append(got, fmt.Sprintf("%s %s %d", b.Host, b.Model, b.Attempts))
	}
	want := []string{address + "  1", address + " m-1 1", address + " m-2 2", address + " " + strings.Repeat("m", 128) + " 1"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("breakers = %q, want %q", got, want)
	}
}

func TestThrottleIsShownAndHoldsBackWhereTheFileSaysSo(t *testing.T) {
	t.Parallel()
	for _, enforced := range []bool{false, true} {
		address, asked := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(429)
		})
		mode := "throttle: {max: 10m}"
		if enforced {
			mode = "throttle: {mode: enforce, max: 10m}"
		}
		g := start(t, leadingTo(address, onUp(mode)))
		g.post(t, "/up/", "x")
		res, _ := g.post(t, "/up/", "x")
		g.wait(t, 2)
		b := g.breakerState(t)
		if until := time.Until(*b.ThrottledUntil); !b.Throttled || b.ThrottleStatus != 429 || b.State != "closed" || until > 10*time.Minute || until < 9*time.Minute {
			t.Errorf("breaker = %+v, want closed and throttled for 10 minutes", b)
		}
		if !enforced {
			if asked.Load() != 2 || res.Header.Get(headerError) != "" || res.Header.Get("Retry-After") != "3600" {
				t.Errorf("the second answer is %v, of %d requests upstream, want the upstream's", res.Header, asked.Load())
			}
			continue
		}
		if asked.Load() != 1 || res.StatusCode != 429 || res.Header.Get(headerError) != "throttled" || res.Header.Get("Retry-After") != "600" {
			t.Errorf("answer = %d %v, asked %d times, want a 429 of ours for 600 s, 1", res.StatusCode, res.Header, asked.Load())
		}
	}
}

func TestBreakersSurviveAReload(t *testing.T) {
	t.Parallel()
	address, _ := scripted(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	watching := strings.Replace(quick, "enforce", "watch", 1)
	r := startReloading(t, leadingTo(address, onUp(watching)))
	server := httptest.NewServer(r.Gateway)
	defer server.Close()
	ask := func() *http.Response {
		res, err := http.Post(server.URL+"/up/", "", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res
	}
	reload := func(yaml string) {
		r.write(t, yaml)
		if err := r.Reload(); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		ask()
	}
	reload(leadingTo(address, onUp(quick)))
	if res := ask(); res.Header.Get(headerError) != "breaker_open" {
		t.Errorf("answer = %d, want that the breaker which was watched is open now that it is enforced", res.StatusCode)
	}
	reload(leadingTo(address, onUp(quick)) + "  other:\n    upstream: http://other.test\n")
	if b := r.Breakers(); len(b) != 1 || b[0].State != "open" || b[0].Refused != 1 {
		t.Errorf("breakers = %+v, want the open one", b)
	}
	reload(leadingTo(address, onUp(strings.Replace(quick, "failures: 3", "failures: 4", 1))))
	if res := ask(); res.Header.Get(headerError) != "" {
		t.Error("a breaker with other settings is still open")
	}
	reload("version: 1\nproviders:\n  other:\n    upstream: http://other.test\n")
	if b := r.Breakers(); len(b) != 0 {
		t.Errorf("breakers = %+v, want none of a provider that is gone", b)
	}
}

func TestProvidersPageShowsHowTheyDo(t *testing.T) {
	t.Parallel()
	address, _ := scripted(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	g := start(t, leadingTo(address, onUp(quick, "fallback: [other/v2]"))+"  other:\n    upstream: http://${HOST_OF_OTHER:-other.test}/base\n    breaker: off\n")
	for range 4 {
		g.post(t, "/up/", `{"model":"m-1"}`)
	}
	w := askAdmin(g.Admin(AdminOptions{Addr: "localhost:5502"}), "GET", "/api/providers", nil)
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control = %q, want no-store: it is how things are now", got)
	}
	var page struct {
		Revision  string
		Providers []struct {
			Name, Breaker, Throttle string
			Upstreams, Fallback     []string
			Counts                  map[string]int
			Breakers                []map[string]any
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || w.Code != 200 {
		t.Fatalf("%d %v: %s", w.Code, err, w.Body)
	}
	if page.Revision != g.Revision() || len(page.Providers) != 2 {
		t.Fatalf("page = %s", w.Body)
	}
	other, up := page.Providers[0], page.Providers[1]
	if other.Name != "other" || other.Breaker != "off" || fmt.Sprint(other.Upstreams) != "[http://${HOST_OF_OTHER:-***}/base]" {
		t.Errorf("other = %+v", other)
	}
	if up.Breaker != "enforce" || up.Throttle != "watch" || fmt.Sprint(up.Fallback) != "[other/v2]" || up.Counts["breakers_opened"] != 1 || up.Counts["refused"] != 1 {
		t.Errorf("up = %+v", up)
	}
	b := up.Breakers[0]
	if b["host"] != address || b["model"] != "m-1" || b["state"] != "open" || b["last_failure"] != "status 503" || b["refused"] != 1.0 || b["throttled"] != false {
		t.Errorf("breaker = %v", b)
	}
}

// A host from a reference is no secret to the operator, but what stands in it may be.
func TestBreakersHideWhatReferencesYield(t *testing.T) {
	secret := "canary-tenant-7"
	t.Setenv("TENANT", secret)
	var log lockedBuffer
	g, err := New(load(t, strings.Replace(leadingTo("${TENANT}.invalid", onUp(quick)), "http://$", "https://$", 1)), Options{Loopback: true, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	var answer string
	for range 4 {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("POST", "/up/", nil)
		r.RequestURI = "/up/"
		g.ServeHTTP(w, r)
		answer = w.Body.String()
	}
	page := askAdmin(g.Admin(AdminOptions{Addr: "localhost:5502"}), "GET", "/api/providers", nil).Body.String()
	for what, text := range map[string]string{"refusal": answer, "log": log.String(), "page": page} {
		if strings.Contains(text, secret) || !strings.Contains(text, "***") {
			t.Errorf("%s shows the secret, or not that there is one: %s", what, text)
		}
	}
}
