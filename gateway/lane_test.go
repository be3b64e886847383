package gateway

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"slices"
	"strings"
	"testing"

	"windhover/config"
)

// canaryIn is a value that tells which carrier it came in.
func canaryIn(carrier string) string {
	return "canary-" + strings.NewReplacer("?", "query-").Replace(strings.ToLower(carrier))
}

// withAllCarriers is a request for a path that carries a credential in everything that the snapshot knows, and a trailer of each header.
func withAllCarriers(s *Snapshot, path string) string {
	var query []string
	for _, name := range slices.Sorted(maps.Keys(s.carriers.query)) {
		query = append(query, name+"="+canaryIn("?"+name))
	}
	names := slices.Sorted(maps.Keys(s.carriers.headers))
	var header, trailer strings.Builder
	for _, name := range names {
		fmt.Fprintf(&header, "%s: %s\r\n", name, canaryIn(name))
		fmt.Fprintf(&trailer, "%s: %s-trailer\r\n", name, canaryIn(name))
	}
	return "POST " + path + "?a=b&" + strings.Join(query, "&") + "&c=%7e HTTP/1.1\r\nHost: g\r\nConnection: close\r\n" + header.String() +
		"Proxy-Authorization: Basic canary-proxy\r\nTransfer-Encoding: chunked\r\nTrailer: " + strings.Join(names, ", ") + "\r\n\r\n2\r\n{}\r\n0\r\n" + trailer.String() + "\r\n"
}

// leadHere makes every route of the gateway end at one address, whatever its host.
func (s *started) leadHere(t testing.TB, addr string) {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		return newUpstreamConn(c), err
	}}
	t.Cleanup(transport.CloseIdleConnections)
	for _, p := range s.snapshot.Load().providers {
		for _, r := range p.routes {
			r.transport, r.upstream.scheme = transport, "http"
		}
	}
}

// A client sends what every provider could want at once; each gets its own.
func TestShippedProviderGetsItsOwnCredentialsAlone(t *testing.T) {
	t.Parallel()
	up := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	g := startWith(t, "version: 1\nextends: builtin\n", Options{})
	g.leadHere(t, up.addr)
	s := g.snapshot.Load()
	for _, name := range s.names {
		p := s.providers[name]
		if len(p.auth) == 0 {
			t.Errorf("%s names no auth", name)
			continue
		}
		path := templated{p.routes[0], p, "/" + name + strings.TrimSuffix(p.routes[0].pattern, "*") + "v1/x"}.fill("", "")
		if answer := g.talk(t, withAllCarriers(s, path)); !strings.HasPrefix(answer, "HTTP/1.1 200") {
			t.Errorf("%s answers %q", path, answer)
			continue
		}
		raw := up.received()[len(up.received())-1]
		var want []string
		for _, carrier := range p.auth {
			want = append(want, canaryIn(carrier))
		}
		if got := canariesIn(raw); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
			t.Errorf("%s gets %q, want %q", name, got, want)
		}
		if !strings.Contains(raw, "?a=b&") || !strings.Contains(raw, "c=%7e ") {
			t.Errorf("%s gets another query than was sent: %q", name, raw)
		}
	}
}

// canariesIn are the credentials that a request carries, each once.
func canariesIn(raw string) []string {
	var found []string
	for _, word := range strings.FieldsFunc(raw, func(r rune) bool { return strings.ContainsRune(" \r\n&=,;", r) }) {
		if word = strings.TrimSuffix(word, "-trailer"); strings.HasPrefix(word, "canary") {
			found = append(found, word)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func TestProviderWithoutAuthGetsWhatWasSent(t *testing.T) {
	t.Parallel()
	up := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	g := start(t, leadingTo(up.addr)+"  other: {upstream: 'http://"+up.addr+"', auth: [x-other], access: {tokens: t, header: X-Team}}\n")
	s := g.snapshot.Load()
	g.talk(t, withAllCarriers(s, "/up/v1"))
	own := canaryIn(config.DefaultAccessHeader) // the gateway's, whoever gets it
	got := slices.DeleteFunc(canariesIn(up.received()[0]), func(c string) bool { return c == own })
	if want := len(s.carriers.headers) + len(s.carriers.query) - 1; len(got) != want {
		t.Errorf("up gets %d carriers, want %d: %q", len(got), want, got)
	}
}

// What one provider of the file takes as a credential is none of another's business, known or not.
func TestLanesKnowTheFilesOwnCarriers(t *testing.T) {
	t.Parallel()
	up := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	g := start(t, "version: 1\nproviders:\n"+
		"  odd: {upstream: 'http://"+up.addr+"', auth: [x-odd, ?odd]}\n"+
		"  closed: {upstream: 'http://"+up.addr+"', auth: off, request: {headers: {set: {X-Api-Key: own}}, query: {set: {key: own}}}}\n"+
		"  guarded: {upstream: 'http://"+up.addr+"', auth: authorization, access: {tokens: letmein, header: X-Team}}\n")
	for path, want := range map[string]struct{ target, header string }{
		"/odd/":     {"/?odd=1&x=2", "X-Odd: 1\r\nX-Rest: 1\r\n"},
		"/closed/":  {"/?x=2&key=own", "X-Api-Key: own\r\nX-Rest: 1\r\n"},
		"/guarded/": {"/?x=2", "Authorization: a\r\nX-Rest: 1\r\n"},
	} {
		g.talk(t, "GET "+path+"?odd=1&%6Bey=k&KEY=k&x=2 HTTP/1.1\r\nHost: g\r\nConnection: close\r\nX-Odd: 1\r\nX-Team: letmein\r\nX-Rest: 1\r\nx-api-key: k\r\nAuthorization: a\r\nCookie: c=d\r\n\r\n")
		requests := up.received()
		if got, want := requests[len(requests)-1], "GET "+want.target+" HTTP/1.1\r\nHost: "+up.addr+"\r\n"+want.header+"\r\n"; got != want {
			t.Errorf("%s: upstream sees\n%q, want\n%q", path, got, want)
		}
	}
}

func TestConnectionThatNamesACredentialIsRefused(t *testing.T) {
	t.Parallel()
	up := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	g := start(t, leadingTo(up.addr, onUp("auth: x-api-key")))
	for _, header := range []string{"Connection: close, X-Api-Key", "connection: close\r\nconnection: authorization", "Connection: close,  COOKIE "} {
		answer := g.ask(t, "GET /up/v1 HTTP/1.1\r\nHost: g\r\n"+header+"\r\nX-Api-Key: k\r\nAuthorization: a\r\n\r\n")
		if answer.status() != "400" || answer.value("x-windhover-error") != "bad_connection" {
			t.Errorf("%q: %s %s", header, answer.line, answer.body)
		}
	}
	if n := len(up.received()); n > 0 {
		t.Errorf("%d requests left", n)
	}
	want := "Connection names X-Api-Key, which is for the provider and no option of a connection (RFC 9110, section 7.6.1)"
	if refused := knownCarriers().misplaced(http.Header{"Connection": {"x-api-key"}}); refused == nil || refused.message != want {
		t.Errorf("misplaced = %v, want %s", refused, want)
	}
}

// A header of the file's own cannot be taken off by a client either.
func TestConnectionTakesNothingOffThatTheFileSets(t *testing.T) {
	t.Parallel()
	up := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	g := start(t, leadingTo(up.addr, onUp("request: {headers: {set: {X-Lab: own}}}")))
	g.talk(t, "GET /up/v1 HTTP/1.1\r\nHost: g\r\nConnection: close, X-Lab\r\nX-Lab: theirs\r\n\r\n")
	if got := up.lastRequest(t).value("x-lab"); got != "own" {
		t.Errorf("upstream sees X-Lab %q, want own", got)
	}
}

func TestAuthOffStandsAlone(t *testing.T) {
	t.Parallel()
	_, err := Compile(load(t, leadingTo("api.acme.test", onUp("auth: [authorization, off]"))), CompileOptions{})
	if want := "providers.up.auth[1]: off stands beside others; write it alone, or leave it out"; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("Compile = %v, want %s", err, want)
	}
}

// The manual lists the carriers that are known.
func TestKnownCarriersAreInTheManual(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/credentials.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "<!-- carriers -->\n")
	got, _, _ := strings.Cut(rest, "<!-- /carriers -->")
	known := knownCarriers()
	headers := slices.Sorted(maps.Keys(known.headers))
	query := slices.Sorted(maps.Keys(known.query))
	want := "\n- headers: `" + strings.Join(headers, "`, `") + "`\n- query parameters: `" + strings.Join(query, "`, `") + "`\n\n"
	if got != want {
		t.Errorf("docs/credentials.md lists\n%swant\n%s", got, want)
	}
	for name := range known.headers {
		if name != textproto.CanonicalMIMEHeaderKey(name) {
			t.Errorf("%s is not in canonical form", name)
		}
	}
}

// FuzzLane holds that no spelling of a query hands another provider's key on, and that the rest stays as it was.
func FuzzLane(f *testing.F) {
	for _, query := range []string{"key=a", "a=b&%6b%65y=c", "KEY", "a&&key=&b", "k%ey=1", "=key", "key;a=b&token", "%", "a=key=b"} {
		f.Add(query)
	}
	w := rewrite{foreign: knownCarriers()}
	f.Fuzz(func(t *testing.T, query string) {
		got, err := w.query(target{query: query, asks: true}, nil)
		if err != nil {
			t.Fatal(err)
		}
		kept := []string{}
		for pair := range strings.SplitSeq(query, "&") {
			if !w.dropsPair(pair) {
				kept = append(kept, pair)
			}
		}
		if got.query != strings.Join(kept, "&") {
			t.Errorf("%q becomes %q, want %q", query, got.query, strings.Join(kept, "&"))
		}
		if r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET /?" + got.query + " HTTP/1.1\r\nHost: g\r\n\r\n"))); err == nil {
			for name := range r.URL.Query() {
				if w.foreign.query[strings.ToLower(name)] {
					t.Errorf("%q lets %q through", query, name)
				}
			}
		}
	})
}

// FuzzRequestHeader holds that whatever header a client sends, what goes upstream has no credential of another provider, nothing that
// belongs to one connection, and what the file sets.
func FuzzRequestHeader(f *testing.F) {
	for _, block := range []string{"X-Api-Key: a\r\nauthorization: b\r\n", "Connection: X-Own, close\r\nX-Own: theirs\r\n", "cookie: a\r\nCOOKIE: b\r\nTe: trailers, gzip\r\n", "X_Api_Key: a\r\nTransfer-Encoding: chunked\r\n", "Via: x\r\nX-Forwarded-For: y\r\n"} {
		f.Add(block)
	}
	s, err := Compile(load(f, leadingTo("up.example", onUp("auth: authorization", "request: {headers: {remove: [Via, X-Forwarded-*], set: {X-Own: ours}}}"))), CompileOptions{})
	if err != nil {
		f.Fatal(err)
	}
	w := &s.providers["up"].request
	f.Fuzz(func(t *testing.T, block string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET / HTTP/1.1\r\nHost: g\r\n" + block + "\r\n")))
		if err != nil {
			return
		}
		out, err := w.requestHeader(r.Header, new(scope))
		if err != nil {
			t.Fatal(err)
		}
		for name, values := range out {
			if w.foreign.headers[name] || hopByHop(name) && name != "Te" || name == "Via" || strings.HasPrefix(name, "X-Forwarded-") {
				t.Errorf("%q lets %s: %q through", block, name, values)
			}
		}
		if !slices.Equal(out["X-Own"], []string{"ours"}) {
			t.Errorf("%q makes X-Own %q, want what the file sets", block, out["X-Own"])
		}
	})
}
