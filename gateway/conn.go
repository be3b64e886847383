package gateway

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// upstreamConn is a connection to a provider. It counts what was written, so that a request of which nothing left can
// be told from one that the provider may have seen, and it keeps a failed write from hiding an answer.
type upstreamConn struct {
	net.Conn
	written atomic.Int64
	shared  atomic.Bool // it carries many requests at once
	closing atomic.Bool // whoever read from it closes it

	ended chan struct{} // closed when there is nothing more to read
	end   sync.Once
}

func newUpstreamConn(c net.Conn) *upstreamConn {
	return &upstreamConn{Conn: c, ended: make(chan struct{})}
}

// Write holds an error back until all that the upstream has sent was read. An upstream that answers before it has read
// the request (401, 413) and closes makes the next write fail, and net/http would throw the answer away with it. To an
// upstream that has ended the connection nothing is written: it will not answer, and the request can go to another one.
func (c *upstreamConn) Write(p []byte) (int, error) {
	select {
	case <-c.ended:
		return 0, net.ErrClosed
	default:
	}
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	if err != nil && !c.closing.Load() {
		c.waitForEnd()
	}
	return n, err
}

// SetWriteDeadline is what crypto/tls does before it says goodbye, in the goroutine that has read until then: if that write
// fails, there is nothing to wait for.
func (c *upstreamConn) SetWriteDeadline(t time.Time) error {
	c.closing.Store(true)
	return c.Conn.SetWriteDeadline(t)
}

// sharedDelay bounds how long a failed write on a shared connection waits: who reads may itself be waiting to write.
const sharedDelay = time.Second

// waitForEnd ends when there is nothing more to read, or when the connection is closed, as it is with the exchange.
func (c *upstreamConn) waitForEnd() {
	if !c.shared.Load() {
		<-c.ended
		return
	}
	timer := time.NewTimer(sharedDelay)
	defer timer.Stop()
	select {
	case <-c.ended:
	case <-timer.C:
	}
}

func (c *upstreamConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) { // a deadline is ours: there may be more
		c.end.Do(func() { close(c.ended) })
	}
	return n, err
}

func (c *upstreamConn) Close() error {
	c.end.Do(func() { close(c.ended) })
	return c.Conn.Close()
}

// beneath is the upstreamConn below TLS; nil if there is none.
func beneath(c net.Conn) *upstreamConn {
	if t, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = t.NetConn()
	}
	up, _ := c.(*upstreamConn)
	return up
}
