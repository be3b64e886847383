package gateway

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// difference is one way in which what arrives is not what was sent. What HTTP or net/http does not keep is written down
// here, in docs/transparency.md with the same words, and nowhere else; everything else is a bug.
type difference struct {
	what, why string

	request, upstream string // what a client sends, and what the upstream sees of it
	answer, client    string // what the upstream sends, and what the client sees of it
}

func differences() []difference {
	const get = "GET /up/v1 HTTP/1.1\r\nHost: g\r\nConnection: close\r\n"
	const post = "POST /up/v1 HTTP/1.1\r\nHost: g\r\nConnection: close\r\n"
	const seen = " /v1 HTTP/1.1\r\nHost: UPSTREAM\r\n"
	return []difference{
		{
			what:    "The case of header names.",
			why:     "HTTP/2 has lower case alone, and `net/http` writes the usual form.",
			request: get + "x-api-key: a\r\nANTHROPIC-BETA: b\r\n\r\n", upstream: "GET" + seen + "Anthropic-Beta: b\r\nX-Api-Key: a\r\n\r\n",
			answer: "HTTP/1.1 200 OK\r\nx-request-id: a\r\nContent-Length: 0\r\n\r\n", client: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Request-Id: a\r\n\r\n",
		},
		{
			what:    "The order of different header names.",
			why:     "It means nothing (RFC 9110, section 5.3). Values of the same name keep theirs.",
			request: get + "B: 2\r\nA: 1\r\nB: 1\r\n\r\n", upstream: "GET" + seen + "A: 1\r\nB: 2\r\nB: 1\r\n\r\n",
			answer: "HTTP/1.1 200 OK\r\nX-B: 2\r\nX-A: 1\r\nX-B: 1\r\nContent-Length: 0\r\n\r\n", client: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-A: 1\r\nX-B: 2\r\nX-B: 1\r\n\r\n",
		},
		{
			what:    "Blanks around a header's value, and line breaks in it.",
			why:     "They are no part of it (RFC 9112, section 5).",
			request: get + "A:  1 \t \r\nB: 1\r\n  2\r\n\r\n", upstream: "GET" + seen + "A: 1\r\nB: 1 2\r\n\r\n",
			answer: "HTTP/1.1 200 OK\r\nX-A:   1  \r\nX-B: 1\r\n\t2\r\nContent-Length: 0\r\n\r\n", client: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-A: 1\r\nX-B: 1 2\r\n\r\n",
		},
		{
			what:    "Headers that belong to one connection.",
			why:     "`Connection` and what it lists, `Keep-Alive`, `Proxy-Authenticate`, `Proxy-Authorization`, `Proxy-Connection`, `Trailer`, `Transfer-Encoding`, `Upgrade`, and of `TE` all but `trailers` (RFC 9110, section 7.6.1).",
			request: "GET /up/v1 HTTP/1.1\r\nHost: g\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: Basic eA==\r\nTE: trailers, gzip;q=0.5\r\n\r\n", upstream: "GET" + seen + "Te: trailers\r\n\r\n",
			answer: "HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\nTrailer: A\r\nContent-Length: 0\r\n\r\n", client: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		},
		{
			what:    "Chunks.",
			why:     "Their sizes and extensions belong to one connection (RFC 9112, section 7.1). What was read at once is written at once.",
			request: post + "Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0;c=d\r\n\r\n", upstream: "POST" + seen + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
			answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0;c=d\r\n\r\n", client: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
		},
		{
			what:    "The version of HTTP.",
			why:     "Each side has its own. A client of HTTP/1.0 gets no trailers and no informational answers, and a body of unknown length ends with its connection.",
			request: "GET /up/v1 HTTP/1.0\r\nA: 1\r\n\r\n", upstream: "GET" + seen + "A: 1\r\n\r\n",
			answer: "HTTP/1.1 103 Early Hints\r\nA: 1\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: 1\r\n\r\n", client: "HTTP/1.0 200 OK\r\n\r\nok",
		},
		{
			what:    "More than one length.",
			why:     "Of several equal values of `Content-Length` one is kept, beside chunks none (RFC 9112, section 6.3). Different values are refused.",
			request: post + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nok", upstream: "POST" + seen + "Content-Length: 2\r\n\r\nok",
			answer: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", client: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
		},
		{
			what: "Cookies of a client that speaks HTTP/2.",
			why:  "Several `Cookie` headers become one, joined by `; `: HTTP/2 splits and joins them as it likes (RFC 9113, section 8.2.3).",
		},
		{
			what:    "In a request: the host.",
			why:     "`Host` is the upstream's, and a target in absolute form loses scheme and host, as a provider's own clients write it.",
			request: "GET http://g/up/v1?a HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n", upstream: "GET /v1?a HTTP/1.1\r\nHost: UPSTREAM\r\n\r\n",
		},
		{
			what:    "In a request: trailers that no `Trailer` header announced.",
			why:     "`net/http` sends none unless one was announced.",
			request: post + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: 1\r\n\r\n", upstream: "POST" + seen + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
		},
		{
			what:     "In a request: `X-Windhover-…`.",
			why:      "Headers and trailers of such a name are between a client and the gateway: access tokens, labels. The file can set one for a gateway behind this one.",
			request:  post + "X-Windhover-Key: k\r\nx-windhover-label-team: a\r\nTrailer: A, X-Windhover-Label-B\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: 1\r\nX-Windhover-Label-B: 1\r\nX-Windhover-Label-C: 1\r\n\r\n",
			upstream: "POST" + seen + "Transfer-Encoding: chunked\r\nTrailer: A\r\n\r\n2\r\nok\r\n0\r\nA: 1\r\n\r\n",
		},
		{
			what:    "In a request: a second `User-Agent`, and an empty one.",
			why:     "`net/http` writes one, or none.",
			request: get + "User-Agent: a\r\nUser-Agent: b\r\n\r\n", upstream: "GET" + seen + "User-Agent: a\r\n\r\n",
		},
		{
			what:    "In a request: the length of a body that is not there.",
			why:     "`net/http` writes `Content-Length: 0` with `POST`, `PUT` and `PATCH` always, with `GET` and `HEAD` never, and with the rest as the client did.",
			request: get + "Content-Length: 0\r\n\r\n", upstream: "GET" + seen + "\r\n",
		},
		{
			what:   "In an answer: the reason phrase.",
			why:    "HTTP/2 has none, and `net/http` writes the usual one.",
			answer: "HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n", client: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		},
		{
			what:   "In an answer: `X-Windhover-Request-Id`.",
			why:    "It is added, in place of one that a gateway behind this one has set.",
			answer: "HTTP/1.1 200 OK\r\nX-Windhover-Request-Id: theirs\r\nContent-Length: 0\r\n\r\n", client: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		},
		{
			what:   "In an answer: the length and type of a body that cannot be there.",
			why:    "`net/http` writes no `Content-Length` with 204, and neither that nor `Content-Type` with 304.",
			answer: "HTTP/1.1 304 Not Modified\r\nContent-Type: a/b\r\nContent-Length: 9\r\nEtag: \"a\"\r\n\r\n", client: "HTTP/1.1 304 Not Modified\r\nEtag: \"a\"\r\n\r\n",
		},
		{
			what: "In an answer: how an empty body ends.",
			why:  "Where the provider gave no length, `net/http` may write `Content-Length: 0`.",
		},
		{
			what:   "In an answer: a header whose name holds a space.",
			why:    "`net/http` leaves it out: a name that ends in one has hidden headers from gateways before (RFC 9112, section 5.1).",
			answer: "HTTP/1.1 200 OK\r\nX A: 1\r\nX-B : 1\r\nContent-Length: 0\r\n\r\n", client: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		},
	}
}

var requestIDLine = regexp.MustCompile(`X-Windhover-Request-Id: [0-9a-f-]{36}\r\n`)

func TestNothingButTheNamedDifferencesIsMade(t *testing.T) {
	t.Parallel()
	for _, d := range differences() {
		t.Run(d.what, func(t *testing.T) {
			t.Parallel()
			answer, request := d.answer, d.request
			if answer == "" {
				answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
			}
			if request == "" {
				request = "GET /up/v1 HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n"
			}
			up := answeringOnce(t, answer)
			g := start(t, leadingTo(up.addr))
			got := requestIDLine.ReplaceAllString(g.talk(t, request), "")
			got = strings.Replace(got, "Connection: close\r\n", "", 1) // as this client asked
			if d.client != "" && got != d.client {
				t.Errorf("client sees\n%q, want\n%q", got, d.client)
			}
			if seen := up.received(); d.upstream != "" && !slices.Equal(seen, []string{strings.Replace(d.upstream, "UPSTREAM", up.addr, 1)}) {
				t.Errorf("upstream sees\n%q, want\n%q", seen, d.upstream)
			}
		})
	}
}

func TestCookiesOfHTTP2AreJoined(t *testing.T) {
	t.Parallel()
	up := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	g := start(t, leadingTo(up.addr))
	r, err := http.NewRequest("GET", g.url+"/up/v1", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header["Cookie"] = []string{"a=b; c=d", "e=f"}
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got, want := up.lastRequest(t).value("cookie"), "a=b; c=d; e=f"; got != want {
		t.Errorf("upstream sees Cookie %q, want %q", got, want)
	}
}

// What is no HTTP to net/http, or could hide something from who reads it otherwise, is refused whole.
func TestAnswerThatIsNoHTTPIsRefused(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{
		"HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n":                                   "up broke off before it answered: status 99 is none",
		"HTTP/1.1 000 Low\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n":         "up broke off before it answered: status 0 is none",
		"HTTP/1.1 1000 High\r\nContent-Length: 0\r\n\r\n":                                 `up broke off before it answered: net/http: HTTP/1.x transport connection broken: malformed HTTP status code "1000"`,
		"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 0\r\n\r\n":                       `up broke off before it answered: net/http: HTTP/1.x transport connection broken: malformed MIME header line: "X: a\x00b"`,
		"HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 0\r\n\r\n":                        `up broke off before it answered: net/http: HTTP/1.x transport connection broken: malformed MIME header: missing colon: "no colon"`,
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok":             `up broke off before it answered: net/http: HTTP/1.x transport connection broken: http: message cannot contain multiple Content-Length headers; got ["2" "3"]`,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n": `up broke off before it answered: net/http: HTTP/1.x transport connection broken: unsupported transfer encoding: "gzip, chunked"`,
		"SSH-2.0-OpenSSH_9.9\r\n":                                                         `up broke off before it answered: net/http: HTTP/1.x transport connection broken: malformed HTTP response "SSH-2.0-OpenSSH_9.9"`,
	} {
		up := answeringOnce(t, answer)
		g := start(t, leadingTo(up.addr))
		res := g.ask(t, "GET /up/v1 HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
		if body := failureBody("upstream_error", "upstream_error", want); res.status() != "502" || res.body != body {
			t.Errorf("%q: %s\n%s want 502\n%s", answer, res.line, res.body, body)
		}
		if res.value("content-encoding") != "" || res.value("x-windhover-error") != "upstream_error" || res.value("x-windhover-request-id") == "" {
			t.Errorf("%q: header %q", answer, res.fields)
		}
		if rec := g.one(t); rec.End != "upstream_error" || rec.Status != 502 || rec.Error != "upstream_error" {
			t.Errorf("%q: end %s, status %d, error %s", answer, rec.End, rec.Status, rec.Error)
		}
	}
}

// The manual names the same differences in the same words.
func TestDifferencesAreInTheManual(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/transparency.md")
	if err != nil {
		t.Fatal(err)
	}
	var named, want []string
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "- **") {
			named = append(named, strings.TrimSpace(line))
		}
	}
	for _, d := range differences() {
		want = append(want, "- **"+d.what+"** "+d.why)
	}
	if !slices.Equal(named, want) {
		t.Errorf("docs/transparency.md lists\n%s\nwant\n%s", strings.Join(named, "\n"), strings.Join(want, "\n"))
	}
}
