package gateway

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"windhover/gateway/usage"
)

// switching is an upstream that switches to a protocol named echo, and sends back what it gets.
func switching(t testing.TB) *wire {
	return newWire(t, func(w *wire, c net.Conn, r *bufio.Reader) {
		if w.read(r) == nil {
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-A: b\r\n\r\n")
			io.Copy(c, r)
		}
	})
}

// upgrade asks for the protocol echo, with what follows in the same packet, and reads the answer's header.
func (s *started) upgrade(t testing.TB, header, behind string) (net.Conn, *bufio.Reader, *http.Response) {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(c, "GET /up/ws HTTP/1.1\r\nHost: gateway\r\nConnection: Upgrade\r\nUpgrade: echo\r\n"+header+"\r\n"+behind)
	r := bufio.NewReader(c)
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c, r, res
}

// expect reads so many bytes.
func expect(t testing.TB, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(r, got); err != nil || string(got) != want {
		t.Fatalf("read %q, %v, want %q", got[:n], err, want)
	}
}

func TestWebSocketMessagesPassBothWays(t *testing.T) {
	t.Parallel()
	up := newSocket(t, websocket.CompressionDisabled, func(ctx context.Context, c *websocket.Conn, _ net.Conn) {
		c.SetReadLimit(1 << 20)
		for {
			kind, p, err := c.Read(ctx)
			if err != nil {
				return
			}
			if c.Write(ctx, kind, p) != nil {
				return
			}
		}
	})
	g := start(t, leadingTo(up))
	ctx, c := g.dial(t, "/up/ws", websocket.CompressionDisabled)
	c.SetReadLimit(1 << 20)
	for _, size := range []int{1, 100, 4 << 10, 100 << 10} {
		sent := strings.Repeat("x", size)
		say(ctx, c, sent)
		if _, got, err := c.Read(ctx); err != nil || string(got) != sent {
			t.Fatalf("%d bytes, %v, want the %d that were sent", len(got), err, size)
		}
	}
	c.Close(websocket.StatusNormalClosure, "")
	if rec := g.one(t); rec.Status != 101 || rec.End != usage.EndComplete || rec.BytesIn < 100<<10 || rec.BytesOut < 100<<10 {
		t.Errorf("record = %d, %s, %d in, %d out, want 101, complete, more than 102400 each", rec.Status, rec.End, rec.BytesIn, rec.BytesOut)
	}
}

func TestBytesInOnePacketWithTheUpgradePass(t *testing.T) {
	t.Parallel()
	g := start(t, leadingTo(switching(t).addr))
	c, r, res := g.upgrade(t, "", "early ")
	if res.StatusCode != 101 || res.Header.Get("X-A") != "b" || res.Header.Get("Upgrade") != "echo" {
		t.Fatalf("answer = %s %v, want 101 with the upstream's header", res.Status, res.Header)
	}
	expect(t, r, "early ")
	io.WriteString(c, "late")
	expect(t, r, "late")
	c.Close()
	rec := g.one(t)
	if rec.BytesIn != 10 || rec.BytesOut != 10 || rec.End != usage.EndComplete || rec.UsageState != usage.None {
		t.Errorf("record = %d in, %d out, %s, %s, want 10, 10, complete, none", rec.BytesIn, rec.BytesOut, rec.End, rec.UsageState)
	}
}

func TestTunnelThatIsIdleIsClosed(t *testing.T) {
	t.Parallel()
	g := start(t, leadingTo(switching(t).addr, onUp("timeouts: {idle: 200ms}")))
	c, r, _ := g.upgrade(t, "", "x")
	for range 8 { // a byte either way starts it again
		expect(t, r, "x")
		time.Sleep(50 * time.Millisecond)
		io.WriteString(c, "x")
	}
	expect(t, r, "x")
	began := time.Now()
	if n, err := r.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("read = %d, %v, want the end", n, err)
	}
	if took := time.Since(began); took > short+slack {
		t.Errorf("it took %v, want about %v", took, short)
	}
	if rec := g.one(t); rec.End != usage.EndTimeoutIdle || rec.BytesIn != 9 {
		t.Errorf("record = %s, %d in, want timeout_idle, 9", rec.End, rec.BytesIn)
	}
}

func TestTunnelEndsWithItsUpstream(t *testing.T) {
	t.Parallel()
	up := newWire(t, func(w *wire, c net.Conn, r *bufio.Reader) {
		if w.read(r) == nil {
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nbye")
		}
	})
	g := start(t, leadingTo(up.addr))
	_, r, _ := g.upgrade(t, "", "")
	if got, err := io.ReadAll(r); err != nil || string(got) != "bye" {
		t.Errorf("read = %q, %v, want bye and the end", got, err)
	}
	if rec := g.one(t); rec.End != usage.EndComplete || rec.BytesOut != 3 {
		t.Errorf("record = %s, %d out, want complete, 3", rec.End, rec.BytesOut)
	}
}

func TestTunnelClientThatStopsReadingIsLetGo(t *testing.T) {
	t.Parallel()
	up := newWire(t, func(w *wire, c net.Conn, r *bufio.Reader) {
		if w.read(r) != nil {
			return
		}
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		for {
			if _, err := c.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	g := start(t, leadingTo(up.addr, onUp("timeouts: {write: 200ms}")))
	g.upgrade(t, "", "")
	if rec := g.one(t); rec.End != usage.EndTimeoutWrite {
		t.Errorf("end = %s, want timeout_write", rec.End)
	}
}

func TestShutdownEndsTunnels(t *testing.T) {
	t.Parallel()
	g := start(t, leadingTo(switching(t).addr))
	_, r, _ := g.upgrade(t, "", "x")
	expect(t, r, "x")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	g.Shutdown(ctx)
	if n, err := r.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("read = %d, %v, want the end", n, err)
	}
	if rec := g.one(t); rec.End != usage.EndShutdown {
		t.Errorf("end = %s, want shutdown", rec.End)
	}
}

func TestRefusedUpgradeIsAnAnswerLikeAnyOther(t *testing.T) {
	t.Parallel()
	up := answering(t, "HTTP/1.1 401 Unauthorized\r\nX-A: b\r\nContent-Length: 6\r\n\r\nno key")
	g := start(t, leadingTo(up.addr))
	for range 2 { // the connection is kept
		_, _, res := g.upgrade(t, "", "")
		if body, err := io.ReadAll(res.Body); res.StatusCode != 401 || res.Header.Get("X-A") != "b" || err != nil || string(body) != "no key" {
			t.Errorf("answer = %s %v %q %v, want the upstream's", res.Status, res.Header, body, err)
		}
	}
	for _, rec := range g.wait(t, 2) {
		if rec.Status != 401 || rec.End != usage.EndComplete {
			t.Errorf("record = %d, %s, want 401, complete", rec.Status, rec.End)
		}
	}
}

// The transport goes on reading the request's body, and would take the tunnel's bytes for it.
func TestUpgradeBeforeTheRequestWasReadIsRefused(t *testing.T) {
	t.Parallel()
	up := newWire(t, func(w *wire, c net.Conn, r *bufio.Reader) {
		if _, err := http.ReadRequest(r); err == nil {
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
			io.Copy(io.Discard, r)
		}
	})
	g := start(t, leadingTo(up.addr))
	_, _, res := g.upgrade(t, "Content-Length: 1000000\r\n", "the beginning")
	if res.StatusCode != http.StatusBadGateway || res.Header.Get(headerError) != "bad_upgrade" {
		t.Errorf("answer = %s, %s, want 502, bad_upgrade", res.Status, res.Header.Get(headerError))
	}
	if rec := g.one(t); rec.End != usage.EndUpstreamError {
		t.Errorf("end = %s, want upstream_error", rec.End)
	}
}

func TestUpgradeToAnotherProtocolIsRefused(t *testing.T) {
	t.Parallel()
	for _, header := range []string{"Upgrade: other\r\n", ""} {
		up := answering(t, fmt.Sprintf("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n%s\r\n", header))
		g := start(t, leadingTo(up.addr))
		_, _, res := g.upgrade(t, "", "")
		if res.StatusCode != http.StatusBadGateway || res.Header.Get(headerError) != "bad_upgrade" {
			t.Errorf("%q: answer = %s, %s, want 502, bad_upgrade", header, res.Status, res.Header.Get(headerError))
		}
	}
}

// HTTP/2 knows no Upgrade (RFC 9113, section 8.6): such a client is a client that asked for none.
func TestAnswer101WithoutAskingIsRefused(t *testing.T) {
	t.Parallel()
	up := answering(t, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	g := start(t, leadingTo(up.addr))
	for _, version := range versions {
		res, err := newClient(t, version).Get(g.url + "/up/")
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != http.StatusBadGateway {
			t.Errorf("%s: status = %d, want 502", version, res.StatusCode)
		}
		res.Body.Close()
	}
}
