package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"windhover/config"
	"windhover/gateway/usage"
)

// Providers charge for what they generate, and some go on generating when nobody listens. A provider that says
// `on_client_disconnect: {action: drain}` is listened to in the client's place, so that the record holds what will be on the bill.

// The bounds of draining where the file gives none.
const (
	defaultDrainTime  = time.Minute
	defaultDrainBytes = 16 << 20
)

// drainage is how long and how much is read of an answer whose client has left; nil: nothing.
type drainage struct {
	time  time.Duration
	bytes int64
}

func newDrainage(c config.OnClientDisconnect) *drainage {
	if c.Action.Value != "drain" {
		return nil
	}
	return &drainage{c.MaxTime.Or(defaultDrainTime), int64(c.MaxBytes.Or(defaultDrainBytes))}
}

// errDeparted ends an exchange whose client has left.
var errDeparted = errors.New("the client has left")

// departure is what becomes of an exchange whose provider is drained; the zero value belongs to all others.
type departure struct {
	happened atomic.Bool // the client has left
	unwatch  func() bool
	timer    *time.Timer // under the exchange's mu
	unheard  bool        // a part of the answer was read that the client did not get
	whole    bool        // the answer came to its end without the client
}

// detach makes an exchange with a provider that is drained outlive its client.
func (x *exchange) detach() {
	if x.provider.drain == nil {
		return
	}
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(x.r.Context()))
	x.mu.Lock()
	if x.ctx.Err() != nil {
		cancel(context.Cause(x.ctx))
	}
	x.cancel(nil)
	x.ctx, x.cancel = ctx, cancel
	x.mu.Unlock()
	x.w = departingWriter{x.w, &x.departure.happened}
	x.departure.unwatch = context.AfterFunc(x.r.Context(), x.depart)
}

// depart is called when the client has left. The provider has a while then, if it has the whole request: nobody would send the rest.
func (x *exchange) depart() {
	x.departure.happened.Store(true)
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.finished, x.departure.timer != nil:
	case x.uploaded():
		x.departure.timer = time.AfterFunc(x.provider.drain.time, func() { x.interrupt(errDeparted) })
	default:
		x.cancel(errDeparted)
	}
}

// uploaded reports whether the client has sent its request to the end. The exchange's mu is held.
func (x *exchange) uploaded() bool {
	if x.body == nil {
		return x.r.ContentLength == 0 && len(x.r.TransferEncoding) == 0
	}
	return x.body.whole()
}

// endDeparture gives up what waits for the client to leave.
func (x *exchange) endDeparture() {
	if x.departure.unwatch != nil {
		x.departure.unwatch()
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.departure.timer != nil {
		x.departure.timer.Stop()
	}
}

// departingWriter fails from the moment on when the client has left, and not with the write that its kernel refuses: what
// is read after that counts as unheard.
type departingWriter struct {
	http.ResponseWriter
	left *atomic.Bool
}

func (w departingWriter) Write(p []byte) (int, error) {
	if w.left.Load() {
		return 0, errDeparted
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap is asked by http.ResponseController.
func (w departingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// drain reads what is left of an answer whose client takes no more, for the usage in it. However far it comes, it was the
// client who ended the exchange.
func (x *exchange) drain(res *http.Response, end usage.End) usage.End {
	if end != usage.EndClientClosed || x.provider.drain == nil {
		return end
	}
	x.depart()
	x.departure.unheard = true
	buffer := takeBuffer(-1)
	defer buffer.give()
	for left := x.provider.drain.bytes; left > 0; {
		x.idle.start()
		n, err := res.Body.Read(buffer.bytes())
		x.idle.stop()
		x.observer.Write(buffer.bytes()[:n])
		left -= int64(n)
		if err != nil {
			x.departure.whole = err == io.EOF
			break
		}
		buffer.fit(n)
	}
	return usage.EndClientClosed
}
