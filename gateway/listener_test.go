package gateway

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// FuzzListener holds that no bytes at the listener make the gateway panic, hang, or keep something: whatever comes, the connection
// ends soon after its client has, and nothing is open then.
func FuzzListener(f *testing.F) {
	for _, seed := range []string{
		"GET /up/v1 HTTP/1.1\r\nHost: g\r\n\r\n",
		"POST /up/v1 HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\n\r\nhello",
		"POST /up/v1 HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\nTrailer: A\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n",
		"POST /up/v1 HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nzz\r\n",
		"GET /up/v1?key=a&%zz;b HTTP/1.1\r\nHost: g\r\nConnection: X-Api-Key, close\r\nX-Api-Key: k\r\n\r\nGET / HTTP/1.1\r\n\r\n",
		"GET /up/ws HTTP/1.1\r\nHost: g\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\x85\x01\x02\x03\x04hello\x88\x80\x00\x00\x00\x00",
		"POST /up/v1 HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
		"CONNECT up:443 HTTP/1.1\r\nHost: up\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: g\r\n\r\n", "GET http://u:p@g/up/%2e%2e/x HTTP/1.0\r\n\r\n", "GET /-/ready HTTP/1.1\r\nHost: \x00\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x0a\x01\x05\x00\x00\x00\x01\x82\x86\x41\x01g\x04\x04/up/",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x08", "\x16\x03\x01\x02\x00\x01\x00", "\r\n\r\n", "GET",
	} {
		f.Add([]byte(seed))
	}
	up := answering(f, okAnswer)
	g := startWith(f, leadingTo(up.addr, onUp("auth: [x-api-key, ?key]", "stream_usage: openai-chat", "timeouts: {connect: 1s, response_header: 1s, idle: 1s, upload: 1s}", "limits: {body: 1MiB, requests: 100, wait: 1s}")), Options{Sink: nil})
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := net.Dial("tcp", g.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		_, _ = c.Write(data)
		_ = c.(*net.TCPConn).CloseWrite()
		if _, err := io.Copy(io.Discard, c); err != nil {
			if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
				t.Errorf("the connection hangs after %q", data)
			}
		}
		eventually(t, "nothing is open", func() bool { return g.Open() == 0 && g.BodyMemory() == 0 })
		if log := g.log.String(); strings.Contains(log, "panic") {
			t.Errorf("after %q the log says %s", data, log)
		}
	})
}
