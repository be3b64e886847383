package gateway

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// upstreamConn is a connection to a provider. It counts what was written, so that a request of which nothing left can
// be told from one that the provider may have seen, and it keeps a failed write from hiding an answer.
type upstreamConn struct {
	net.Conn
	written atomic.Int64

	ended chan struct{} // closed when there is nothing more to read
	end   sync.Once
}

func newUpstreamConn(c net.Conn) *upstreamConn {
	return &upstreamConn{Conn: c, ended: make(chan struct{})}
}

// writeErrorDelay bounds how long a failed write waits for the answer to be read.
const writeErrorDelay = 5 * time.Second

// Write holds an error back until all that the upstream has sent was read. An upstream that answers before it has read
// the request (401, 413) and closes makes the next write fail, and net/http would throw the answer away with it.
func (c *upstreamConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	if err != nil {
		timer := time.NewTimer(writeErrorDelay)
		defer timer.Stop()
		select {
		case <-c.ended:
		case <-timer.C:
		}
	}
	return n, err
}

func (c *upstreamConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		c.end.Do(func() { close(c.ended) })
	}
	return n, err
}

func (c *upstreamConn) Close() error {
	c.end.Do(func() { close(c.ended) })
	return c.Conn.Close()
}

// writtenTo is how many bytes were written to an upstreamConn, also below TLS.
func writtenTo(c net.Conn) int64 {
	if t, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = t.NetConn()
	}
	if up, ok := c.(*upstreamConn); ok {
		return up.written.Load()
	}
	return 0
}
