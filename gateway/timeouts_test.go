package gateway

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"windhover/gateway/usage"
)

// Beside the provider whose timeout is short stands one that leads to the same address and keeps the default.
func TestEachTimeoutIsTheProvidersOwn(t *testing.T) {
	t.Parallel()
	const header = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"
	hang := func(c net.Conn, first string) {
		_, _ = io.WriteString(c, first)
		_, _ = io.Copy(io.Discard, c)
	}
	for key, c := range map[string]struct {
		serve  func(c net.Conn)
		scheme string
		end    usage.End
		want   string // of the gateway's own answer
	}{
		"connect": {
			func(c net.Conn) { hang(c, "") }, "https", usage.EndTimeoutConnect,
			"up could not be reached within 50ms (timeouts.connect): net/http: TLS handshake timeout",
		},
		"response_header": {
			func(c net.Conn) { hang(c, "") }, "http", usage.EndTimeoutHeader,
			"up did not answer within 50ms (timeouts.response_header)",
		},
		"idle": {
			func(c net.Conn) { hang(c, header) }, "http", usage.EndTimeoutIdle, "",
		},
		"total": {
			func(c net.Conn) {
				_, _ = io.WriteString(c, header)
				for {
					if _, err := io.WriteString(c, "1\r\na\r\n"); err != nil {
						return
					}
					time.Sleep(time.Millisecond) // never idle
				}
			}, "http", usage.EndTimeoutTotal, "",
		},
	} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			up := newWire(t, func(w *wire, conn net.Conn, r *bufio.Reader) {
				if c.scheme == "https" || w.read(r) == nil { // net/http takes an answer before the request for a mistake
					c.serve(conn)
				}
			})
			file := leadingTo(up.addr, onUp("timeouts: {"+key+": 50ms}")) + "  patient: {upstream: 'http://" + up.addr + "'}\n"
			g := start(t, strings.ReplaceAll(file, "http://", c.scheme+"://"))
			res, err := newClient(t, http1).Get(g.url + "/up/")
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if c.want == "" && err == nil {
				t.Errorf("the answer ended in order: %q", body)
			}
			if c.want != "" && (res.StatusCode != http.StatusGatewayTimeout || errorOf(string(body)) != c.want) {
				t.Errorf("answer = %d %s, want 504 %s", res.StatusCode, errorOf(string(body)), c.want)
			}
			if rec := g.one(t); rec.End != c.end {
				t.Errorf("End = %s, want %s", rec.End, c.end)
			}
			patient := g.snapshot.Load().provider("patient")
			link := patient.routes[0].link
			if link.connect != defaultConnect || link.header != defaultResponseHeader || patient.idle != defaultIdle || patient.total != 0 {
				t.Errorf("the other provider has %+v, idle %s, total %s, want the defaults", link, patient.idle, patient.total)
			}
		})
	}
}

func TestWriteTimeoutIsTheProvidersOwn(t *testing.T) {
	t.Parallel()
	up := newWire(t, func(w *wire, c net.Conn, r *bufio.Reader) {
		if w.read(r) != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
		_, _ = io.CopyN(c, zeros{}, 1_000_000_000)
	})
	g := start(t, leadingTo(up.addr, onUp("timeouts: {write: 50ms}")))
	c, err := net.Dial("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "GET /up/ HTTP/1.1\r\nHost: gateway.test\r\n\r\n") // and reads nothing
	if rec := g.one(t); rec.End != usage.EndTimeoutWrite {
		t.Errorf("End = %s, want %s", rec.End, usage.EndTimeoutWrite)
	}
}

// zeros reads as bytes without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestUnusedConnectionIsClosedWhenItsTimeIsOver(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{})
	up := newWire(t, func(w *wire, c net.Conn, r *bufio.Reader) {
		if w.read(r) == nil {
			_, _ = io.WriteString(c, okAnswer)
			_, _ = io.Copy(io.Discard, r)
			close(closed)
		}
	})
	g := start(t, leadingTo(up.addr, onUp("timeouts: {idle_connection: 50ms}")))
	if status, _ := g.get(t, "/up/"); status != http.StatusOK {
		t.Fatalf("status = %d, want 200", status)
	}
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Error("after 10 s the connection is open, want it closed after 50ms")
	}
}
