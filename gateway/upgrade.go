package gateway

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"windhover/gateway/usage"
)

// tunnel joins both connections after the upstream has switched protocols (RFC 9110, section 7.8), as for WebSockets.
// Bytes pass both ways until one side is done.
func (x *exchange) tunnel(res *http.Response) {
	if !x.body.whole() {
		x.refuse(usage.EndUpstreamError, upstreamFailure("bad_upgrade", x.provider.name+" switched protocols before it had read the request"))
		return
	}
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
	x.observeTunnel(res)
	if err := x.writeSwitch(client.Writer, res); err != nil {
		x.record.End = usage.EndClientClosed
		return
	}
	x.record.End = x.join(conn, taken(conn, client.Reader), upstream)
}

// taken reads what came in one packet with the request, and then the connection itself: read through buffered, net/http
// would cancel the request's context when the client closes, as if it had broken off.
func taken(conn net.Conn, buffered *bufio.Reader) io.Reader {
	first, _ := buffered.Peek(buffered.Buffered())
	return io.MultiReader(bytes.NewReader(first), conn)
}

// writeSwitch writes the 101 answer. net/http does not write it on a connection that was taken over.
func (x *exchange) writeSwitch(w *bufio.Writer, res *http.Response) error {
	h := make(http.Header)
	x.provider.response.responseHeader(h, res.Header, &x.match.scope)
	h["Connection"], h["Upgrade"] = []string{"Upgrade"}, res.Header["Upgrade"]
	x.mark(h)
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

// join copies both ways until one side is done, and says which.
func (x *exchange) join(conn net.Conn, client io.Reader, upstream io.ReadWriteCloser) (end usage.End) {
	var first sync.Once
	done := func(by usage.End) {
		first.Do(func() {
			end = by
			_ = conn.Close()
			_ = upstream.Close() // which ends the copy the other way
		})
	}
	// net/http no longer watches the connection, so that a timer or a shutdown has to close it.
	s := x.openSession()
	stop := context.AfterFunc(x.ctx, func() {
		by, _ := x.interrupted()
		if by == usage.EndShutdown && s.parting != nil {
			first.Do(func() {
				end = by
				x.stopReading(conn)
			})
			return
		}
		done(by)
	})
	defer stop()
	x.startWatch(x.idle.limit)
	x.idle.start()
	defer x.idle.stop()

	clientLeft := false // in order
	var up sync.WaitGroup
	up.Go(func() {
		end := relay(upstream, client, tunnelEnds{read: usage.EndClientClosed, write: usage.EndUpstreamTruncated}, func(p []byte) {
			x.idle.start()
			s.sent(p)
		})
		clientLeft = end == usage.EndComplete
		done(end)
	})
	down := boundedWriter{conn, x.provider.write}
	done(relay(down, upstream, tunnelEnds{read: usage.EndUpstreamTruncated, write: usage.EndClientClosed}, func(p []byte) {
		x.idle.start()
		s.received(p)
	}))
	up.Wait()
	if end == usage.EndShutdown && s.parting != nil {
		s.parting.say(x, conn, upstream)
		_ = upstream.Close() // the client's is closed by who opened it
	}
	return s.close(end, clientLeft)
}

// tunnelEnds are what it means that a read or a write of one direction fails.
type tunnelEnds struct{ read, write usage.End }

// relay copies until either side fails, or src ends in order: the tunnel is complete then.
func relay(dst io.Writer, src io.Reader, ends tunnelEnds, pass func([]byte)) usage.End {
	buffer := takeBuffer(-1)
	defer buffer.give()
	for {
		n, err := src.Read(buffer.bytes())
		if n > 0 {
			if _, err := dst.Write(buffer.bytes()[:n]); errors.Is(err, os.ErrDeadlineExceeded) {
				return usage.EndTimeoutWrite
			} else if err != nil {
				return ends.write
			}
			pass(buffer.bytes()[:n])
			buffer.fit(n)
		}
		if err == io.EOF {
			return usage.EndComplete
		}
		if err != nil {
			return ends.read
		}
	}
}

// boundedWriter bounds every write to a connection.
type boundedWriter struct {
	net.Conn
	limit time.Duration // 0: no limit
}

func (w boundedWriter) Write(p []byte) (int, error) {
	if w.limit > 0 {
		_ = w.SetWriteDeadline(time.Now().Add(w.limit)) // an expired deadline ends the write with an error all the same
	}
	return w.Conn.Write(p)
}
