package gateway

import (
	"errors"
	"math"
	"sync/atomic"
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
// Between the steps it does not run, so that a slow client is never taken for a silent upstream. A step only writes down when
// it began, and the exchange's watch looks after it: a stream has two steps for every piece, and to set a timer for each
// would cost more than all that is done with the piece.
type stepTimer struct {
	x     *exchange
	limit time.Duration // 0: none
	cause error
	began atomic.Int64 // when the step under way began, by the exchange's clock; 0: none is
}

func (t *stepTimer) start() {
	if t.limit > 0 {
		t.startAt(t.x.clock.now())
	}
}

// startAt is start for who has just read the exchange's clock.
func (t *stepTimer) startAt(now time.Duration) { t.began.Store(int64(now)) }

func (t *stepTimer) stop() { t.began.Store(0) }

// left is how long the step under way, or one that begins now, may still take. Without a limit that is for ever.
func (t *stepTimer) left() time.Duration {
	if t.limit == 0 {
		return math.MaxInt64
	}
	began := t.began.Load()
	if began == 0 {
		return t.limit
	}
	return time.Duration(began) + t.limit - t.x.clock.now()
}

// watch is the one timer of all steps of an exchange.
type watch struct {
	timer *time.Timer // nil: there was nothing to look after yet
	ended atomic.Bool
}

// startWatch makes the exchange's steps be looked after, for the first time when first has passed; 0: that need not be.
func (x *exchange) startWatch(first time.Duration) {
	if first == 0 {
		return
	}
	if x.watch.timer == nil {
		x.watch.timer = time.AfterFunc(math.MaxInt64, x.look) // it must not fire before look can see it
	}
	x.watch.timer.Reset(first)
}

// look sends a header that waits, and interrupts the exchange if a step has taken too long. Otherwise it looks again when
// one may have.
func (x *exchange) look() {
	x.header.send(x)
	least := time.Duration(math.MaxInt64)
	for _, t := range [...]*stepTimer{&x.idle, &x.write} {
		left := t.left()
		if left <= 0 {
			x.interrupt(t.cause)
			return
		}
		least = min(least, left)
	}
	x.watch.timer.Reset(least)
	if x.watch.ended.Load() {
		x.watch.timer.Stop()
	}
}

// stopWatch is the end of startWatch.
func (x *exchange) stopWatch() {
	x.watch.ended.Store(true)
	if x.watch.timer != nil {
		x.watch.timer.Stop()
	}
}

// startTotal bounds the whole exchange.
func (x *exchange) startTotal() { x.boundTotal(x.provider, x.provider.total) }

// turnTotal bounds what is left when another provider is asked. What the first one allows for the whole exchange goes on to
// count; what this one allows counts from now on, or else it could be over before it was asked.
func (x *exchange) turnTotal(first *provider) {
	by, left := x.provider, x.provider.total
	if first.total > 0 {
		rest := max(first.total-time.Since(x.arrived), 1) // 0 would be no limit
		if left == 0 || rest < left {
			by, left = first, rest
		}
	}
	x.boundTotal(by, left)
}

// boundTotal ends the exchange when the limit has passed, in the place of what did so before; 0: nothing does.
func (x *exchange) boundTotal(by *provider, limit time.Duration) {
	if x.total != nil {
		x.total.Stop()
	}
	if limit > 0 {
		x.total, x.totalBy = time.AfterFunc(limit, func() { x.interrupt(errTotal) }), by.name
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
