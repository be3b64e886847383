package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// canaries are secrets that tell where they came from. None may be found where people look.
type canaries struct{ all []string }

func (c *canaries) new(place string) string {
	value := fmt.Sprintf("canary+%02d/%s", len(c.all), place)
	c.all = append(c.all, value)
	return value
}

// plain is one of letters alone, for where others would have to be escaped.
func (c *canaries) plain(place string) string {
	value := fmt.Sprintf("canary-%02d-%s", len(c.all), place)
	c.all = append(c.all, value)
	return value
}

// in are those that stand in a text, in any spelling that an address, a message or Basic credentials give them.
func (c *canaries) in(text string) []string {
	var found []string
	for _, value := range c.all {
		for _, spelling := range []string{value, url.QueryEscape(value), url.PathEscape(value), base64.StdEncoding.EncodeToString([]byte("user:" + value))} {
			if strings.Contains(text, spelling) {
				found = append(found, value)
			}
		}
	}
	if found == nil {
		found = regexp.MustCompile(`.{0,40}canary(\+|-|%2B)[0-9].{0,40}`).FindAllString(text, 3) // in a spelling that was not thought of
	}
	return found
}

// request is a raw one with a secret in everything that can carry one.
func (c *canaries) request(method, target, body string, carriers []string) string {
	var b strings.Builder
	separator := "?"
	if strings.Contains(target, "?") {
		separator = "&"
	}
	fmt.Fprintf(&b, "%s http://user:%s@g%s%skey=%s&api_key=%s HTTP/1.1\r\nHost: g\r\nConnection: close\r\n",
		method, url.QueryEscape(c.new("userinfo")), target, separator, url.QueryEscape(c.new("query-key")), c.new("query-api-key"))
	for _, name := range carriers {
		fmt.Fprintf(&b, "%s: %s\r\n", name, c.new(name))
	}
	fmt.Fprintf(&b, "Authorization: Bearer %s\r\nProxy-Authorization: Basic %s\r\n", c.new("authorization"), base64.StdEncoding.EncodeToString([]byte("user:"+c.new("proxy-authorization"))))
	if strings.HasPrefix(body, "-") {
		body = "Transfer-Encoding: chunked\r\n\r\n" + body[1:]
	} else {
		body = fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
	}
	return b.String() + body
}

// echoing repeats what it was sent in every place where an upstream can say something, and breaks in every way.
func echoing(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		sent := r.RequestURI
		for name, values := range r.Header {
			sent += "; " + name + ": " + strings.Join(values, ", ")
		}
		raw := func(answer string) {
			if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_, _ = io.WriteString(c, answer)
				c.Close()
			}
		}
		switch kind := r.URL.Path[strings.LastIndex(r.URL.Path, "/"):]; kind {
		case "/body":
			w.Header().Set("X-Echo", sent)
			w.Header().Set("Location", "http://elsewhere/?"+sent)
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"error":{"message":%q}}`, "no such key: "+sent)
		case "/status":
			raw("HTTP/1.1 " + sent + "\r\n\r\n")
		case "/proto":
			raw(sent + "\r\n\r\n")
		case "/header":
			raw("HTTP/1.1 200 OK\r\n" + sent + " \x00\r\n\r\n")
		case "/length":
			raw("HTTP/1.1 200 OK\r\nContent-Length: " + sent + "\r\n\r\n")
		case "/coding":
			raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: " + sent + "\r\n\r\n")
		case "/chunk":
			raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + sent + "\r\n")
		case "/trailer":
			raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Echo: " + sent + "\r\n\r\n")
		case "/more":
			raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}" + sent)
		case "/cut":
			raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + sent[:10])
		case "/close":
			raw("")
		case "/hang":
			<-r.Context().Done()
		case "/stall":
			_, _ = io.WriteString(w, "data: "+sent+"\n\n")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		default:
			_, _ = io.WriteString(w, sseAnswer)
		}
	}))
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server
}

// rudeProxy answers CONNECT with what it was sent.
func rudeProxy(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		fmt.Fprintf(c, "HTTP/1.1 407 %s %s\r\n\r\n", r.Header.Get("Proxy-Authorization"), r.RequestURI)
		c.Close()
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func TestNoSecretIsFoundWherePeopleLook(t *testing.T) {
	t.Parallel()
	c := new(canaries)
	up, proxy, folder := echoing(t), rudeProxy(t), t.TempDir()
	secured := httptest.NewTLSServer(http.NotFoundHandler()) // whose certificate nobody knows
	t.Cleanup(secured.Close)
	secured.Config.ErrorLog = nil

	adminToken := c.new("admin-token")
	writeFile(t, filepath.Join(folder, "admin"), adminToken+"\n")
	writeFile(t, filepath.Join(folder, "key"), c.new("key-file")+"\n")
	token := c.new("access-token-file")
	writeFile(t, filepath.Join(folder, "token"), token+"\n")
	environ := []string{
		"CANARY_HEADER=" + c.new("header-env"), "CANARY_QUERY=" + c.new("query-env"), "CANARY_PATH=" + c.new("path-env"),
		"CANARY_PROXY=" + c.plain("proxy-password"), "CANARY_DEFAULT=" + c.new("default-env"), "CANARY_TOKEN=" + c.new("access-token-env"),
		"WINDHOVER_ADMIN_TOKEN=${file:" + filepath.Join(folder, "admin") + "}",
	}
	file := filepath.Join(folder, "providers.yaml")
	providers := "version: 1\ndefaults: {timeouts: {connect: 2s, response_header: 300ms, idle: 300ms, upload: 300ms}}\nproviders:\n" +
		"  up: {upstream: '" + up.URL + "/base'}\n" +
		"  own:\n    upstream: '" + up.URL + "/${CANARY_PATH}'\n    access: {tokens: ['${file:token}', '${CANARY_TOKEN}', '" + c.new("access-token-written") + "'], header: X-Team}\n" +
		"    request:\n      headers:\n        set: {X-Key: 'Bearer ${CANARY_HEADER}', X-Api-Key: '${file:key}', Authorization: '" + c.new("written-down") + "'}\n" +
		"        default: {X-Default-Key: '${CANARY_DEFAULT}', X-Fallback-Key: '${UNSET:-" + c.new("fallback") + "}'}\n      query: {set: {key: '${CANARY_QUERY}'}}\n" +
		"  limited: {upstream: '" + up.URL + "', limits: {requests: 1, body: 1KiB}}\n" +
		"  proxied: {upstream: 'https://api.acme.test', proxy: 'http://user:${CANARY_PROXY}@" + proxy + "'}\n" +
		"  socks: {upstream: 'https://api.acme.test', proxy: 'socks5://user:${CANARY_PROXY}@127.0.0.1:1'}\n" +
		"  refused: {upstream: 'http://127.0.0.1:1/${CANARY_PATH}'}\n  unknown: {upstream: 'http://nowhere.invalid/${CANARY_PATH}'}\n" +
		"  secured: {upstream: '" + secured.URL + "'}\n  meta: {upstream: 'http://169.254.169.254'}\n" +
		"  variable: {path: '/{host}/*', upstream: 'https://{host}.acme.test'}\n" +
		"  template: {upstream: '" + up.URL + "', request: {headers: {set: {X-A: \"{header('X-Api-Key') + query('key')}\"}}}}\n"
	writeFile(t, file, providers)

	g := &gatewayProcess{stdout: new(buffer), stderr: new(buffer), code: make(chan int, 1)}
	var ctx context.Context
	ctx, g.stop = context.WithCancel(t.Context())
	p := program{stdout: g.stdout, stderr: g.stderr, folder: folder, environ: environ}
	args := []string{"--listen=127.0.0.1:0", "--admin=127.0.0.1:0", "--metrics=127.0.0.1:0", "--log-level=debug", "--log-format=json", "--max-requests=50"}
	go func() { g.code <- p.run(ctx, args) }()
	t.Cleanup(func() { g.stop(); g.exit(t) })
	g.address = g.logged(t, `"the gateway is listening","address":"(\S+?)"`)
	g.admin = g.logged(t, `"the admin listener is open","address":"(\S+?)"`)

	carriers := []string{"X-Api-Key", "Api-Key", "X-Goog-Api-Key", "Xi-Api-Key", "Cookie", "X-Windhover-Key", "X-Amz-Security-Token", "Ocp-Apim-Subscription-Key"}
	var gatewayMade, theirs atomic.Int64
	talk := func(raw string) string {
		conn, err := net.Dial("tcp", g.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(conn, raw)
		answer, _ := io.ReadAll(conn)
		if bytes.Contains(answer, []byte("X-Windhover-Error: ")) {
			gatewayMade.Add(1)
			if found := c.in(string(answer)); found != nil {
				t.Errorf("%.80q is answered by the gateway with %q in\n%s", raw, found, answer)
			}
		} else if bytes.Contains(answer, []byte("canary")) {
			theirs.Add(1)
		}
		return string(answer)
	}
	for _, kind := range []string{"body", "status", "proto", "header", "length", "coding", "chunk", "trailer", "more", "cut", "close", "hang", "stall", "fine"} {
		talk(c.request("POST", "/up/"+kind, `{"model":"m","stream":true}`, carriers))
		talk(strings.Replace(c.request("POST", "/own/"+kind, "{}", carriers), "\r\n\r\n", "\r\nX-Team: "+token+"\r\n\r\n", 1))
	}
	for _, target := range []string{
		"/own/x", "/limited/fine", "/proxied/x", "/socks/x", "/refused/x", "/unknown/x", "/secured/x", "/meta/x", "/variable/a.b/x", "/template/fine", "/template/status",
		"/nobody/x", "/up", "/up/../x", "/up/%2e%2e/x", "/-/reload", "/config", "/",
	} {
		talk(c.request("GET", target, "", carriers))
	}
	talk(c.request("POST", "/limited/fine", strings.Repeat("x", 2<<10), carriers))
	talk(c.request("POST", "/limited/fine", "-800\r\n"+strings.Repeat("x", 2<<10)+"\r\n0\r\n\r\n", carriers))
	talk(c.request("POST", "/up/fine", "-5\r\nstall\r\n", carriers))
	talk(c.request("POST", "/up/fine", "-nonsense\r\n", carriers))
	talk(strings.Replace(c.request("GET", "/up/fine", "", carriers), "Connection: close", "Connection: close, X-Api-Key", 1))
	talk(strings.Replace(c.request("GET", "/up/fine", "", carriers), " HTTP/1.1", " HTTP/9.9", 1))
	talk("GET /up/" + c.new("path-of-a-broken-request") + "\x00 HTTP/1.1\r\nX: \r\n\r\n")
	talk("CONNECT " + strings.TrimPrefix(c.request("", "/up/fine", "", carriers), " "))
	if held, err := net.Dial("tcp", g.address); err == nil { // one finds the other
		defer held.Close()
		_, _ = io.WriteString(held, c.request("GET", "/limited/hang", "", carriers))
		talk(c.request("GET", "/limited/fine", "", carriers))
	}

	var pages bytes.Buffer
	visit := func(method, address, path, bearer string) {
		r, err := http.NewRequest(method, "http://"+address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+bearer)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		fmt.Fprintf(&pages, "== %s %s\n%s\n", method, r.URL.Path, response.Status)
		_ = response.Header.Write(&pages)
		_, _ = io.Copy(&pages, response.Body)
	}
	metricsAddress := g.logged(t, `"the metrics listener is open","address":"(\S+?)"`)
	everyPage := func() {
		for _, path := range []string{"/config", "/metrics", "/nothing", "/debug/pprof/", "/debug/pprof/goroutine?debug=2", "/debug/pprof/cmdline", "/-/ready"} {
			visit("GET", g.admin, path, adminToken)
		}
		visit("GET", g.admin, "/config", c.new("wrong-admin-token"))
		visit("POST", g.admin, "/-/reload", adminToken)
		visit("GET", metricsAddress, "/metrics", "")
		for _, path := range []string{"/", "/providers", "/health", "/-/ready", "/?key=" + url.QueryEscape(c.new("page-query"))} {
			visit("GET", g.address, path, c.new("page"))
		}
	}
	everyPage()
	for _, broken := range []string{
		strings.Replace(providers, "upstream: 'http://nowhere", "upstraem: 'http://nowhere", 1),
		strings.Replace(providers, "${CANARY_DEFAULT}", "${CANARY_MISSING}", 1),
		strings.Replace(providers, "socks5://user", "gopher://user", 1),
		strings.Replace(providers, "https://{host}.acme.test", "https://{host}.acme.test?${CANARY_PATH}", 1),
		strings.Replace(providers, "https://api.acme.test", "https://${CANARY_HEADER}", 1),
		"version: 1\nproviders: [" + c.new("not-yaml"),
	} {
		writeFile(t, file, broken)
		visit("POST", g.admin, "/-/reload", adminToken)
		everyPage()
		got := program{stdout: &pagesWriter{&pages}, stderr: &pagesWriter{&pages}, folder: folder, environ: environ}.run(t.Context(), []string{"check", file})
		if got == exitOK {
			t.Errorf("check finds nothing in\n%s", broken)
		}
	}
	writeFile(t, file, providers)
	visit("POST", g.admin, "/-/reload", adminToken)
	for _, args := range [][]string{{"explain", "POST", "/own/v1"}, {"explain", "POST", "/refused/v1"}, {"explain", "GET", "/proxied/v1"}, {"check", file}} {
		program{stdout: &pagesWriter{&pages}, stderr: &pagesWriter{&pages}, folder: folder, environ: environ}.run(t.Context(), args)
	}
	g.stop()
	g.exit(t)

	for place, text := range map[string]string{"the log": g.stderr.String(), "the records": g.stdout.String(), "the pages": pages.String()} {
		if found := c.in(text); found != nil {
			at := regexp.MustCompile(`.{0,200}canary(\+|-|%2B)[0-9].{0,60}`).FindString(text)
			t.Errorf("%s holds %q:\n%s", place, found, at)
		}
		if len(text) < 1000 {
			t.Errorf("%s is only %q", place, text)
		}
	}
	if gatewayMade.Load() < 25 || theirs.Load() < 5 {
		t.Errorf("%d errors were the gateway's own, want 25 at least; %d answers of upstreams repeat a secret, want 5 at least: what they say to a client is not ours to change", gatewayMade.Load(), theirs.Load())
	}
	t.Logf("%d secrets, %d errors of the gateway's own, %d answers that repeat a secret", len(c.all), gatewayMade.Load(), theirs.Load())
}

// pagesWriter lets a command print to where the pages are kept.
type pagesWriter struct{ to *bytes.Buffer }

func (w *pagesWriter) Write(p []byte) (int, error) { return w.to.Write(p) }
