package gateway

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"windhover/gateway/usage"
)

// sinkhole is a client that takes everything at once.
type sinkhole struct{ header http.Header }

func (s *sinkhole) Header() http.Header         { return s.header }
func (s *sinkhole) WriteHeader(int)             {}
func (s *sinkhole) Write(p []byte) (int, error) { return len(p), nil }
func (s *sinkhole) FlushError() error           { return nil }

// inChat is an exchange with OpenAI whose request has been admitted.
func inChat(t testing.TB) *exchange {
	t.Helper()
	g, err := New(load(t, "version: 1\nextends: builtin\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/openai/v1/chat/completions", strings.NewReader(`{"model":"gpt-5"}`))
	r.Header = sdkHeader()
	return admitted(t, g, r)
}

func admitted(t testing.TB, g *Gateway, r *http.Request) *exchange {
	t.Helper()
	to, _ := parseTarget(r.RequestURI)
	x := g.begin(&sinkhole{header: http.Header{}}, r, to)
	if refused := x.admit(to); refused != nil {
		t.Fatal(refused.message)
	}
	if _, refused := x.request(to); refused != nil {
		t.Fatal(refused.message)
	}
	x.record.Attempt, x.record.Final = 1, true
	return x
}

// chatHeader is the header of an answer of OpenAI's.
func chatHeader(kind string) http.Header {
	h := http.Header{"Content-Type": {kind}, "Date": {"Mon, 23 Nov 2026 10:00:00 GMT"}, "Server": {"cloudflare"}}
	for _, name := range []string{"Openai-Organization", "Openai-Processing-Ms", "Openai-Project", "Openai-Version", "X-Request-Id", "X-Ratelimit-Limit-Requests",
		"X-Ratelimit-Limit-Tokens", "X-Ratelimit-Remaining-Requests", "X-Ratelimit-Remaining-Tokens", "X-Ratelimit-Reset-Requests", "X-Ratelimit-Reset-Tokens", "Cf-Ray", "Alt-Svc"} {
		h[name] = []string{"0123456789abcdef"}
	}
	return h
}

// chatChunk is one event of a stream.
func chatChunk() []byte {
	return []byte(`data: {"id":"chatcmpl-B1","object":"chat.completion.chunk","created":1741570283,"model":"gpt-5","choices":[{"index":0,"delta":{"content":" some words of an answer"},"finish_reason":null}]}` + "\n\n")
}

// streaming is an exchange whose answer has begun, and whose first pieces have passed.
func streaming(t testing.TB) *exchange {
	t.Helper()
	x := inChat(t)
	x.answer(&http.Response{StatusCode: http.StatusOK, Header: chatHeader("text/event-stream"), Body: http.NoBody})
	x.beginCopy()
	chunk := chatChunk()
	for range 3 {
		passPiece(t, x, chunk)
	}
	return x
}

// passPiece is one turn of the copy: what stream does with each read, without the read itself.
func passPiece(t testing.TB, x *exchange, p []byte) {
	x.idle.startAt(x.clock.wait())
	x.idle.stop()
	x.header.set(false)
	if end, ok := x.pass(p); !ok {
		t.Fatal(end)
	}
}

func TestPieceOfAStreamAllocatesNothing(t *testing.T) {
	x, chunk := streaming(t), chatChunk()
	if n := testing.AllocsPerRun(1000, func() { passPiece(t, x, chunk) }); n != 0 {
		t.Errorf("%v allocations for a piece, want 0", n)
	}
}

func TestRouteWithoutVariablesAllocatesNothing(t *testing.T) {
	s := shipped(t)
	n := testing.AllocsPerRun(1000, func() {
		_, m, refused := s.match("openai", "/v1/chat/completions")
		if refused == nil {
			refused = m.scope.decode()
		}
		if refused != nil {
			t.Fatal(refused.message)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for a match, want 0", n)
	}
}

// What each piece of a stream costs, beside the system calls of its read and its write: the timers, the clock, the observer.
func BenchmarkPiece(b *testing.B) {
	x, chunk := streaming(b), chatChunk()
	b.ReportAllocs()
	b.SetBytes(int64(len(chunk)))
	for b.Loop() {
		passPiece(b, x, chunk)
	}
}

// What the header of an answer costs on its way to the client, the rules that apply to it included.
func BenchmarkAnswer(b *testing.B) {
	x := inChat(b)
	res := &http.Response{StatusCode: http.StatusOK, Header: chatHeader("application/json"), Body: http.NoBody}
	b.ReportAllocs()
	for b.Loop() {
		x.w = &sinkhole{header: http.Header{}}
		x.answer(res)
		x.observer.Release()
	}
}

// What the account of an exchange costs at its end: usage, cost and who asked, up to the sink.
func BenchmarkAccount(b *testing.B) {
	x := inChat(b)
	header, body := chatHeader("application/json"), []byte(answers["JSON of 1 KB"].body)
	x.gateway.options.Sink = func(r *usage.Record) {
		if r.UsageState != usage.Reported {
			b.Fatal(r.UsageState)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		x.observer = x.provider.rules.Observe(x.asked(http.StatusOK, header))
		x.observer.Write(body)
		x.record.Status, x.record.End = http.StatusOK, usage.EndComplete
		x.account()
	}
}

// What the beginning of an exchange costs, up to the request that is ready to be sent.
func BenchmarkBegin(b *testing.B) {
	g, err := New(load(b, "version: 1\nextends: builtin\n"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	body := `{"model":"gpt-5","messages":[{"role":"user","content":"` + strings.Repeat("x", 900) + `"}]}`
	r := httptest.NewRequest(http.MethodPost, "/openai/v1/chat/completions", nil)
	r.Header, r.ContentLength = sdkHeader(), int64(len(body))
	b.ReportAllocs()
	for b.Loop() {
		r.Body = io.NopCloser(strings.NewReader(body))
		x := admitted(b, g, r)
		x.cancel(nil)
		g.open.remove(x)
	}
}
