package gateway

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"windhover/config"
	"windhover/gateway/usage"
)

// askPage is one request to a handler, without a network.
func askPage(h http.Handler, method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w
}

// newGateway is a gateway that serves a file without a listener.
func newGateway(t testing.TB, yaml string, o Options) *Gateway {
	t.Helper()
	g, err := New(load(t, yaml), o)
	if err != nil {
		t.Fatalf("compile providers: %v", err)
	}
	return g
}

const twoProviders = `version: 1
providers:
  openai: {upstream: https://api.openai.com}
  up:
    routes:
      - {path: '/{region:us|eu}/{model:[a-z<>&"]+}/*', upstream: 'https://{region}.example.com/<b>&"'}
      - {path: /fixed, upstream: 'https://example.com/fixed'}
`

func TestPagesAnswer(t *testing.T) {
	t.Parallel()
	g := newGateway(t, twoProviders, Options{})
	for target, want := range map[string]string{
		"/providers": `["openai","up"]` + "\n",
		"/health":    `{"status":"ok"}` + "\n",
		"/-/ready":   `{"status":"ready"}` + "\n",
		"/-/healthy": `{"status":"ok"}` + "\n",
	} {
		w := askPage(g, "GET", target)
		if w.Code != 200 || w.Body.String() != want || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s = %d %q %q, want %q", target, w.Code, w.Header().Get("Content-Type"), w.Body, want)
		}
	}
	if w := askPage(g, "GET", "/favicon.ico"); w.Code != 204 {
		t.Errorf("/favicon.ico = %d, want 204", w.Code)
	}
}

func TestProviderPageShowsEachAddress(t *testing.T) {
	t.Parallel()
	page := askPage(newGateway(t, twoProviders, Options{}), "GET", "http://gw.example:5501/").Body.String()
	for _, want := range []string{
		"A gateway in front of 2 AI providers.",
		"So <code>https://api.openai.com/v1/chat/completions</code> becomes <code>http://gw.example:5501/openai/v1/chat/completions</code>.",
		`<tr><th rowspan="1">openai</th><td><code>http://gw.example:5501/openai</code></td><td><code>https://api.openai.com</code></td></tr>`,
		`<tr><th rowspan="2">up</th><td><code>http://gw.example:5501/up/<i>{us|eu}</i>/<i>{model}</i></code></td><td><code>https://<i>{region}</i>.example.com/&lt;b&gt;&amp;&#34;</code></td></tr>`,
		`<tr><td><code>http://gw.example:5501/up/fixed</code></td><td><code>https://example.com/fixed</code></td></tr>`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not hold\n%s\n%s", want, page)
		}
	}
	if outside := regexp.MustCompile(`(src|href|url|@import)[ =(]`).FindString(page); outside != "" {
		t.Errorf("the page loads something: %q", outside)
	}
}

// What a reference yields is the gateway's to fill in, and its default may be an address that nobody else need know.
func TestProviderPageShowsReferencesWithoutTheirDefaults(t *testing.T) {
	t.Parallel()
	g := newGateway(t, `version: 1
providers:
  openai: {upstream: 'https://${UNSET_HOST:-internal.example}'}
  up: {path: '/{region:us|eu}/*', upstream: 'https://{region}.${UNSET_ZONE:-internal.example}/{region}'}
`, Options{})
	page := askPage(g, "GET", "/").Body.String()
	for _, want := range []string{
		"So <code>https://${UNSET_HOST:-***}/v1/chat/completions</code> becomes ",
		"<td><code>https://${UNSET_HOST:-***}</code></td>",
		"<td><code>https://<i>{region}</i>.${UNSET_ZONE:-***}/<i>{region}</i></code></td>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not hold\n%s\n%s", want, page)
		}
	}
	if strings.Contains(page, "internal.example") {
		t.Errorf("the page shows a default:\n%s", page)
	}
}

// The Host of a request is anybody's text.
func TestProviderPageEscapesTheHost(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("GET", "/", nil)
	r.Host = `"><script>alert(1)</script>`
	w := httptest.NewRecorder()
	newGateway(t, twoProviders, Options{}).ServeHTTP(w, r)
	if strings.Contains(w.Body.String(), "<script>") {
		t.Errorf("the page holds a script:\n%s", w.Body)
	}
	if got, want := w.Header().Get("Content-Security-Policy"), "default-src 'none'; style-src 'unsafe-inline'"; got != want {
		t.Errorf("Content-Security-Policy = %q, want %q", got, want)
	}
}

func TestPageTellsAsMuchAsItMay(t *testing.T) {
	t.Parallel()
	f := "version: 1\nproviders:\n  openai: {upstream: https://upstream.example}\n  up: {path: '/{a}/*', upstream: https://upstream.example}\n"
	type told struct {
		page, list, unknown int
		names, upstreams    bool
	}
	for page, want := range map[Page]told{
		PageFull:  {200, 200, 404, true, true},
		PageNames: {200, 200, 404, true, false},
		PageOff:   {404, 404, 404, false, false},
	} {
		g := newGateway(t, f, Options{Page: page})
		answers := []*httptest.ResponseRecorder{askPage(g, "GET", "/"), askPage(g, "GET", "/providers"), askPage(g, "GET", "/opena/v1"), askPage(g, "GET", "/up")}
		var all strings.Builder
		for _, w := range answers {
			all.WriteString(w.Body.String())
		}
		got := told{answers[0].Code, answers[1].Code, answers[2].Code, strings.Contains(all.String(), "openai"), strings.Contains(all.String(), "upstream.example")}
		if got != want {
			t.Errorf("%s: %+v, want %+v:\n%s", page, got, want, all.String())
		}
		if health := askPage(g, "GET", "/health"); health.Code != 200 {
			t.Errorf("%s: /health = %d, want 200", page, health.Code)
		}
	}
}

func TestReadyEndsWithDraining(t *testing.T) {
	t.Parallel()
	g := newGateway(t, twoProviders, Options{})
	g.Drain()
	for target, want := range map[string]int{"/-/ready": 503, "/-/healthy": 200, "/health": 200} {
		for _, h := range []http.Handler{g, g.Admin(AdminOptions{})} {
			if target == "/health" && h != http.Handler(g) {
				continue
			}
			r := httptest.NewRequest("GET", target, nil)
			r.Host = "localhost"
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != want {
				t.Errorf("%s while draining = %d, want %d", target, w.Code, want)
			}
		}
	}
}

func TestPagesAnswerHeadAndRefuseTheRest(t *testing.T) {
	t.Parallel()
	g := start(t, twoProviders)
	for _, target := range []string{"/", "/providers", "/health", "/-/ready", "/-/healthy"} {
		head := g.ask(t, "HEAD "+target+" HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
		if head.status() != "200" || head.body != "" {
			t.Errorf("HEAD %s: %s %q", target, head.line, head.body)
		}
		post := g.ask(t, "POST "+target+" HTTP/1.1\r\nHost: g\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		want := failureBody("bad_request", "method_not_allowed", "this page answers GET, HEAD")
		if post.status() != "405" || post.value("allow") != "GET, HEAD" || post.body != want {
			t.Errorf("POST %s: %s, Allow %q, %q", target, post.line, post.value("allow"), post.body)
		}
	}
}

func TestErrorsOfTheGatewayHaveOneShape(t *testing.T) {
	t.Parallel()
	g := start(t, twoProviders)
	for request, want := range map[string]struct{ status, body string }{
		"GET /opena/v1":            {"404", `{"error":{"message":"unknown provider \"opena\"; did you mean openai?","type":"gateway_not_found","code":"unknown_provider","providers":["openai","up"]}}` + "\n"},
		"GET /nothing-like-it/v1":  {"404", `{"error":{"message":"unknown provider \"nothing-like-it\"","type":"gateway_not_found","code":"unknown_provider","providers":["openai","up"]}}` + "\n"},
		"GET /openai":              {"404", failureBody("not_found", "no_route", "no route of openai fits this path; it has /openai/*")},
		"GET /up/us":               {"404", `{"error":{"message":"no route of up fits this path; it has /up/{region:us|eu}/{model:[a-z\u003c\u003e\u0026\"]+}/* and /up/fixed","type":"gateway_not_found","code":"no_route"}}` + "\n"},
		"GET /-/nothing":           {"404", failureBody("not_found", "no_page", "there is no such page")},
		"GET /health/":             {"404", failureBody("not_found", "no_page", "/health is a page of the gateway's own and leads to no provider")},
		"GET /providers/openai":    {"404", failureBody("not_found", "no_page", "/providers is a page of the gateway's own and leads to no provider")},
		"GET //openai/v1":          {"404", `{"error":{"message":"unknown provider \"\"","type":"gateway_not_found","code":"unknown_provider","providers":["openai","up"]}}` + "\n"},
		"GET /openai/../admin":     {"400", failureBody("bad_request", "bad_target", "the path holds a segment . or .., which could lead elsewhere than it says")},
		"GET /openai/%2E%2e/admin": {"400", failureBody("bad_request", "bad_target", "the path holds a segment . or .., which could lead elsewhere than it says")},
		"CONNECT example.com:443":  {"400", failureBody("bad_request", "bad_target", "this is a gateway, not a forward proxy: ask for /PROVIDER/…")},
		"GET http://example.com":   {"400", failureBody("bad_request", "bad_target", "this is a gateway, not a forward proxy: ask for /PROVIDER/…")},
	} {
		res := g.ask(t, request+" HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
		if res.status() != want.status || res.body != want.body {
			t.Errorf("%s: %s\n%s want %s\n%s", request, res.line, res.body, want.status, want.body)
		}
		var body struct {
			Error struct{ Message, Type, Code string }
		}
		if err := json.Unmarshal([]byte(res.body), &body); err != nil {
			t.Errorf("%s: %v", request, err)
		}
		if res.value("x-windhover-error") != body.Error.Code || len(res.value("x-windhover-request-id")) != 36 || res.value("content-type") != "application/json" {
			t.Errorf("%s: header %q", request, res.fields)
		}
	}
}

func TestRequestForNoAddressOfTheGatewaysHasARecord(t *testing.T) {
	t.Parallel()
	for request, wantPath := range map[string]string{
		"CONNECT example.com:443": "",
		"CONNECT /ai/up/v1":       "/up/v1",
		"GET http://example.com":  "",
		"GET /elsewhere/v1?a=b":   "/elsewhere/v1",
	} {
		g := startWith(t, leadingTo("192.0.2.1"), Options{Prefix: "/ai"})
		res := g.ask(t, request+" HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
		rec := g.one(t)
		if rec.Attempt != 0 || rec.End != usage.EndRejected || rec.Error != "bad_target" || rec.Status != 400 || rec.Path != wantPath {
			t.Errorf("%s: record = %+v, want one that is rejected with bad_target and path %q", request, rec, wantPath)
		}
		if got := res.value("x-windhover-request-id"); res.status() != "400" || got != rec.RequestID {
			t.Errorf("%s: %s, request id %q, want that of the record: %q", request, res.line, got, rec.RequestID)
		}
	}
}

func TestGatewayMountsUnderAPrefix(t *testing.T) {
	t.Parallel()
	up := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	g := newGateway(t, leadingTo(up.addr), Options{Prefix: "/ai"})
	router := chi.NewRouter()
	router.Handle("/ai", g)
	router.Handle("/ai/*", g)
	server := httptest.NewServer(router)
	defer server.Close()
	s := &started{Gateway: g, addr: server.Listener.Addr().String()}
	for target, want := range map[string]string{"/ai": "200", "/ai/": "200", "/ai/providers": "200", "/ai/health": "200", "/ai/-/ready": "200", "/ai/up/v1%2Fx//y?a|b": "200", "/ai/nothing/v1": "404"} {
		res := s.ask(t, "GET "+target+" HTTP/1.1\r\nHost: gw\r\nConnection: close\r\n\r\n")
		if res.status() != want {
			t.Errorf("%s: %s, want %s", target, res.line, want)
		}
		if target == "/ai/" && !strings.Contains(res.body, "<code>http://gw/ai/up</code>") {
			t.Errorf("the page does not hold the address under the prefix:\n%s", res.body)
		}
	}
	if got := up.lastRequest(t).line; got != "GET /v1%2Fx//y?a|b HTTP/1.1" {
		t.Errorf("upstream saw %q", got)
	}
	for _, target := range []string{"/aix/up/v1", "/up/v1", "/"} {
		if w := askPage(g, "GET", target); w.Code != 400 {
			t.Errorf("%s = %d, want 400", target, w.Code)
		}
	}
}

// Secrets stand in the environment, in a mounted file and in the client's own request. None may show where it is not sent to.
func TestNoSecretShowsAnywhere(t *testing.T) {
	const inEnv, inFile, inHost, inPath, inQuery, fromClient = "canary-env/+", "canary-file", "canary-host", "canary-path", "canary-query&", "canary-client"
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(inFile+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"CANARY_ENV": inEnv, "CANARY_HOST": inHost, "CANARY_PATH": inPath, "CANARY_QUERY": inQuery} {
		t.Setenv(name, value)
	}
	closed := answeringOnce(t, "")
	yaml := `version: 1
providers:
  reset: {upstream: 'http://` + closed.addr + `/${CANARY_PATH}', request: {headers: {set: {Authorization: 'Bearer ${CANARY_ENV}', X-Key: '${file:` + file + `}'}}, query: {set: {key: '${CANARY_QUERY}'}}}, access: {tokens: ['${file:` + file + `}']}}
  lost: {upstream: 'https://${CANARY_HOST}.invalid/${CANARY_PATH}'}
  refused: {upstream: 'http://127.0.0.1:1/${CANARY_PATH}'}
  open: {path: '/{a}/*', upstream: 'https://{a}.${CANARY_HOST}.invalid'}
`
	broken := yaml + "  broken: {upstream: 'ftp://${CANARY_HOST}/'}\n"
	g := startWith(t, yaml, Options{Load: func() (*config.File, error) { return load(t, broken), nil }})
	shown := new(strings.Builder)
	for _, path := range []string{"/reset/v1", "/lost/v1", "/refused/v1", "/open/x/v1", "/open/x%23/v1", "/open", "/reset/../x", "/nothing/v1", "/", "/providers"} {
		shown.WriteString(g.talk(t, "POST "+path+"?key="+fromClient+" HTTP/1.1\r\nHost: g\r\nConnection: close\r\nAuthorization: Bearer "+fromClient+"\r\nX-Windhover-Key: "+inFile+"\r\nContent-Length: 21\r\n\r\n{\"a\":\""+fromClient+"\"}"))
		explained, err := g.snapshot.Load().Explain("POST", path)
		text, _ := json.Marshal(explained)
		shown.Write(text)
		if err != nil {
			shown.WriteString(err.Error())
		}
	}
	if err := g.Reload(); err == nil {
		t.Error("Reload of a broken file = nil, want an error")
	} else {
		shown.WriteString(err.Error())
	}
	admin := g.Admin(AdminOptions{Token: config.NewSecret("canary-admin")})
	for _, target := range []string{"/config", "/-/reload", "/nothing"} {
		r := httptest.NewRequest("GET", target, nil)
		r.Host = "localhost"
		r.Header.Set("Authorization", "Bearer canary-admin")
		w := httptest.NewRecorder()
		admin.ServeHTTP(w, r)
		shown.WriteString(w.Body.String())
	}
	eventually(t, "every exchange ends", func() bool { return g.Open() == 0 })
	for _, rec := range g.records.all {
		text, err := json.Marshal(rec)
		if err != nil {
			t.Fatal(err)
		}
		shown.Write(text)
	}
	shown.WriteString(g.log.String())
	if i := strings.Index(shown.String(), "canary"); i >= 0 {
		t.Errorf("a secret shows: …%s…", shown.String()[max(0, i-300):min(len(shown.String()), i+100)])
	}
	if sent := strings.Join(closed.received(), ""); !strings.Contains(sent, inEnv) || !strings.Contains(sent, inFile) || !strings.Contains(sent, "/canary-path/v1?") || !strings.Contains(sent, "key=canary-query%26") || strings.Contains(sent, "Bearer "+fromClient) {
		t.Errorf("upstream saw %q", sent)
	}
}

func TestProviderNamesMatchWithoutCase(t *testing.T) {
	t.Parallel()
	up := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	g := start(t, leadingTo(up.addr))
	for _, name := range []string{"up", "UP", "Up", "uP"} {
		if res := g.ask(t, "GET /"+name+"/V1 HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n"); res.status() != "200" || up.lastRequest(t).line != "GET /V1 HTTP/1.1" {
			t.Errorf("%s: %s, upstream saw %q", name, res.line, up.lastRequest(t).line)
		}
	}
	for _, rec := range g.wait(t, 4) {
		if rec.Provider != "up" {
			t.Errorf("record of %s: provider %q, want up", rec.Path, rec.Provider)
		}
	}
}

func TestRoutesAreTriedInOrder(t *testing.T) {
	t.Parallel()
	g, sent := startWithoutNetwork(t, `version: 1
providers:
  up:
    routes:
      - {path: /v1/files/*, upstream: 'https://files.example'}
      - {path: '/{version:v1|v2}/*', upstream: 'https://{version}.example'}
      - {path: /v1/models/*, upstream: 'https://never.example'}
      - {path: /, upstream: 'https://root.example'}
      - {path: '/{a}-{b}', upstream: 'https://{a}.{b}.example'}
`)
	for path, want := range map[string]string{
		"/v1/files/a": "files.example:443", "/v1/files/": "files.example:443", "/v1/files": "v1.example:443", "/v1/models/x": "v1.example:443", "/v2/": "v2.example:443",
		"/": "root.example:443", "/x-y": "x.y.example:443", "/v3/a": "", "/x-y/": "", "/v1": "", "//": "", "//a": "", "/x-": "", "": "",
	} {
		res := g.ask(t, "GET /up"+path+" HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
		left := strings.Join(sent.taken(), " ")
		if left != want || (want == "") != strings.HasPrefix(res.status(), "4") {
			t.Errorf("%s leads to %q, want %q: %s %s", path, left, want, res.line, res.body)
		}
	}
}

// chi lets an empty segment pass for a variable. It is one only where no other route takes it.
func TestEmptyVariableIsTheLastChoice(t *testing.T) {
	t.Parallel()
	g, sent := startWithoutNetwork(t, `version: 1
providers:
  open: {routes: [{path: '/{region:us|eu}/*', upstream: 'https://{region}.example'}, {path: /*, upstream: 'https://all.example'}]}
  closed: {path: '/{region:us|eu}/{model}/*', upstream: 'https://{region}.example/{model}'}
`)
	res := g.ask(t, "GET /open//v1 HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
	if left := sent.taken(); !slices.Equal(left, []string{"all.example:443"}) {
		t.Errorf("/open//v1 leads to %q: %s %s", left, res.line, res.body)
	}
	for path, want := range map[string]string{
		"/closed//m/v1":    `region is \"\" in this path; it needs a value`,
		"/closed/us//v1":   `model is \"\" in this path; it needs a value`,
		"/closed/us/%zz/v": "",
	} {
		res := g.ask(t, "GET "+path+" HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
		if res.status() != "400" || !strings.Contains(res.body, want) {
			t.Errorf("%s: %s %s, want %s", path, res.line, res.body, want)
		}
	}
	if left := sent.taken(); len(left) > 0 {
		t.Errorf("these left: %q", left)
	}
}

func TestPatternSpansAreReadable(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"":                             "",
		"/a/b":                         "/a/b",
		"/{a}/{b:v1|v2}/{c:[a-z]{2}}x": "/[{a}]/[{v1|v2}]/[{c}]x",
	} {
		var got strings.Builder
		for _, s := range patternSpans(pattern) {
			if s.Variable {
				s.Text = "[" + s.Text + "]"
			}
			got.WriteString(s.Text)
		}
		if got.String() != want {
			t.Errorf("spans of %q = %q, want %q", pattern, got.String(), want)
		}
	}
	if all := spans("x", strings.Clone); !slices.Equal(all, []span{{Text: "x"}}) {
		t.Errorf("spans of x = %v", all)
	}
}
