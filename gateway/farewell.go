package gateway

import (
	"crypto/rand"
	"io"
	"net"
	"sync"
	"time"

	"windhover/gateway/stream"
)

// farewellTime bounds what saying goodbye to both sides of a WebSocket takes.
const farewellTime = time.Second

const (
	closeGoingAway = 1001 // RFC 6455, section 7.4.1
	farewellReason = "the gateway is shutting down"
)

// farewell ends a WebSocket of a gateway that stops: both sides are told so with a close frame, where one may stand. Without
// it they would see a connection that broke, and could not tell that from a failure.
type farewell struct {
	down, up stream.Frames // to the client, and to the upstream
}

// stopReading ends the copies both ways, and lets neither wait for a peer that takes nothing.
func (x *exchange) stopReading(client net.Conn) {
	now := time.Now()
	for _, c := range []net.Conn{client, x.conn} {
		_ = c.SetReadDeadline(now)
		_ = c.SetWriteDeadline(now.Add(farewellTime))
	}
}

// say sends the close frames when both copies have ended, and waits a while for each side to close: what a connection still
// holds unread when it is closed would reset it, and the frame might never be seen.
func (f *farewell) say(x *exchange, client net.Conn, upstream io.ReadWriter) {
	deadline := time.Now().Add(farewellTime)
	for _, c := range []net.Conn{client, x.conn} {
		_ = c.SetDeadline(deadline)
	}
	var mask [4]byte
	_, _ = rand.Read(mask[:]) // never fails
	var both sync.WaitGroup
	part := func(frames *stream.Frames, side io.ReadWriter, frame []byte) {
		both.Go(func() {
			if !frames.Between() {
				return
			}
			if _, err := side.Write(frame); err == nil {
				_, _ = io.Copy(io.Discard, side)
			}
		})
	}
	part(&f.down, client, stream.CloseFrame(closeGoingAway, farewellReason))
	part(&f.up, upstream, stream.MaskedCloseFrame(closeGoingAway, farewellReason, mask))
	both.Wait()
}
