package gateway

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"windhover/gateway/usage"
)

// short is a limit that a test waits for; slack is by how much a loaded machine may be late.
const (
	short = 200 * time.Millisecond
	slack = 5 * time.Second
)

// checkLimit fails the test unless a limit of short ended something in time.
func checkLimit(t *testing.T, took time.Duration) {
	t.Helper()
	if took < short || took > short+slack {
		t.Errorf("it took %v, want at least %v and not much more", took, short)
	}
}

// checkTimeout reads the gateway's own answer to a request that a timer ended.
func checkTimeout(t *testing.T, res *http.Response, code string) {
	t.Helper()
	defer res.Body.Close()
	var answer struct {
		Error struct{ Message, Type, Code string }
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	knob := "(timeouts." + strings.TrimPrefix(code, "timeout_") + ")"
	knob = strings.Replace(knob, ".header)", ".response_header)", 1)
	if res.StatusCode != http.StatusGatewayTimeout || res.Header.Get(headerError) != code || answer.Error.Code != code || answer.Error.Type != "gateway_timeout" {
		t.Errorf("answer = %d %+v, want 504 %s", res.StatusCode, answer, code)
	}
	if !strings.Contains(answer.Error.Message, knob) {
		t.Errorf("message = %q, want one that names %s", answer.Error.Message, knob)
	}
}

// hanging is an upstream that reads a request, answers with the bytes, and then keeps the connection open.
func hanging(t testing.TB, answer string) *wire {
	return newWire(t, func(w *wire, c net.Conn, r *bufio.Reader) {
		if w.read(r) == nil {
			io.WriteString(c, answer)
			io.Copy(io.Discard, r)
		}
	})
}

func TestTimerThatEndsAnAttemptWithoutAnswerIsNamed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		scheme, limit string
		end           usage.End
	}{
		"connect, in the TLS handshake": {"https", "connect: 200ms", usage.EndTimeoutConnect},
		"response_header":               {"http", "response_header: 200ms", usage.EndTimeoutHeader},
		"total":                         {"http", "total: 200ms", usage.EndTimeoutTotal},
	}
	for name, tt := range tests {
		for _, version := range versions {
			t.Run(name+", "+version, func(t *testing.T) {
				t.Parallel()
				up := newWire(t, func(w *wire, c net.Conn, r *bufio.Reader) { io.Copy(io.Discard, r) })
				file := leadingTo(up.addr, onUp("timeouts: {"+tt.limit+"}"))
				g := start(t, strings.Replace(file, "http:", tt.scheme+":", 1))
				began := time.Now()
				res, err := newClient(t, version).Post(g.url+"/up/", "text/plain", strings.NewReader("x"))
				if err != nil {
					t.Fatal(err)
				}
				checkLimit(t, time.Since(began))
				checkTimeout(t, res, string(tt.end))
				if rec := g.one(t); rec.End != tt.end || rec.Error != string(tt.end) || rec.Status != 504 {
					t.Errorf("record = %s, %s, %d, want %s, %[4]s, 504", rec.End, rec.Error, rec.Status, tt.end)
				}
			})
		}
	}
}

// A client whose upload stands still waits in a read of its body, which knows no context.
func TestTotalEndsAnUploadThatStandsStill(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			for _, length := range []int64{1000, -1} {
				up := newWire(t, func(w *wire, c net.Conn, r *bufio.Reader) { io.Copy(io.Discard, r) })
				g := start(t, leadingTo(up.addr, onUp("timeouts: {total: 200ms}")))
				body, w := io.Pipe()
				t.Cleanup(func() { w.Close() })
				go io.WriteString(w, "half of it")
				r, err := http.NewRequest(http.MethodPost, g.url+"/up/", body)
				if err != nil {
					t.Fatal(err)
				}
				r.ContentLength = length
				began := time.Now()
				res, err := newClient(t, version).Do(r)
				if err != nil {
					t.Fatalf("length %d: %v", length, err)
				}
				checkLimit(t, time.Since(began))
				checkTimeout(t, res, "timeout_total")
				if rec := g.one(t); rec.End != usage.EndTimeoutTotal {
					t.Errorf("length %d: end = %s, want timeout_total", length, rec.End)
				}
			}
		})
	}
}

func TestTimerThatEndsAStreamBreaksItOff(t *testing.T) {
	t.Parallel()
	for limit, end := range map[string]usage.End{"idle: 200ms": usage.EndTimeoutIdle, "total: 200ms": usage.EndTimeoutTotal} {
		for _, version := range versions {
			t.Run(limit+", "+version, func(t *testing.T) {
				t.Parallel()
				up := hanging(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
				g := start(t, leadingTo(up.addr, onUp("timeouts: {"+limit+"}")))
				began := time.Now()
				res, err := newClient(t, version).Get(g.url + "/up/")
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				if body, err := io.ReadAll(res.Body); err == nil || string(body) != "hello" {
					t.Errorf("body = %q, %v, want hello and an error", body, err)
				}
				checkLimit(t, time.Since(began))
				if rec := g.one(t); rec.End != end || rec.Status != 200 {
					t.Errorf("record = %s, %d, want %s, 200", rec.End, rec.Status, end)
				}
			})
		}
	}
}

func TestIdleStartsAgainWithEveryByte(t *testing.T) {
	t.Parallel()
	up := newWire(t, func(w *wire, c net.Conn, r *bufio.Reader) {
		if w.read(r) != nil {
			return
		}
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n")
		for range 20 {
			time.Sleep(50 * time.Millisecond)
			io.WriteString(c, "x")
		}
	})
	g := start(t, leadingTo(up.addr, onUp("timeouts: {idle: 500ms, write: 500ms}")))
	for _, version := range versions {
		res, err := newClient(t, version).Get(g.url + "/up/")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if body, err := io.ReadAll(res.Body); err != nil || len(body) != 20 {
			t.Errorf("%s: body = %q, %v, want 20 bytes after twice the limit", version, body, err)
		}
	}
}

// endless is an upstream that sends as fast as it is read.
func endless(t testing.TB) *wire {
	return newWire(t, func(w *wire, c net.Conn, r *bufio.Reader) {
		if w.read(r) != nil {
			return
		}
		io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		for {
			if _, err := c.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
}

// stopReading asks and never reads the answer's body.
func stopReading(t *testing.T, g *started, version string) {
	t.Helper()
	res, err := newClient(t, version).Get(g.url + "/up/")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
}

func TestClientThatStopsReadingIsLetGo(t *testing.T) {
	t.Parallel()
	limits := map[string]usage.End{
		"write: 200ms":           usage.EndTimeoutWrite,
		"write: 1s, idle: 500ms": usage.EndTimeoutWrite, // the upstream is not idle: nobody reads from it
		"total: 1s, write: 1h":   usage.EndTimeoutTotal, // long enough for the answer to begin on a busy machine
		"total: 1s, write: 0s":   usage.EndTimeoutTotal,
	}
	for limit, end := range limits {
		for _, version := range versions {
			t.Run(limit+", "+version, func(t *testing.T) {
				t.Parallel()
				g := start(t, leadingTo(endless(t).addr, onUp("timeouts: {"+limit+"}")))
				stopReading(t, g, version)
				rec := g.one(t)
				if rec.End != end || rec.Status != 200 {
					t.Errorf("record = %s, %d, want %s, 200", rec.End, rec.Status, end)
				}
			})
		}
	}
}

// On HTTP/2 a write deadline is a timer that resets the stream when it fires, be there a write or not.
func TestUpstreamMayPauseForLongerThanAWriteMayTake(t *testing.T) {
	t.Parallel()
	up := newWire(t, func(w *wire, c net.Conn, r *bufio.Reader) {
		if w.read(r) == nil {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
			time.Sleep(3 * short)
			io.WriteString(c, "6\r\n again\r\n0\r\n\r\n")
		}
	})
	g := start(t, leadingTo(up.addr, onUp("timeouts: {write: 100ms}")))
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			res, err := newClient(t, version).Get(g.url + "/up/")
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if body, err := io.ReadAll(res.Body); err != nil || string(body) != "hello again" {
				t.Errorf("body = %q, %v, want hello again", body, err)
			}
		})
	}
}

func TestWriteLimitDoesNotReachIntoTheNextRequest(t *testing.T) {
	t.Parallel()
	up := answering(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
	g := start(t, leadingTo(up.addr, onUp("timeouts: {write: 50ms}")))
	c, err := net.Dial("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	answers := bufio.NewReader(c)
	for i := range 3 {
		io.WriteString(c, "GET /up/ HTTP/1.1\r\nHost: gateway\r\n\r\n")
		res, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
		if body, err := io.ReadAll(res.Body); err != nil || string(body) != "hello" {
			t.Errorf("body %d = %q, %v, want hello", i, body, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
