package gateway

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"windhover/gateway/usage"
)

// cuts are answers that their upstream does not bring to an end.
var cuts = map[string]string{
	"behind the header":        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
	"in the middle of a chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n9\r\nwor",
	"before the last chunk":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
	"in the last chunk":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
	"below Content-Length":     "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
	"before Content-Length":    "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
}

// cutting is an upstream that closes the connection behind the bytes.
func cutting(t testing.TB, answer string) *wire {
	return newWire(t, func(w *wire, c net.Conn, r *bufio.Reader) {
		if w.read(r) == nil {
			io.WriteString(c, answer)
		}
	})
}

func TestBrokenAnswerLooksBroken(t *testing.T) {
	t.Parallel()
	for where, answer := range cuts {
		for _, version := range versions {
			t.Run(where+", "+version, func(t *testing.T) {
				t.Parallel()
				g := start(t, leadingTo(cutting(t, answer).addr))
				res, err := newClient(t, version).Post(g.url+"/up/", "text/plain", strings.NewReader("x"))
				if err != nil {
					t.Fatalf("Post = %v, want the header that the upstream sent", err)
				}
				defer res.Body.Close()
				body, err := io.ReadAll(res.Body)
				if err == nil {
					t.Errorf("body = %q without an error, want one", body)
				}
				if want := strings.Contains(answer, "hello"); strings.HasPrefix(string(body), "hello") != want {
					t.Errorf("body = %q, want what the upstream sent", body)
				}
				if rec := g.one(t); rec.End != usage.EndUpstreamTruncated || rec.Status != 200 || rec.BytesOut != int64(len(body)) {
					t.Errorf("record = %s, status %d, %d bytes, want upstream_truncated, 200, %d", rec.End, rec.Status, rec.BytesOut, len(body))
				}
			})
		}
	}
}

func TestBrokenAnswerResetsAnHTTP10Client(t *testing.T) {
	t.Parallel()
	for where, answer := range cuts {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			g := start(t, leadingTo(cutting(t, answer).addr))
			c, err := net.Dial("tcp", g.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(10 * time.Second))
			io.WriteString(c, "GET /up/ HTTP/1.0\r\n\r\n")
			if got, err := io.ReadAll(c); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("answer = %q, %v, want a reset", got, err)
			}
		})
	}
}

func TestStreamResetByAnHTTP2UpstreamLooksBroken(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			g := startBefore(t, http2, func(w http.ResponseWriter, r *http.Request) {
				io.WriteString(w, "hello")
				http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			})
			res, err := newClient(t, version).Get(g.url + "/up/")
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if body, err := io.ReadAll(res.Body); err == nil || string(body) != "hello" {
				t.Errorf("body = %q, %v, want hello and an error", body, err)
			}
			if rec := g.one(t); rec.End != usage.EndUpstreamTruncated {
				t.Errorf("end = %s, want upstream_truncated", rec.End)
			}
		})
	}
}

func TestUpstreamThatBreaksOffBeforeItAnswersIsNamed(t *testing.T) {
	t.Parallel()
	gateways := map[string]func(t *testing.T) *started{
		"nothing":       func(t *testing.T) *started { return start(t, leadingTo(cutting(t, "").addr)) },
		"half a header": func(t *testing.T) *started { return start(t, leadingTo(cutting(t, "HTTP/1.1 200 OK\r\nA: b").addr)) },
		"no HTTP":       func(t *testing.T) *started { return start(t, leadingTo(cutting(t, "220 smtp ready\r\n\r\n").addr)) },
		"a reset, HTTP/2": func(t *testing.T) *started {
			return startBefore(t, http2, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		},
	}
	for name, start := range gateways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := start(t)
			res, err := http.Post(g.url+"/up/", "text/plain", strings.NewReader("x"))
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if res.StatusCode != http.StatusBadGateway || res.Header.Get(headerError) != "upstream_error" {
				t.Errorf("answer = %d, %q, want 502, upstream_error", res.StatusCode, res.Header.Get(headerError))
			}
			rec := g.one(t)
			if rec.End != usage.EndUpstreamError || rec.Status != 502 || rec.Attempt != 1 || !rec.Final || rec.Error != "upstream_error" {
				t.Errorf("record = %+v, want upstream_error, 502, attempt 1, final", rec)
			}
		})
	}
}

// countingEvents is a rule set for streams whose last event is named done.
const countingEvents = "usage:\n  events:\n    - fields: {output_tokens: 'first(\"n\")'}\n      end: event == \"done\"\n"

func TestCleanStreamWithoutItsTerminalEventIsTruncated(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		body  string
		end   usage.End
		state usage.State
	}{
		"whole":      {"event: part\ndata: {\"n\":1}\n\nevent: done\ndata: {\"n\":2}\n\n", usage.EndComplete, usage.Reported},
		"unfinished": {"event: part\ndata: {\"n\":1}\n\n", usage.EndUpstreamTruncated, usage.Partial},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up := answering(t, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: "+itoa(len(tt.body))+"\r\n\r\n"+tt.body)
			g := start(t, leadingTo(up.addr, onUp("usage: events"), countingEvents))
			res, err := http.Get(g.url + "/up/")
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if got, err := io.ReadAll(res.Body); err != nil || string(got) != tt.body {
				t.Errorf("body = %q, %v, want it as it was sent, and no error", got, err)
			}
			if rec := g.one(t); rec.End != tt.end || rec.UsageState != tt.state {
				t.Errorf("record = %s, %s, want %s, %s", rec.End, rec.UsageState, tt.end, tt.state)
			}
		})
	}
}
