package gateway

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"windhover/gateway/usage"
)

func TestShutdownSaysGoodbyeToBothSidesOfAWebSocket(t *testing.T) {
	t.Parallel()
	for name, mode := range compressions() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			upstream := make(chan error, 1)
			address := newSocket(t, mode, func(ctx context.Context, c *websocket.Conn, _ net.Conn) {
				say(ctx, c, "hello")
				_, _, err := c.Read(ctx)
				if err == nil {
					_, _, err = c.Read(ctx)
				}
				upstream <- err
			})
			g := start(t, leadingTo(address))
			ctx, c := g.dial(t, "/up/", mode)
			if _, p, err := c.Read(ctx); err != nil || string(p) != "hello" {
				t.Fatalf("read = %q, %v", p, err)
			}
			say(ctx, c, "hello")
			eventually(t, "it has passed", func() bool { return g.Open() == 1 })
			client := make(chan error, 1)
			go func() {
				_, _, err := c.Read(ctx)
				client <- err
			}()
			began := time.Now()
			g.Shutdown(atOnce(t))
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("Shutdown took %v", took)
			}
			for side, err := range map[string]error{"client": <-client, "upstream": <-upstream} {
				var closed websocket.CloseError
				if !errors.As(err, &closed) || closed.Code != websocket.StatusGoingAway || closed.Reason != farewellReason {
					t.Errorf("the %s sees %v, want 1001, %s", side, err, farewellReason)
				}
			}
			if rec := g.one(t); rec.End != usage.EndShutdown || rec.Status != 101 {
				t.Errorf("record = %s, status %d, want shutdown, 101", rec.End, rec.Status)
			}
		})
	}
}

// A frame within another one would be taken for its payload: where one is on its way, the connection ends without a word.
func TestShutdownWritesNothingIntoAFrame(t *testing.T) {
	t.Parallel()
	half := "\x82\x7e\x10\x00" + strings.Repeat("x", 100) // of 4096 bytes
	up := newWire(t, func(w *wire, c net.Conn, r *bufio.Reader) {
		if w.read(r) == nil {
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"+half)
			io.Copy(io.Discard, r)
		}
	})
	g := start(t, leadingTo(up.addr))
	c, err := net.Dial("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(c, "GET /up/ HTTP/1.1\r\nHost: g\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	var answer strings.Builder
	buffer := make([]byte, 1024)
	for !strings.HasSuffix(answer.String(), half) {
		n, err := c.Read(buffer)
		if err != nil {
			t.Fatalf("read = %v after %q", err, answer.String())
		}
		answer.Write(buffer[:n])
	}
	g.Shutdown(atOnce(t))
	if rest, _ := io.ReadAll(c); len(rest) > 0 {
		t.Errorf("the client gets %q in the middle of a frame", rest)
	}
	if rec := g.one(t); rec.End != usage.EndShutdown {
		t.Errorf("end = %s, want shutdown", rec.End)
	}
}
