package gateway

import (
	"errors"
	"time"
)

// Why the gateway itself ended an exchange; who ends it otherwise is the client.
var (
	errIdle     = errors.New("idle timeout")
	errTotal    = errors.New("total timeout")
	errWrite    = errors.New("write timeout")
	errUpload   = errors.New("upload timeout")
	errShutdown = errors.New("the gateway is shutting down")
)

// stepTimer interrupts the exchange when one step of it takes too long: a read from the upstream, a write to the client.
// Between the steps it does not run, so that a slow client is never taken for a silent upstream.
type stepTimer struct {
	x     *exchange
	limit time.Duration // 0: none
	cause error
	timer *time.Timer
}

func (t *stepTimer) start() {
	switch {
	case t.limit == 0:
	case t.timer == nil:
		t.timer = time.AfterFunc(t.limit, func() { t.x.interrupt(t.cause) })
	default:
		t.timer.Reset(t.limit)
	}
}

func (t *stepTimer) stop() {
	if t.timer != nil {
		t.timer.Stop()
	}
}

// startTotal bounds the whole exchange.
func (x *exchange) startTotal() {
	if limit := x.provider.total; limit > 0 && x.total == nil {
		x.total = time.AfterFunc(limit, func() { x.interrupt(errTotal) })
	}
}

// interrupt ends the exchange from another goroutine. Cancelling ends what waits for the upstream; what waits for the
// client, a read of its body or a write, knows no context and is ended by a deadline.
func (x *exchange) interrupt(cause error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if cause == errUpload && x.copying {
		return // a client that gets an answer may take its time for the rest of what it sends
	}
	x.cancel(cause)
	if x.finished {
		return // the ResponseWriter is no longer ours
	}
	past := time.Unix(1, 0)
	if !x.body.whole() {
		_ = x.client.SetReadDeadline(past)
	}
	if x.copying {
		_ = x.client.SetWriteDeadline(past)
	}
}

// beginCopy says that from here on a write to the client may be cut: before, it would be the gateway's own answer that
// says why the exchange was ended. It is false if the exchange was ended already.
func (x *exchange) beginCopy() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.copying = true
	return x.ctx.Err() == nil
}
