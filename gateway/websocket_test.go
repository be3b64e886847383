package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"windhover/gateway/usage"
)

// compressions are how both sides of a WebSocket may agree to send messages.
func compressions() map[string]websocket.CompressionMode {
	return map[string]websocket.CompressionMode{
		"plain":                    websocket.CompressionDisabled,
		"deflate":                  websocket.CompressionContextTakeover,
		"deflate without takeover": websocket.CompressionNoContextTakeover,
	}
}

// newSocket is an upstream that accepts WebSockets; serve is one session, whose connection can be broken off.
func newSocket(t testing.TB, mode websocket.CompressionMode, serve func(ctx context.Context, c *websocket.Conn, broken net.Conn)) (address string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	type connKey struct{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: mode, CompressionThreshold: 1})
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		serve(ctx, c, r.Context().Value(connKey{}).(net.Conn))
		<-ctx.Done()
		runtime.KeepAlive(c) // its finalizer would close the connection in the middle of the test
	}))
	server.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, c)
	}
	server.Start()
	t.Cleanup(func() {
		cancel()
		server.Close()
	})
	return server.Listener.Addr().String()
}

// dial opens a session through the gateway. It is closed hard with the test, unless before.
func (s *started) dial(t testing.TB, path string, mode websocket.CompressionMode) (context.Context, *websocket.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	c, res, err := websocket.Dial(ctx, s.url+path, &websocket.DialOptions{CompressionMode: mode, CompressionThreshold: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.CloseNow()
		cancel()
	})
	if agreed := res.Header.Get("Sec-WebSocket-Extensions") != ""; agreed != (mode != websocket.CompressionDisabled) {
		t.Fatalf("compression agreed on = %v, want %v", agreed, !agreed)
	}
	return ctx, c
}

// say sends messages; a side that is gone is noticed elsewhere.
func say(ctx context.Context, c *websocket.Conn, messages ...string) {
	for _, m := range messages {
		if c.Write(ctx, websocket.MessageText, []byte(m)) != nil {
			return
		}
	}
}

// response is the end of a Realtime response, whose text is in it.
func response(status string, input, cached, output int) string {
	return fmt.Sprintf(`{"type":"response.done","response":{"object":"realtime.response","id":"resp_1","status":%q,"output":[{"text":%q}],`+
		`"usage":{"total_tokens":%d,"input_tokens":%d,"output_tokens":%d,"input_token_details":{"text_tokens":%d,"audio_tokens":0,"cached_tokens":%d},`+
		`"output_token_details":{"text_tokens":%d,"audio_tokens":0}}}}`, status, strings.Repeat("It is foggy. ", 20), input+output, input, output, input, cached, output)
}

// realtime serves a session as OpenAI does: each message of the client is answered by a response.
func realtime(ctx context.Context, c *websocket.Conn, responses ...string) error {
	say(ctx, c, `{"type":"session.created","session":{"object":"realtime.session","model":"gpt-realtime"}}`)
	for _, r := range responses {
		if _, _, err := c.Read(ctx); err != nil {
			return err
		}
		say(ctx, c, `{"type":"response.created","response":{"usage":null}}`, `{"type":"response.output_text.delta","delta":"It"}`, r)
	}
	_, _, err := c.Read(ctx)
	return err
}

// nextDone is the next message that ends a response.
func nextDone(ctx context.Context, t testing.TB, c *websocket.Conn) string {
	t.Helper()
	for {
		_, p, err := c.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(p), `"response.done"`) {
			return string(p)
		}
	}
}

// toRealtime is a provider that is metered as OpenAI is.
func toRealtime(address string) string {
	return "extends: builtin\n" + leadingTo(address, "    usage: openai\n")
}

// counted is what a test compares of a record.
type counted struct {
	Status     int         `json:"status"`
	Stream     bool        `json:"stream"`
	Checkpoint bool        `json:"checkpoint"`
	End        usage.End   `json:"end"`
	State      usage.State `json:"usage_state"`
	Model      string      `json:"model"`
	Input      int         `json:"input_tokens"`
	CacheRead  int         `json:"cache_read_tokens"`
	Output     int         `json:"output_tokens"`
	Audio      int         `json:"output_audio_tokens"`
	Events     int         `json:"events"`
}

func countedOf(t testing.TB, rec *usage.Record) counted {
	t.Helper()
	line, err := json.Marshal(rec)
	if err != nil {
		t.Fatal(err)
	}
	var c counted
	if err := json.Unmarshal(line, &c); err != nil {
		t.Fatalf("record %s: %v", line, err)
	}
	return c
}

func TestWebSocketRealtimeSessionIsMetered(t *testing.T) {
	t.Parallel()
	responses := []string{response("completed", 100, 0, 20), response("cancelled", 130, 64, 5), response("completed", 166, 128, 35)}
	for name, mode := range compressions() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up := newSocket(t, mode, func(ctx context.Context, c *websocket.Conn, _ net.Conn) { _ = realtime(ctx, c, responses...) })
			g := start(t, toRealtime(up))
			ctx, c := g.dial(t, "/up/v1/realtime?model=gpt-realtime", mode)
			for _, want := range responses {
				say(ctx, c, `{"type":"response.create"}`)
				if got := nextDone(ctx, t, c); got != want {
					t.Errorf("message = %s, want %s", got, want)
				}
			}
			if err := c.Close(websocket.StatusNormalClosure, "done"); err != nil {
				t.Errorf("close: %v", err)
			}
			want := counted{Status: 101, Stream: true, End: usage.EndComplete, State: usage.Reported, Model: "gpt-realtime", Input: 396, CacheRead: 192, Output: 60, Events: 10}
			if got := countedOf(t, g.one(t)); got != want {
				t.Errorf("record = %+v, want %+v", got, want)
			}
		})
	}
}

func TestWebSocketGeminiLiveSessionIsMetered(t *testing.T) {
	t.Parallel()
	messages := []string{
		`{"setupComplete":{}}`,
		`{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm;rate=24000","data":"` + strings.Repeat("6f/o", 5000) + `"}}]}}}`,
		`{"serverContent":{"turnComplete":true},"usageMetadata":{"promptTokenCount":1267,"responseTokenCount":103,"totalTokenCount":1370,` +
			`"responseTokensDetails":[{"modality":"TEXT","tokenCount":22},{"modality":"AUDIO","tokenCount":81}]}}`,
		`{"serverContent":{"turnComplete":true},"usageMetadata":{"promptTokenCount":1400,"responseTokenCount":50,"totalTokenCount":1450,` +
			`"responseTokensDetails":[{"modality":"AUDIO","tokenCount":50}]}}`,
	}
	for name, mode := range compressions() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up := newSocket(t, mode, func(ctx context.Context, c *websocket.Conn, _ net.Conn) {
				if _, _, err := c.Read(ctx); err != nil {
					return
				}
				for _, m := range messages {
					if c.Write(ctx, websocket.MessageBinary, []byte(m)) != nil {
						return
					}
				}
				_ = c.Close(websocket.StatusGoingAway, "session is over")
			})
			g := start(t, "extends: builtin\n"+leadingTo(up, "    usage: google\n"))
			ctx, c := g.dial(t, "/up/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent?key=x", mode)
			say(ctx, c, `{"setup":{"model":"models/gemini-live","generationConfig":{"responseModalities":["AUDIO"]}}}`)
			for _, want := range messages {
				if _, p, err := c.Read(ctx); err != nil || string(p) != want {
					t.Errorf("message = %.100s, %v, want %.100s", p, err, want)
				}
			}
			if _, _, err := c.Read(ctx); websocket.CloseStatus(err) != websocket.StatusGoingAway {
				t.Errorf("after the session: %v, want a close frame with 1001", err)
			}
			want := counted{Status: 101, Stream: true, End: usage.EndComplete, State: usage.Reported, Model: "gemini-live", Input: 2667, Output: 153, Audio: 131, Events: 4}
			if got := countedOf(t, g.one(t)); got != want {
				t.Errorf("record = %+v, want %+v", got, want)
			}
		})
	}
}

func TestHowAWebSocketSessionEndsIsInTheRecord(t *testing.T) {
	t.Parallel()
	first := response("completed", 100, 64, 20)
	half := "\x81\x7e\x10\x00" + `{"type":"response.done","response":{"us` // of 4 KiB
	base := counted{Status: 101, Stream: true, Model: "gpt-realtime", Input: 100, CacheRead: 64, Output: 20, Events: 4}
	for name, test := range map[string]struct {
		server func(ctx context.Context, c *websocket.Conn, conn net.Conn)
		client func(ctx context.Context, c *websocket.Conn)
		end    usage.End
		state  usage.State
	}{
		"the upstream breaks off inside a message": {
			server: func(_ context.Context, _ *websocket.Conn, conn net.Conn) {
				_, _ = conn.Write([]byte(half))
				_ = conn.Close()
			},
			end: usage.EndUpstreamTruncated, state: usage.Partial,
		},
		"the upstream breaks off by a reset": {
			server: func(_ context.Context, _ *websocket.Conn, conn net.Conn) { reset(conn) },
			end:    usage.EndUpstreamTruncated, state: usage.Partial,
		},
		"the upstream closes for an error": {
			server: func(_ context.Context, c *websocket.Conn, _ net.Conn) { _ = c.Close(websocket.StatusInternalError, "") },
			end:    usage.EndUpstreamTruncated, state: usage.Partial,
		},
		"the upstream closes and resets": {
			server: func(_ context.Context, _ *websocket.Conn, conn net.Conn) {
				_, _ = conn.Write([]byte("\x88\x02\x03\xe8"))
				_, _ = conn.Read(make([]byte, 100)) // until the client has answered
				reset(conn)
			},
			end: usage.EndComplete, state: usage.Reported,
		},
		"the connection ends between messages": {
			server: func(_ context.Context, _ *websocket.Conn, conn net.Conn) { _ = conn.Close() },
			end:    usage.EndComplete, state: usage.Reported,
		},
		"the client closes": {
			client: func(_ context.Context, c *websocket.Conn) { _ = c.Close(websocket.StatusNormalClosure, "") },
			end:    usage.EndComplete, state: usage.Reported,
		},
		"the client goes without a word": {
			client: func(_ context.Context, c *websocket.Conn) { _ = c.CloseNow() },
			end:    usage.EndComplete, state: usage.Reported,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up := newSocket(t, websocket.CompressionDisabled, func(ctx context.Context, c *websocket.Conn, conn net.Conn) {
				if test.server == nil {
					_ = realtime(ctx, c, first)
					return
				}
				if _, _, err := c.Read(ctx); err != nil { // a connection that is closed with something unread is reset
					t.Error(err)
				}
				say(ctx, c, `{"type":"session.created","session":{"model":"gpt-realtime"}}`, "{}", "{}", first)
				test.server(ctx, c, conn)
			})
			g := start(t, toRealtime(up))
			ctx, c := g.dial(t, "/up/v1/realtime", websocket.CompressionDisabled)
			say(ctx, c, `{"type":"response.create"}`)
			for range 4 {
				if _, _, err := c.Read(ctx); err != nil {
					t.Fatal(err)
				}
			}
			if test.client != nil {
				test.client(ctx, c)
			} else if _, _, err := c.Read(ctx); err == nil {
				t.Error("a message came after the end")
			}
			want := base
			want.End, want.State = test.end, test.state
			if got := countedOf(t, g.one(t)); got != want {
				t.Errorf("record = %+v, want %+v", got, want)
			}
		})
	}
}

func TestWebSocketClientThatLeavesInsideAMessageHasLeft(t *testing.T) {
	t.Parallel()
	up := newSocket(t, websocket.CompressionDisabled, func(ctx context.Context, _ *websocket.Conn, conn net.Conn) {
		_, _ = conn.Write([]byte("\x81\x7e\x10\x00{"))
		<-ctx.Done()
	})
	g := start(t, toRealtime(up))
	ctx, c := g.dial(t, "/up/v1/realtime", websocket.CompressionDisabled)
	if _, r, err := c.Reader(ctx); err != nil {
		t.Fatal(err)
	} else if _, err := r.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	_ = c.CloseNow()
	if rec := g.one(t); rec.End != usage.EndClientClosed {
		t.Errorf("end = %s, want client_closed", rec.End)
	}
}

func TestWebSocketSessionInUseMakesCheckpoints(t *testing.T) {
	t.Parallel()
	up := newSocket(t, websocket.CompressionDisabled, func(ctx context.Context, c *websocket.Conn, _ net.Conn) {
		_ = realtime(ctx, c, response("completed", 100, 0, 20), response("completed", 130, 0, 5))
	})
	g := startWith(t, toRealtime(up), Options{Checkpoint: 5 * time.Millisecond})
	ctx, c := g.dial(t, "/up/v1/realtime", websocket.CompressionDisabled)
	for _, input := range []int{100, 230} {
		say(ctx, c, `{"type":"response.create"}`)
		eventually(t, "checkpoint", func() bool {
			rec := g.newest()
			return rec != nil && rec.Checkpoint && countedOf(t, rec).Input == input
		})
	}
	got, newest := countedOf(t, g.newest()), g.newest()
	want := counted{Status: 101, Stream: true, Checkpoint: true, State: usage.Partial, Model: "gpt-realtime", Input: 230, Output: 25, Events: 7}
	if got != want || newest.BytesIn == 0 || newest.BytesOut == 0 || newest.Duration == 0 {
		t.Errorf("checkpoint = %+v, %d bytes in, %d out, after %v, want %+v and some of each", got, newest.BytesIn, newest.BytesOut, newest.Duration, want)
	}
	if newest.CostState != usage.Unpriced || newest.ModelLabel != usage.Other {
		t.Errorf("checkpoint is %q as %q, want unpriced as other: it is charged, too", newest.CostState, newest.ModelLabel)
	}
	go func() { _ = c.Close(websocket.StatusNormalClosure, "") }()
	eventually(t, "the record", func() bool { return !g.newest().Checkpoint })
	want.Checkpoint, want.End, want.State = false, usage.EndComplete, usage.Reported
	if got := countedOf(t, g.newest()); got != want || g.newest().ID != newest.ID {
		t.Errorf("record = %+v with id %s, want %+v with id %s", got, g.newest().ID, want, newest.ID)
	}
}

func TestWebSocketSessionThatIsNotUsedMakesNoCheckpoint(t *testing.T) {
	t.Parallel()
	up := newSocket(t, websocket.CompressionDisabled, func(ctx context.Context, c *websocket.Conn, _ net.Conn) { _, _, _ = c.Read(ctx) })
	g := startWith(t, toRealtime(up), Options{Checkpoint: time.Millisecond})
	_, c := g.dial(t, "/up/v1/realtime", websocket.CompressionDisabled)
	time.Sleep(20 * time.Millisecond) // long enough for a checkpoint, were there anything to say
	_ = c.CloseNow()
	if rec := g.one(t); rec.Checkpoint {
		t.Errorf("record = %+v, want no checkpoint", rec)
	}
}

func TestTunnelOfAnotherProtocolIsUnreadable(t *testing.T) {
	t.Parallel()
	up := newWire(t, func(w *wire, c net.Conn, r *bufio.Reader) {
		if w.read(r) == nil {
			_, _ = c.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\nhello"))
		}
	})
	g := start(t, toRealtime(up.addr))
	answer := g.talk(t, "GET /up/v1/realtime HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n")
	if !strings.HasSuffix(answer, "\r\n\r\nhello") {
		t.Errorf("answer = %q, want hello behind its header", answer)
	}
	if rec := g.one(t); rec.UsageState != usage.Unreadable || rec.End != usage.EndComplete {
		t.Errorf("usage_state, end = %s, %s, want unreadable, complete", rec.UsageState, rec.End)
	}
}

// newest is the last record so far; nil if there is none.
func (r *records) newest() *usage.Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) == 0 {
		return nil
	}
	return r.all[len(r.all)-1]
}
