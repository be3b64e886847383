package gateway

import (
	"bufio"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// healthOf waits until the newest check of `up` has found that, and returns it.
func (s *started) healthOf(t testing.TB, healthy bool) *HealthState {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		if h := s.checks.state("up"); h != nil && h.Healthy != nil && *h.Healthy == healthy {
			return h
		}
		if time.Now().After(deadline) {
			t.Fatalf("health = %+v after 10 s, want healthy: %v", s.checks.state("up"), healthy)
		}
		time.Sleep(time.Millisecond)
	}
}

// checked starts a gateway whose checks end with the test.
func checked(t testing.TB, yaml string, o Options) *started {
	t.Helper()
	g := startWith(t, yaml, o)
	t.Cleanup(g.endChecks)
	return g
}

func TestCheckAsksForThePathThatTheFileNames(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var asked []string
	status := http.StatusOK
	address, _ := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("X-Api-Key"))
		w.WriteHeader(status)
	})
	g := checked(t, leadingTo(address+"/base", onUp("health: {check: 'GET /v1/models?limit=1', interval: 10ms}", "request: {headers: {set: {X-Api-Key: own}}}")), Options{})
	first := g.healthOf(t, true)
	if first.Check != "GET /v1/models?limit=1" || first.Error != "" || first.Since == nil || first.At == nil {
		t.Errorf("health = %+v", first)
	}
	mu.Lock()
	if asked[0] != "GET /base/v1/models?limit=1 own" {
		t.Errorf("the upstream was asked %q", asked[0])
	}
	status = http.StatusUnauthorized
	mu.Unlock()
	if h := g.healthOf(t, false); h.Error != "status 401" || h.Since.Before(*first.Since) {
		t.Errorf("health = %+v, want status 401", h)
	}
	mu.Lock()
	status = http.StatusNoContent
	mu.Unlock()
	g.healthOf(t, true)
	log := g.log.String()
	if strings.Count(log, "a provider fails its check") != 1 || strings.Count(log, "a provider passes its check again") != 1 {
		t.Errorf("the log does not say each change once:\n%s", log)
	}
	g.wait(t, 0) // a check is no request
	if b := g.Breakers(); len(b) != 0 {
		t.Errorf("breakers = %+v: a check feeds none", b)
	}
}

func TestCheckOfConnections(t *testing.T) {
	t.Parallel()
	secured := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secured.Close)
	roots := x509.NewCertPool()
	roots.AddCert(secured.Certificate())
	plain := newWire(t, func(_ *wire, c net.Conn, _ *bufio.Reader) { io.WriteString(c, "220 mail\r\n") })
	for name, test := range map[string]struct {
		scheme, address, check string
		healthy                bool
		error                  string
	}{
		"tcp":              {"http", plain.addr, "tcp", true, ""},
		"tls":              {"https", secured.Listener.Addr().String(), "tls", true, ""},
		"nobody there":     {"http", closedAddress(t), "tcp", false, "connection refused"},
		"no TLS":           {"https", plain.addr, "tls", false, "first record does not look like a TLS handshake"},
		"metadata":         {"http", "169.254.169.254", "tcp", false, "metadata service"},
		"GET, nobody":      {"http", closedAddress(t), "GET /", false, "connection refused"},
		"GET, not found":   {"https", secured.Listener.Addr().String(), "GET /", false, "status 404"},
		"without a bypass": {"https", "secured.invalid", "tls", false, "secured.invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := strings.Replace(leadingTo(test.address, onUp("health: {check: "+test.check+", interval: 10ms}")), "http://", test.scheme+"://", 1)
			g := checked(t, file, Options{roots: roots})
			if h := g.healthOf(t, test.healthy); !strings.Contains(h.Error, test.error) {
				t.Errorf("error = %q, want it to name %q", h.Error, test.error)
			}
		})
	}
}

func TestCheckGivesUpInTime(t *testing.T) {
	t.Parallel()
	address, _ := scripted(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	g := checked(t, leadingTo(address, onUp("health: {check: GET /, interval: 10ms, timeout: 20ms}")), Options{})
	if h := g.healthOf(t, false); !strings.Contains(h.Error, "deadline exceeded") {
		t.Errorf("error = %q", h.Error)
	}
}

func TestReadinessDoesNotDependOnUpstreams(t *testing.T) {
	t.Parallel()
	g := checked(t, leadingTo(closedAddress(t), onUp(quick, "health: {check: tcp, interval: 10ms}")), Options{})
	g.healthOf(t, false)
	for range 4 {
		g.post(t, "/up/", "x")
	}
	for _, path := range []string{"/-/ready", "/-/healthy"} {
		res, err := http.Get(g.url + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != 200 {
			t.Errorf("%s = %d, want 200", path, res.StatusCode)
		}
	}
}

// It does not run in parallel with others: it counts goroutines.
func TestChecksEndWithTheirFile(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer server.Close()
	before := runtime.NumGoroutine()
	file := leadingTo(server.Listener.Addr().String(), onUp("health: {check: GET /, interval: 1ms}"))
	r := startReloading(t, file)
	tidy := func() { r.transports.close(); server.CloseClientConnections() }
	until := func(n int64) {
		for asked.Load() < n {
			time.Sleep(time.Millisecond)
		}
	}
	until(3)
	found := r.checks.state("up")
	for i := range 20 { // other files with the same check
		r.write(t, file+"  other:\n    upstream: http://"+itoa(i)+".test\n")
		if err := r.Reload(); err != nil {
			t.Fatal(err)
		}
	}
	if kept := r.checks.state("up"); kept.Healthy == nil || kept.Since.Before(*found.Since) {
		t.Errorf("health = %+v after a reload, want what was found before: %+v", kept, found)
	}
	r.write(t, leadingTo(server.Listener.Addr().String()))
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	if h := r.checks.state("up"); h != nil {
		t.Errorf("health = %+v of a provider without a check", h)
	}
	waitForGoroutines(t, before, tidy)
	r.write(t, file)
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	until(asked.Load() + 1)
	r.Shutdown(t.Context())
	waitForGoroutines(t, before, tidy)
	n := asked.Load()
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	waitForGoroutines(t, before, tidy)
	if asked.Load() != n {
		t.Error("a gateway that has shut down checks on")
	}
}
