package gateway

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// oddTargets are what follows a provider's name: every one has to reach the upstream as it is.
var oddTargets = []string{
	// Paths as the providers have them.
	"/", "/v1/chat/completions", "/v1/models/gpt-5", "/v1/models/gpt-5/", "/v1beta/models/gemini-3-pro:generateContent",
	"/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse", "/model/anthropic.claude-v2%3A1/invoke", "/model/anthropic.claude-v2:1/invoke",
	"/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.anthropic.claude/converse",
	"/models/meta-llama%2FLlama-3-8B", "/models/claude@20250929:rawPredict", "/v1/files/file-abc/content", "/v2/predictions/a_b-c.d~e",
	// Slashes.
	"//", "///", "//v1/chat", "/v1//chat", "/v1///chat//", "/v1/chat/", "/v1/chat//", "/%2F", "/%2f", "/a%2Fb%2fc", "/%2F%2F", "/a/%2F/b", "/%2Fetc%2Fpasswd",
	// Escapes that need not be, and characters that package url would escape.
	"/%61%62%63", "/%7Etilde", "/%7etilde", "/%41", "/%2D%2E%5F", "/a%20b", "/a+b", "/a%2Bb", "/%3A", "/a:b", "/%40", "/a@b", "/%26", "/a&b", "/%3D", "/a=b",
	"/%24", "/a$b", "/%2C", "/a,b", "/%3B", "/a;b", "/a;b=c;d=e", "/;", "/;/;", "/%21", "/!", "/%27", "/'", "/%28%29", "/()", "/%2A", "/*", "/**/*",
	"/|", "/a|b|c", "/%7C", "/a|b%2Fc", "/^", "/%5E", "/`", "/%60", "/{a}", "/%7Ba%7D", "/{", "/}", "/[a]", "/%5Ba%5D", "/[", "/\"a\"", "/%22", "/<a>", "/%3Ca%3E",
	"/a\\b", "/a%5Cb", "/%5c", "/a#b", "/#", "/%23", "/a%3Fb", "/%3f", "/%25", "/%2525", "/%252F", "/%252e%252e", "/%00", "/a%00b", "/%0A", "/%0D%0AHost:%20evil", "/%09", "/%7F",
	// Letters beyond ASCII, raw and escaped, valid and not.
	"/é", "/%C3%A9", "/%c3%a9", "/caf\xe9", "/%E9", "/你好", "/%E4%BD%A0", "/\xff\xfe", "/%FF%fe", "/\u3002\u3002", "/\u2024", "/😀", "/e\u0301", "/\u200b", "/\u00a0",
	// Dots that are names.
	"/...", "/..a", "/a..", "/.a", "/a.", "/.well-known/x", "/a/.../b", "/%2e%2e%2e", "/..%00", "/.%20.",
	// Things that look like something else.
	"/http://evil.example/", "/https:%2F%2Fevil.example", "/@evil.example/", "/up/v1", "/providers", "/health", "/-/ready", "/v1/../x"[:4], "/?", "/??", "/???",
	// Queries.
	"?", "/v1?", "/v1?a", "/v1?a=", "/v1?=", "/v1?=b", "/v1?&", "/v1?&&", "/v1?a=b&", "/v1?&a=b", "/v1?a=b&&c=d", "/v1?b=2&a=1&b=1&a=2", "/v1?z=1&y=2&x=3", "/v1?a=1&A=2",
	"/v1?a=b;c=d", "/v1?;", "/v1?a;b", "/v1?%zz", "/v1?a=%", "/v1?a=%zz&b=%2", "/v1?%=%", "/v1?a=%2F", "/v1?a=/", "/v1?a=//b", "/v1?a=b?c=d", "/v1?a=b#c", "/v1?a=+", "/v1?a=%20", "/v1?a+b=c+d",
	"/v1?a=%2B", "/v1?a=|", "/v1?a=%7C", "/v1?a=[1]&a[]=2", "/v1?a={b}", "/v1?a=\"b\"", "/v1?a='b'", "/v1?a=<b>", "/v1?a=`", "/v1?a=\\", "/v1?a=^", "/v1?é=ü", "/v1?a=\xff", "/v1?a=%FF",
	"/v1?a=😀", "/v1?key=AIzaSy%2D_x&alt=sse", "/v1?api-version=2024-10-21", "/v1?a==b", "/v1?a=b=c", "/v1?a=..", "/v1?../../x", "/v1?a=/../", "/v1?http://evil.example/", "/v1?a=%00", "/v1?a=%0d%0a", "/v1?@", "/v1?:", "/v1?a=$b!*'(),",
	"/a|b?c|d", "/a%2Fb?c%2Fd", "/é?é", "//?//", "/;?;", "/a\\b?c\\d",
}

func TestTargetArrivesAsItWasSent(t *testing.T) {
	t.Parallel()
	up := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	// The slash of the base keeps a path that begins with // from being the whole target.
	g := start(t, leadingTo(up.addr+"/base"))
	for _, target := range oddTargets {
		if strings.HasPrefix(target, "?") {
			target = "/" + target
		}
		for form, prefix := range map[string]string{"origin": "/up", "absolute": "http://gateway.example/up", "absolute https": "https://gateway.example:5501/up"} {
			res := g.ask(t, "GET "+prefix+target+" HTTP/1.1\r\nHost: gateway.example\r\nConnection: close\r\n\r\n")
			if res.status() != "200" {
				t.Errorf("%s form of %q: %s %s", form, target, res.line, res.body)
				continue
			}
			if got, want := up.lastRequest(t).line, "GET /base"+target+" HTTP/1.1"; got != want {
				t.Errorf("%s form: upstream saw %q, want %q", form, got, want)
			}
		}
	}
}

// What net/http can write only in another spelling is not sent at all.
func TestTargetThatCannotBeSentUnchangedIsRefused(t *testing.T) {
	t.Parallel()
	up := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	g := start(t, leadingTo(up.addr))
	for _, target := range []string{"//a|b", "//é", "///{}", "//a\\b"} {
		res := g.ask(t, "GET /up"+target+" HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
		if got, want := res.body, failureBody("bad_request", "bad_target", "the path begins with // and holds characters that cannot be sent unchanged"); res.status() != "400" || got != want {
			t.Errorf("%q: %s %q, want 400 %q", target, res.status(), got, want)
		}
	}
	if all := up.received(); len(all) > 0 {
		t.Errorf("these left the gateway: %q", all)
	}
}

// failureBody is the JSON of an error that the gateway makes.
func failureBody(kind, code, message string) string {
	return fmt.Sprintf(`{"error":{"message":%q,"type":"gateway_%s","code":%q}}`+"\n", message, kind, code)
}

func TestTargetThatIsNoHTTPNeverLeaves(t *testing.T) {
	t.Parallel()
	up := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	g := start(t, leadingTo(up.addr))
	for _, target := range []string{"/up/%", "/up/%zz", "/up/a b", "/up/\x01", "/up/\x7f", "up/v1", "*", "//up:%zz/"} {
		answer := g.talk(t, "GET "+target+" HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
		if !strings.HasPrefix(answer, "HTTP/1.1 4") {
			t.Errorf("%q: %q, want 4xx", target, answer)
		}
	}
	if all := up.received(); len(all) > 0 {
		t.Errorf("these left the gateway: %q", all)
	}
}

func TestMethodArrivesAsItWasSent(t *testing.T) {
	t.Parallel()
	up := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	g := start(t, leadingTo(up.addr))
	for _, method := range []string{
		"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "PROPFIND", "MKCOL", "REPORT", "LOCK", "SEARCH", "PURGE",
		"BREW", "get", "Post", "M-SEARCH", "X", "!#$%&'*+-.^_`|~09aZ", strings.Repeat("LONG", 64),
	} {
		res := g.ask(t, method+" /up/v1 HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
		if got, want := up.lastRequest(t).line, method+" /v1 HTTP/1.1"; got != want || res.status() != "200" {
			t.Errorf("upstream saw %q (%s), want %q", got, res.line, want)
		}
	}
}

// oddFields are valid in both directions. Several values of one name keep their order.
var oddFields = []string{
	"Accept: */*", "Accept: text/event-stream", "Accept: application/json;q=0.9",
	"Accept-Encoding: gzip, br", "Accept-Encoding: zstd",
	"Authorization: Bearer sk-abc", "X-Api-Key: k1", "Api-Key: k2", "X-Goog-Api-Key: k3", "Xi-Api-Key: k4", "Ocp-Apim-Subscription-Key: k5",
	"Cookie: a=b; c=d", "Cookie: e=f", "Set-Cookie: a=b; Path=/; HttpOnly", "Set-Cookie: c=d, e", "Set-Cookie: a=b; Path=/; HttpOnly",
	"Anthropic-Version: 2023-06-01", "Anthropic-Beta: a,b", "Anthropic-Beta: c", "Anthropic-Beta: a,b", "Openai-Organization: org", "Openai-Beta: realtime=v1",
	"X-Stainless-Lang: js", "Idempotency-Key: 1",
	"Retry-After: 7", "Retry-After-Ms: 7000", "X-Ratelimit-Remaining-Tokens: 0", "Request-Id: req_1", "X-Request-Id: req_2", "Cf-Ray: 8a-FRA", "Server: nginx", "Via: 1.1 google",
	"Alt-Svc: h3=\":443\"; ma=86400", "Strict-Transport-Security: max-age=1", "Access-Control-Allow-Origin: *", "Location: /v1/x?y#z", "Www-Authenticate: Bearer realm=\"x\"", "Link: </a>; rel=preload", "Link: </b>; rel=preload",
	"Content-Type: application/json; charset=\"utf-8\"", "Content-Language: de", "Content-Disposition: attachment; filename*=UTF-8''%e2%82%ac.txt", "Content-Md5: Q2hlY2s=", "Content-Range: bytes 0-1/2", "Digest: sha-256=x", "Etag: W/\"a\"",
	"Range: bytes=0-1", "If-None-Match: \"a\", \"b\"", "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT", "Cache-Control: no-store", "Pragma: no-cache", "Vary: *", "Origin: null", "Referer: http://x/?a=b", "Dnt: 1",
	"Date: Thu, 01 Jan 1970 00:00:00 GMT", "Last-Modified: never", "Age: -1", "Expires: 0", "Warning: 199 - \"x\"", "Allow: GET", "Max-Forwards: 3",
	"Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "Tracestate: a=b", "Baggage: a=b", "X-Amz-Date: 20260101T000000Z", "X-Amzn-Bedrock-Input-Token-Count: 12", "X-Forwarded-For: 1.2.3.4", "Forwarded: for=1.2.3.4", "X-Real-Ip: 1.2.3.4",
	"X-Empty: ", "X-Empty: ", "X-Order: 2", "X-Order: 1", "X-Order: 2", "X-Comma: a, b", "X-Comma: c,d", "X-Long: " + strings.Repeat("x", 8000), "X-Tab: a\tb", "X-Spaces: a   b",
	"X-Quoted: \"a\\\"b\"", "X-Json: {\"a\":[1,2]}", "X-Latin1: caf\xe9", "X-Utf8: é你好😀", "X-Percent: %0d%0a", "X-Semicolon: a;b;;", "X-Equals: ===", "X-Colon: a:b::c", "X-Comment: (a (b))",
	"X-Windhover-Error: from_afar", "X: one letter", "1: digit", "_under_score: u", "X_under-Score: u", "X.dot: d", "X!#$%&'*+-.^_`|~: token", "Proxy-Status: x", "Priority: u=1, i", "Early-Data: 1", "Nel: {}", "Sec-Websocket-Key: x",
}

func TestRequestHeaderArrivesAsItWasSent(t *testing.T) {
	t.Parallel()
	up := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	g := start(t, leadingTo(up.addr))
	for name, fields := range map[string][]string{"none": nil, "odd": append([]string{"User-Agent: curl/8"}, oddFields...)} {
		g.ask(t, "GET /up/v1 HTTP/1.1\r\nHost: g\r\nConnection: close\r\n"+lines(fields)+"\r\n")
		sent, arrived := slices.DeleteFunc(foldNames(fields), isOwn), up.lastRequest(t).endToEndFields()
		compareFields(t, name, arrived, sent)
		if host := up.lastRequest(t).value("host"); host != up.addr {
			t.Errorf("%s: Host = %q, want %q", name, host, up.addr)
		}
	}
}

func TestAnswerHeaderArrivesAsItWasSent(t *testing.T) {
	t.Parallel()
	for name, fields := range map[string][]string{"none": nil, "odd": oddFields} {
		up := answeringOnce(t, "HTTP/1.1 200 OK\r\n"+lines(fields)+"Content-Length: 2\r\n\r\nok")
		g := start(t, leadingTo(up.addr))
		res := g.ask(t, "GET /up/v1 HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
		compareFields(t, name, res.endToEndFields(), foldNames(fields))
		if res.value("content-length") != "2" || res.body != "ok" {
			t.Errorf("%s: Content-Length = %q, body %q", name, res.value("content-length"), res.body)
		}
	}
}

// lines is the fields as they stand in a header.
func lines(fields []string) string {
	if len(fields) == 0 {
		return ""
	}
	return strings.Join(fields, "\r\n") + "\r\n"
}

func compareFields(t *testing.T, name string, got, want []string) {
	t.Helper()
	for _, f := range got {
		if !slices.Contains(want, f) {
			t.Errorf("%s: %q came from nowhere", name, f)
		}
	}
	for _, f := range want {
		if !slices.Contains(got, f) {
			t.Errorf("%s: %q is lost", name, f)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: header\n%q, want\n%q", name, got, want)
	}
}

// bodies are what an answer or a request can consist of.
func bodies(t testing.TB) map[string]string {
	t.Helper()
	text := strings.Repeat(`{"id":"chatcmpl-1","usage":{"prompt_tokens":1}}`, 400)
	binary := make([]byte, 70_000)
	for i := range binary {
		binary[i] = byte(i * i >> 3)
	}
	return map[string]string{
		"empty": "", "one byte": "x", "text": text, "binary": string(binary), "line ends": "\r\n\r\n0\r\n\r\n\n\n\r\r", "nul": "\x00\x00",
		"gzip": compressed(t, "gzip", text), "br": compressed(t, "br", text), "zstd": compressed(t, "zstd", text),
		"cut gzip": compressed(t, "gzip", text)[:40], "not gzip": "this is no gzip", "two gzip members": compressed(t, "gzip", "a") + compressed(t, "gzip", "b"),
		"invalid utf-8": "{\"a\":\"\xff\xfe\"}", "bom": "\ufeff{}", "broken json": `{"a":`,
	}
}

// contentCoding is the one that a body of bodies has by its name.
func contentCoding(name string) string {
	for _, coding := range []string{"gzip", "br", "zstd"} {
		if strings.Contains(name, coding) && !strings.Contains(name, "broken") {
			return "Content-Encoding: " + coding + "\r\n"
		}
	}
	return ""
}

func compressed(t testing.TB, coding, text string) string {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch coding {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "br":
		w = brotli.NewWriter(&b)
	case "zstd":
		z, err := zstd.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		w = z
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A body arrives whole in every framing, at clients of both versions, whatever it claims to hold.
func TestAnswerBodyArrivesAsItWasSent(t *testing.T) {
	t.Parallel()
	for name, body := range bodies(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := "Content-Type: application/json\r\n" + contentCoding(name)
			head := header + "Connection: close\r\n"
			for framing, up := range map[string]*wire{
				"length":               answeringOnce(t, "HTTP/1.1 200 OK\r\n"+head+"Content-Length: "+itoa(len(body))+"\r\n\r\n"+body),
				"length, in pieces":    answeringOnce(t, append([]string{"HTTP/1.1 200 OK\r\n" + head + "Content-Length: " + itoa(len(body)) + "\r\n\r\n"}, strings.SplitAfter(body, "}")...)...),
				"chunked":              answeringOnce(t, "HTTP/1.1 200 OK\r\n"+head+"Transfer-Encoding: chunked\r\n\r\n"+strings.Join(chunked(body, 777), "")+"0\r\n\r\n"),
				"end of connection":    answeringOnce(t, "HTTP/1.1 200 OK\r\n"+head+"\r\n"+body),
				"HTTP/1.0":             answeringOnce(t, "HTTP/1.0 200 OK\r\n"+head+"\r\n"+body),
				"HTTP/1.0 with length": answeringOnce(t, "HTTP/1.0 200 OK\r\n"+head+"Content-Length: "+itoa(len(body))+"\r\n\r\n"+body),
			} {
				g := start(t, leadingTo(up.addr, "    usage: openai\n")+"extends: builtin\n")
				for _, version := range []string{"1.1", "1.0"} {
					res := g.ask(t, "POST /up/v1/chat/completions HTTP/"+version+"\r\nHost: g\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
					if res.body != body || (res.framing != "none" && !res.ended) {
						t.Errorf("%s, HTTP/%s client: %d bytes (%x), want %d (%x)", framing, version, len(res.body), sha256.Sum256([]byte(res.body)), len(body), sha256.Sum256([]byte(body)))
					}
					compareFields(t, framing, res.endToEndFields(), foldNames(strings.Split(strings.TrimSuffix(header, "\r\n"), "\r\n")))
				}
			}
		})
	}
}

func TestRequestBodyArrivesAsItWasSent(t *testing.T) {
	t.Parallel()
	for name, body := range bodies(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up := newWire(t, func(w *wire, c net.Conn, r *bufio.Reader) {
				if w.read(r) == nil {
					io.WriteString(c, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
				}
			})
			g := start(t, leadingTo(up.addr))
			for _, method := range []string{"POST", "PUT", "DELETE", "GET", "QUERY"} {
				head := method + " /up/v1 HTTP/1.1\r\nHost: g\r\nConnection: close\r\n" + contentCoding(name)
				g.ask(t, head+"Content-Length: "+itoa(len(body))+"\r\n\r\n"+body)
				wantFraming := "length"
				if body == "" && method == "GET" {
					wantFraming = "none" // Content-Length: 0 of a GET is not kept
				}
				if got := up.lastRequest(t); got.body != body || got.framing != wantFraming {
					t.Errorf("%s with length: %s, %d bytes, want %s, %d", method, got.framing, len(got.body), wantFraming, len(body))
				}
				if strings.Contains(body, "\r\n") {
					continue // the wire reads chunks by line
				}
				g.ask(t, head+"Transfer-Encoding: chunked\r\n\r\n"+strings.Join(chunked(body, 999), "")+"0\r\n\r\n")
				if got := up.lastRequest(t); got.body != body || got.framing != "chunked" {
					t.Errorf("%s chunked: %s, %d bytes, want chunked, %d", method, got.framing, len(got.body), len(body))
				}
			}
		})
	}
}

func TestStreamOfSingleBytesArrivesWhole(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]string{"CR": "\r", "LF": "\n", "CRLF": "\r\n"} {
		stream := strings.ReplaceAll(": comment\nevent: a\ndata: {\"é\":1}\nid: 7\nretry: 10\n\ndata\ndata:\ndata:  x\n\ndata: [DONE]\n\n\ufeffdata: 1\n\ndata: cut", "\n", end)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			head := "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
			for framing, up := range map[string]*wire{
				"chunked":           answeringOnce(t, append(append([]string{head + "Transfer-Encoding: chunked\r\n\r\n"}, chunked(stream, 1)...), "0\r\n\r\n")...),
				"end of connection": answeringOnce(t, append([]string{head + "\r\n"}, strings.Split(stream, "")...)...),
			} {
				g := start(t, leadingTo(up.addr, "    usage: openai\n")+"extends: builtin\n")
				res := g.ask(t, "GET /up/v1/chat/completions HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
				if res.body != stream || !res.ended {
					t.Errorf("%s: %q, want %q", framing, res.body, stream)
				}
			}
		})
	}
}

// Every status passes with its header and body, those that SDKs act on and those that nobody knows.
func TestStatusArrivesAsItWasSent(t *testing.T) {
	t.Parallel()
	for _, status := range []int{
		200, 201, 202, 203, 205, 206, 207, 226, 299, 300, 301, 302, 303, 305, 307, 308, 400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 413, 414, 418, 421, 422, 425, 426, 428, 429, 431, 451, 499,
		500, 501, 502, 503, 504, 505, 507, 511, 520, 524, 529, 530, 599, 600, 999,
	} {
		html := "<html>" + itoa(status) + "</html>"
		up := answering(t, "HTTP/1.1 "+itoa(status)+" Whatever\r\nContent-Type: text/html\r\nRetry-After: 7\r\nLocation: https://elsewhere.example/\r\nContent-Length: "+itoa(len(html))+"\r\n\r\n"+html)
		g := start(t, leadingTo(up.addr))
		res := g.ask(t, "POST /up/v1 HTTP/1.1\r\nHost: g\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		if res.status() != itoa(status) || res.body != html {
			t.Errorf("status %d: %s %q", status, res.line, res.body)
		}
		compareFields(t, itoa(status), res.endToEndFields(), []string{"content-type: text/html", "location: https://elsewhere.example/", "retry-after: 7"})
		if rec := g.one(t); rec.Status != status || rec.End != "complete" {
			t.Errorf("record of %d: status %d, end %s", status, rec.Status, rec.End)
		}
	}
}

func TestAnswerWithoutBodyHasNone(t *testing.T) {
	t.Parallel()
	type answered struct {
		status, body, length string
	}
	for _, c := range []struct {
		method, answer string
		want           answered
	}{
		{"HEAD", "200 OK\r\nContent-Type: a/b\r\nContent-Length: 1234\r\n\r\n", answered{"200", "", "1234"}},
		{"HEAD", "200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n", answered{"200", "", ""}},
		{"HEAD", "200 OK\r\nContent-Type: a/b\r\n\r\n", answered{"200", "", ""}},
		{"HEAD", "404 Not Found\r\nContent-Type: a/b\r\nContent-Length: 0\r\n\r\n", answered{"404", "", "0"}},
		{"GET", "204 No Content\r\nEtag: \"a\"\r\n\r\n", answered{"204", "", ""}},
		{"DELETE", "204 No Content\r\nContent-Type: a/b\r\n\r\n", answered{"204", "", ""}},
		{"GET", "304 Not Modified\r\nEtag: \"a\"\r\nCache-Control: no-cache\r\n\r\n", answered{"304", "", ""}},
		{"POST", "200 OK\r\nContent-Length: 0\r\n\r\n", answered{"200", "", "0"}},
	} {
		up := answeringOnce(t, "HTTP/1.1 "+c.answer)
		g := start(t, leadingTo(up.addr))
		res := g.ask(t, c.method+" /up/v1 HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
		if got := (answered{res.status(), res.body, res.value("content-length")}); got != c.want {
			t.Errorf("%s %q: %+v, want %+v", c.method, c.answer, got, c.want)
		}
		sent, _ := parseMessage(t, "HTTP/1.1 "+c.answer)
		compareFields(t, c.method+" "+c.answer, res.endToEndFields(), sent.endToEndFields())
	}
}

func TestAnswerTrailersArrive(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		header, trailers string
		want             []string
	}{
		"announced":              {"Trailer: X-Sum, X-Other\r\n", "X-Sum: 1\r\nX-Other: 2\r\n", []string{"x-other: 2", "x-sum: 1"}},
		"unannounced":            {"", "X-Sum: 1\r\nX-Sum: 2\r\n", []string{"x-sum: 1", "x-sum: 2"}},
		"some announced":         {"Trailer: X-Sum\r\n", "X-Sum: 1\r\nX-Other: 2\r\n", []string{"x-other: 2", "x-sum: 1"}},
		"announced, not sent":    {"Trailer: X-Sum\r\n", "", nil},
		"another than announced": {"Trailer: X-Sum\r\n", "X-Other: 2\r\n", []string{"x-other: 2"}},
		"as a header too":        {"X-Sum: h\r\nTrailer: X-Sum\r\n", "X-Sum: t\r\nX-Other: 2\r\n", []string{"x-other: 2", "x-sum: t"}},
	} {
		up := answeringOnce(t, "HTTP/1.1 200 OK\r\n"+c.header+"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"+c.trailers+"\r\n")
		g := start(t, leadingTo(up.addr))
		res := g.ask(t, "GET /up/v1 HTTP/1.1\r\nHost: g\r\nTE: trailers\r\nConnection: close, TE\r\n\r\n")
		if !slices.Equal(res.trailers, c.want) || res.body != "ok" || !res.ended {
			t.Errorf("%s: trailers %q, body %q, want %q", name, res.trailers, res.body, c.want)
		}
		if te := up.lastRequest(t).value("te"); te != "trailers" {
			t.Errorf("%s: upstream saw TE %q, want trailers", name, te)
		}
		sent, _ := parseMessage(t, "HTTP/1.1 200 OK\r\n"+c.header+"\r\n")
		compareFields(t, name, res.endToEndFields(), sent.endToEndFields())
	}
}

func TestAnnouncedRequestTrailersArrive(t *testing.T) {
	t.Parallel()
	up := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	g := start(t, leadingTo(up.addr))
	g.ask(t, "POST /up/v1 HTTP/1.1\r\nHost: g\r\nConnection: close\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n")
	if got := up.lastRequest(t); got.body != "ok" || !slices.Equal(got.trailers, []string{"x-sum: 1"}) {
		t.Errorf("upstream saw body %q, trailers %q", got.body, got.trailers)
	}
}

func TestInformationalAnswersArrive(t *testing.T) {
	t.Parallel()
	up := answeringOnce(t,
		"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.css>; rel=preload\r\n\r\n",
		"HTTP/1.1 103 Early Hints\r\nLink: </c.css>\r\nX-Hint: 1\r\n\r\n",
		"HTTP/1.1 102 Processing\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX-Final: 1\r\nContent-Length: 2\r\n\r\nok")
	g := start(t, leadingTo(up.addr))
	raw := g.talk(t, "GET /up/v1 HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
	for _, want := range []struct {
		status string
		fields []string
	}{
		{"103", []string{"link: </a.css>; rel=preload", "link: </b.css>; rel=preload"}},
		{"103", []string{"link: </c.css>", "x-hint: 1"}},
		{"102", nil},
		{"200", []string{"x-final: 1"}},
	} {
		var m message
		m, raw = parseMessage(t, raw)
		if m.status() != want.status || !slices.Equal(m.endToEndFields(), want.fields) {
			t.Errorf("%s with %q, want %s with %q", m.line, m.fields, want.status, want.fields)
		}
	}
}

func TestInformationalAnswersAreKeptFromHTTP10(t *testing.T) {
	t.Parallel()
	up := answeringOnce(t, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	g := start(t, leadingTo(up.addr))
	res := g.ask(t, "GET /up/v1 HTTP/1.0\r\n\r\n")
	if res.status() != "200" || res.body != "ok" || len(res.endToEndFields()) > 0 {
		t.Errorf("answer = %+v", res)
	}
}

// A client that lists a header in Connection says itself that it is for this hop.
func TestHeadersOfTheHopStay(t *testing.T) {
	t.Parallel()
	up := answeringOnce(t, "HTTP/1.1 200 OK\r\nConnection: X-Mine, keep-alive\r\nKeep-Alive: timeout=5\r\nX-Mine: 1\r\nX-Theirs: 2\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n")
	g := start(t, leadingTo(up.addr))
	res := g.ask(t, "GET /up/v1 HTTP/1.1\r\nHost: g\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: Basic eA==\r\nTE: gzip\r\nX-Kept: 2\r\n\r\n")
	compareFields(t, "request", up.lastRequest(t).endToEndFields(), []string{"x-kept: 2"})
	compareFields(t, "answer", res.endToEndFields(), []string{"x-theirs: 2"})
}

// The shipped file takes out where the client sits, the gateway what is for itself, and nobody anything else.
func TestShippedDefaultsRemoveOnlyWhatTheyName(t *testing.T) {
	t.Parallel()
	up := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	g := start(t, "version: 1\nextends: builtin\nproviders:\n  up: {upstream: http://"+up.addr+"}\n")
	fields := append([]string{"User-Agent: x", "X-Forwarded-Proto: https", "X-Forwarded-: x", "Cf-Connecting-Ip: 1.2.3.4", "True-Client-Ip: 1.2.3.4", "Cdn-Loop: x"}, oddFields...)
	g.ask(t, "GET /up/v1 HTTP/1.1\r\nHost: g\r\nConnection: close\r\n"+lines(fields)+"\r\n")
	want := slices.DeleteFunc(foldNames(fields), func(f string) bool {
		name, _, _ := strings.Cut(f, ":")
		return slices.Contains([]string{"forwarded", "via", "x-real-ip", "true-client-ip", "cdn-loop"}, name) || strings.HasPrefix(name, "x-forwarded-") || strings.HasPrefix(name, "cf-") || isOwn(name)
	})
	compareFields(t, "shipped", up.lastRequest(t).endToEndFields(), want)
}
