package gateway

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"

	"windhover/gateway/usage"
)

// tunnel joins both connections after the upstream has switched protocols (RFC 9110, section 7.8), as for WebSockets.
// Bytes pass both ways until one side is done.
func (x *exchange) tunnel(res *http.Response) {
	upstream, ok := res.Body.(io.ReadWriteCloser)
	if asked, got := upgradeType(x.r.Header), upgradeType(res.Header); !ok || !strings.EqualFold(asked, got) {
		x.refuse(usage.EndUpstreamError, upstreamFailure("bad_upgrade", fmt.Sprintf("%s switched to protocol %q, the client asked for %q", x.provider.name, got, asked)))
		return
	}
	conn, client, err := x.client.Hijack()
	if err != nil {
		x.refuse(usage.EndUpstreamError, upstreamFailure("bad_upgrade", "this connection cannot be upgraded: "+err.Error()))
		return
	}
	defer conn.Close()
	x.sent = true
	x.record.Status = res.StatusCode
	if len(x.provider.rules.Applying(x.asked(res.StatusCode, res.Header))) > 0 {
		x.record.UsageState = usage.Unreadable // what passes is not HTTP, and not looked into
	}
	if err := x.writeSwitch(client.Writer, res); err != nil {
		x.record.End = usage.EndClientClosed
		return
	}
	x.record.End = x.join(conn, client.Reader, upstream)
}

// writeSwitch writes the 101 answer. net/http does not write it on a connection that was taken over.
func (x *exchange) writeSwitch(w *bufio.Writer, res *http.Response) error {
	h := make(http.Header)
	x.provider.response.responseHeader(h, res.Header, &x.match.scope)
	h["Connection"], h["Upgrade"] = []string{"Upgrade"}, res.Header["Upgrade"]
	h[headerRequestID] = []string{x.record.RequestID}
	if _, err := fmt.Fprintf(w, "HTTP/1.1 %s\r\n", res.Status); err != nil {
		return err
	}
	if err := h.Write(w); err != nil {
		return err
	}
	if _, err := w.WriteString("\r\n"); err != nil {
		return err
	}
	return w.Flush()
}

// join copies both ways until one side is done, and says which. client may hold bytes that came in one packet with the request.
func (x *exchange) join(conn net.Conn, client *bufio.Reader, upstream io.ReadWriteCloser) (end usage.End) {
	idle := x.startIdleTimer()
	defer idle.stop()
	var first sync.Once
	done := func(by usage.End) {
		first.Do(func() {
			end = by
			_ = conn.Close()
			_ = upstream.Close() // which ends the copy the other way
		})
	}
	// net/http no longer watches the connection, so that a timer or a shutdown has to close it.
	stop := context.AfterFunc(x.ctx, func() {
		by, _ := x.interrupted()
		done(by)
	})
	defer stop()

	var sent int64
	var up sync.WaitGroup
	up.Go(func() {
		err := relay(upstream, client, func(p []byte) {
			sent += int64(len(p))
			idle.reset()
		})
		done(tunnelEnd(err, usage.EndClientClosed))
	})
	err := relay(conn, upstream, func(p []byte) {
		x.record.BytesOut += int64(len(p))
		idle.reset()
	})
	done(tunnelEnd(err, usage.EndUpstreamTruncated))
	up.Wait()
	x.record.BytesIn = sent
	return end
}

// tunnelEnd is complete for a side that closed its connection in order.
func tunnelEnd(err error, broken usage.End) usage.End {
	if err == nil {
		return usage.EndComplete
	}
	return broken
}

// relay copies until either side fails; nil means that src ended in order.
func relay(dst io.Writer, src io.Reader, pass func([]byte)) error {
	buffer := takeBuffer(-1)
	defer func() { buffer.give() }()
	for {
		n, err := src.Read(buffer.bytes())
		if n > 0 {
			if _, err := dst.Write(buffer.bytes()[:n]); err != nil {
				return err
			}
			pass(buffer.bytes()[:n])
			buffer = buffer.fit(n)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
