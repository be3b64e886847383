package gateway

import (
	"net"
	"testing"
	"time"
)

// pipe is an upstreamConn and the provider's end of it.
func pipe(t testing.TB) (*upstreamConn, net.Conn) {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() {
		ours.Close()
		theirs.Close()
	})
	return newUpstreamConn(ours), theirs
}

func TestFailedWriteWaitsForTheAnswerToBeRead(t *testing.T) {
	t.Parallel()
	c, theirs := pipe(t)
	theirs.Close()
	written := make(chan error, 1)
	go func() {
		_, err := c.Write([]byte("POST"))
		written <- err
	}()
	select {
	case err := <-written:
		t.Errorf("Write = %v before the end was read", err)
	case <-time.After(20 * time.Millisecond):
	}
	_, _ = c.Read(make([]byte, 1))
	if err := <-written; err == nil {
		t.Error("Write = nil, want its error")
	}
}

// crypto/tls writes when it closes, and it closes in the goroutine that reads: to wait for a read would be for ever.
func TestFailedWriteOfWhoeverClosesWaitsForNothing(t *testing.T) {
	t.Parallel()
	c, theirs := pipe(t)
	theirs.Close()
	_ = c.SetWriteDeadline(time.Now().Add(time.Minute))
	if _, err := c.Write([]byte("goodbye")); err == nil {
		t.Error("Write = nil, want its error")
	}
}
