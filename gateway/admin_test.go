package gateway

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"windhover/config"
)

// askAdmin is one request to an admin handler, by default from this machine.
func askAdmin(h http.Handler, method, target string, header map[string]string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	r.Host = "localhost:5502"
	for name, value := range header {
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// A page in the operator's browser can make any name of its own lead to this address, but no address.
func TestAdminAnswersOnlyToItsOwnNames(t *testing.T) {
	t.Parallel()
	machine, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	g := newGateway(t, twoProviders, Options{})
	admin := g.Admin(AdminOptions{Addr: "ops.example:5502"})
	for _, host := range []string{
		"localhost", "LOCALHOST:5502", "127.0.0.1", "127.0.0.1:5502", "[::1]", "[::1]:5502", "10.1.2.3:9", "[fe80::1%25eth0]:5502", "ops.example", "OPS.example:1", machine, machine + ":5502",
	} {
		if w := askAdmin(admin, "GET", "/-/ready", map[string]string{"Host": host}); w.Code != 200 {
			t.Errorf("asked as %s: %d %s", host, w.Code, w.Body)
		}
	}
	want := failureBody("forbidden", "host_refused", "the admin listener answers only when asked by its address, localhost or the machine's name")
	for _, host := range []string{"", "evil.example", "evil.example:5502", "localhost.evil.example", "127.0.0.1.evil.example", "localhost.", "xlocalhost", "[evil.example]:5502", "2130706433", "0x7f.1", "ops.example.evil"} {
		w := askAdmin(admin, "GET", "/-/ready", map[string]string{"Host": host})
		if w.Code != 403 || w.Body.String() != want || w.Header().Get(headerError) != "host_refused" {
			t.Errorf("asked as %q: %d %s", host, w.Code, w.Body)
		}
	}
	everywhere := g.Admin(AdminOptions{Addr: ":5502"})
	if w := askAdmin(everywhere, "GET", "/-/ready", map[string]string{"Host": ""}); w.Code != 403 {
		t.Errorf("asked by no name: %d, want 403", w.Code)
	}
}

func TestAdminTakesNoWritesFromOtherSites(t *testing.T) {
	t.Parallel()
	file := load(t, twoProviders)
	g, err := New(file, Options{Load: func() (*config.File, error) { return file, nil }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	admin := g.Admin(AdminOptions{})
	for name, c := range map[string]struct {
		header map[string]string
		want   int
	}{
		"no browser":       {nil, 200},
		"own page":         {map[string]string{"Sec-Fetch-Site": "same-origin"}, 200},
		"typed":            {map[string]string{"Sec-Fetch-Site": "none"}, 200},
		"other site":       {map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		"neighbour site":   {map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		"other origin":     {map[string]string{"Origin": "https://evil.example"}, 403},
		"other port":       {map[string]string{"Origin": "http://localhost:3000"}, 403},
		"own origin":       {map[string]string{"Origin": "http://localhost:5502"}, 200},
		"origin not known": {map[string]string{"Origin": "null"}, 403},
	} {
		w := askAdmin(admin, "POST", "/-/reload", c.header)
		if w.Code != c.want {
			t.Errorf("%s: %d %s, want %d", name, w.Code, w.Body, c.want)
		}
		if want := failureBody("forbidden", "cross_site", "the admin listener takes no writes from other sites"); c.want == 403 && w.Body.String() != want {
			t.Errorf("%s: %s, want %s", name, w.Body, want)
		}
	}
}

func TestAdminWantsItsToken(t *testing.T) {
	t.Parallel()
	admin := newGateway(t, twoProviders, Options{}).Admin(AdminOptions{Token: config.NewSecret("right")})
	for authorization, want := range map[string]int{"Bearer right": 200, "": 401, "right": 401, "Bearer wrong": 401, "Bearer right ": 401, "Bearer  right": 401, "Basic right": 401, "Bearer ": 401} {
		w := askAdmin(admin, "GET", "/debug/pprof/", map[string]string{"Authorization": authorization})
		if w.Code != want {
			t.Errorf("with %q: %d, want %d", authorization, w.Code, want)
		}
		if want == 401 && (w.Header().Get("WWW-Authenticate") != "Bearer" || w.Body.String() != failureBody("unauthorized", "unauthorized", "the admin listener wants its token: Authorization: Bearer …")) {
			t.Errorf("with %q: %q %s", authorization, w.Header(), w.Body)
		}
	}
	for _, probe := range []string{"/-/ready", "/-/healthy"} {
		if w := askAdmin(admin, "GET", probe, nil); w.Code != 200 {
			t.Errorf("%s without a token: %d, want 200", probe, w.Code)
		}
	}
	for _, page := range []string{"/config", "/debug/pprof/heap", "/debug/pprof/cmdline"} {
		if w := askAdmin(admin, "GET", page, nil); w.Code != 401 {
			t.Errorf("%s without a token: %d, want 401", page, w.Code)
		}
	}
	if w := askAdmin(admin, "POST", "/-/reload", nil); w.Code != 401 {
		t.Errorf("/-/reload without a token: %d, want 401", w.Code)
	}
}

func TestAdminHandsWhatIsBelowAPIToTheAPI(t *testing.T) {
	t.Parallel()
	api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Method+" "+r.URL.Path) })
	admin := newGateway(t, twoProviders, Options{}).Admin(AdminOptions{Token: config.NewSecret("right"), API: api})
	for request, want := range map[[2]string]int{{"GET", "/api/usage"}: 200, {"POST", "/api/usage/reprice"}: 200, {"GET", "/api"}: 404, {"GET", "/apis/x"}: 404} {
		w := askAdmin(admin, request[0], request[1], map[string]string{"Authorization": "Bearer right"})
		if w.Code != want || want == 200 && w.Body.String() != request[0]+" "+request[1] {
			t.Errorf("%s = %d %s, want %d", request, w.Code, w.Body, want)
		}
		if w := askAdmin(admin, request[0], request[1], nil); w.Code != 401 && want == 200 {
			t.Errorf("%s without the token = %d, want 401", request, w.Code)
		}
	}
	w := askAdmin(admin, "POST", "/api/usage/reprice", map[string]string{"Authorization": "Bearer right", "Origin": "https://evil.example"})
	if w.Code != 403 {
		t.Errorf("a write from another site = %d, want 403", w.Code)
	}
	without := newGateway(t, twoProviders, Options{}).Admin(AdminOptions{})
	if w := askAdmin(without, "GET", "/api/usage", nil); w.Code != 404 {
		t.Errorf("/api/usage without an API = %d, want 404", w.Code)
	}
}

func TestAdminReloadAnswersWithTheOutcome(t *testing.T) {
	t.Parallel()
	next := load(t, twoProviders)
	g, err := New(next, Options{Load: func() (*config.File, error) { return next, nil }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	admin := g.Admin(AdminOptions{})
	next = load(t, "version: 1\nproviders: {up: {upstream: https://example.com}}\n")
	w := askAdmin(admin, "POST", "/-/reload", nil)
	if want := `{"revision":"` + next.Revision + `","status":"reloaded"}` + "\n"; w.Code != 200 || w.Body.String() != want {
		t.Errorf("reload: %d %s, want 200 %s", w.Code, w.Body, want)
	}
	good := next.Revision
	next = load(t, "version: 1\nproviders:\n  up: {upstream: ftp://example.com}\n  other: {path: '/{a', upstream: https://example.com}\n")
	w = askAdmin(admin, "POST", "/-/reload", nil)
	for _, want := range []string{"providers.up.upstream: an upstream begins with https:// or http://", `providers.other.path: pattern`, `"code":"reload_failed"`} {
		if w.Code != 422 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("reload of a broken file: %d %s, want 422 with %s", w.Code, w.Body, want)
		}
	}
	if g.Revision() != good {
		t.Errorf("revision = %s, want %s", g.Revision(), good)
	}
}

func TestAdminSaysWhatItHas(t *testing.T) {
	t.Parallel()
	admin := newGateway(t, twoProviders, Options{}).Admin(AdminOptions{})
	w := askAdmin(admin, "GET", "/", nil)
	if want := failureBody("not_found", "no_page", "there is no such page; there are /config, /api/providers, /api/usage, /api/openapi.json, /metrics, /-/reload (POST), /-/ready, /-/healthy and /debug/pprof/"); w.Code != 404 || w.Body.String() != want {
		t.Errorf("/ = %d %s, want 404 %s", w.Code, w.Body, want)
	}
	w = askAdmin(admin, "GET", "/-/reload", nil)
	if want := failureBody("bad_request", "method_not_allowed", "this page answers POST"); w.Code != 405 || w.Header().Get("Allow") != "POST" || w.Body.String() != want {
		t.Errorf("GET /-/reload = %d, Allow %q, %s, want 405 %s", w.Code, w.Header().Get("Allow"), w.Body, want)
	}
	if w := askAdmin(admin, "HEAD", "/-/ready", nil); w.Code != 200 {
		t.Errorf("HEAD /-/ready = %d, want 200", w.Code)
	}
	// The providers are not reached over the admin listener.
	if w := askAdmin(admin, "GET", "/openai/v1/models", nil); w.Code != 404 {
		t.Errorf("/openai/v1/models = %d, want 404", w.Code)
	}
}
