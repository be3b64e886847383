package gateway

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// answers are what the benchmarks' upstream gives.
var answers = map[string]struct{ kind, body string }{
	"JSON of 1 KB":   {"application/json", `{"model":"gpt-5","choices":[{"message":{"content":"` + strings.Repeat("x", 900) + `"}}],"usage":{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15}}`},
	"100 SSE events": {"text/event-stream", strings.Repeat(`data: {"id":"1","object":"chat.completion.chunk","model":"gpt-5","choices":[{"index":0,"delta":{"content":" word"}}]}`+"\n\n", 99) + `data: {"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":99,"total_tokens":111}}` + "\n\n"},
}

// benchUpstream answers in one write, or, for a stream, flushes every event.
func benchUpstream(b *testing.B, kind, body string) *url.URL {
	events := strings.SplitAfter(body, "\n\n")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", kind)
		for _, event := range events {
			io.WriteString(w, event)
			if len(events) > 1 {
				http.NewResponseController(w).Flush()
			}
		}
	}))
	b.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		b.Fatal(err)
	}
	return u
}

// bufferPool is what httputil.ReverseProxy needs to keep up.
type bufferPool struct{ sync.Pool }

func (p *bufferPool) Get() []byte  { return *p.Pool.Get().(*[]byte) }
func (p *bufferPool) Put(b []byte) { p.Pool.Put(&b) }

func newReverseProxy(u *url.URL) http.Handler {
	pool := &bufferPool{sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}}
	return &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(u); r.Out.URL.Path = strings.TrimPrefix(r.In.URL.Path, "/up") },
		Transport:     &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true},
		FlushInterval: -1,
		BufferPool:    pool,
		ErrorLog:      log.New(io.Discard, "", 0),
	}
}

// What an exchange costs, client and upstream included, through the gateway with its accounting, through
// httputil.ReverseProxy without any, and without a proxy.
func BenchmarkExchange(b *testing.B) {
	for name, answer := range answers {
		u := benchUpstream(b, answer.kind, answer.body)
		g, err := New(load(b, leadingTo(u.Host, onUp("usage: openai"))+"extends: builtin\n"), Options{})
		if err != nil {
			b.Fatal(err)
		}
		reverse := newReverseProxy(u)
		b.Run(name+"/gateway", func(b *testing.B) { benchExchange(b, httptest.NewServer(g), "/up/v1/chat/completions", answer.body) })
		b.Run(name+"/ReverseProxy", func(b *testing.B) {
			benchExchange(b, httptest.NewServer(reverse), "/up/v1/chat/completions", answer.body)
		})
		b.Run(name+"/direct", func(b *testing.B) {
			benchExchange(b, &httptest.Server{URL: u.String()}, "/v1/chat/completions", answer.body)
		})
	}
}

func benchExchange(b *testing.B, server *httptest.Server, path, want string) {
	if server.Listener != nil {
		b.Cleanup(server.Close)
	}
	client := newClient(b, http1)
	request := `{"model":"gpt-5","messages":[{"role":"user","content":"` + strings.Repeat("x", 900) + `"}]}`
	lost := 0
	b.ReportAllocs()
	for b.Loop() {
		res, err := client.Post(server.URL+path, "application/json", strings.NewReader(request))
		if err != nil {
			b.Fatal(err)
		}
		if got, err := io.ReadAll(res.Body); err != nil || string(got) != want {
			lost++ // httputil.ReverseProxy loses one now and then
		}
		res.Body.Close()
	}
	b.ReportMetric(float64(lost), "lost")
}
