package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/google/uuid"

	"windhover/gateway/usage"
)

// exchange is one request and its response: what the stages of forward share.
type exchange struct {
	gateway  *Gateway
	snapshot *Snapshot // the one it began with, to its end
	provider *provider
	match    match

	w      http.ResponseWriter
	client *http.ResponseController // of w
	r      *http.Request
	ctx    context.Context // of the attempt: ends when the client leaves, a timer fires, or the gateway stops
	cancel context.CancelCauseFunc

	path     string // of the upstream request, without query
	body     *requestBody
	observer *usage.Observer
	record   *usage.Record
	sent     bool // the answer's header went to the client
	trailers int  // how many were announced

	informational sync.Mutex // held while a 1xx answer is written
	answered      bool       // no more 1xx answers, under informational

	conn       net.Conn // of the newest try; nil until there was a connection
	connStart  int64    // what had been written to conn before
	connHTTP2  bool
	tries      int // how often net/http took a connection
	deadline   time.Time
	totalTimer *time.Timer
}

// begin starts the account of an exchange.
func (g *Gateway) begin(w http.ResponseWriter, r *http.Request, t target) *exchange {
	now := time.Now()
	snapshot := g.snapshot.Load()
	x := &exchange{gateway: g, snapshot: snapshot, w: w, client: http.NewResponseController(w), r: r}
	x.ctx, x.cancel = context.WithCancelCause(r.Context())
	x.record = &usage.Record{
		ID:        newID(),
		RequestID: newID(),
		Time:      now,
		Client:    clientOf(r, g.options.TrustedProxies),
		Method:    r.Method,
		Path:      t.path,
		Revision:  snapshot.Revision,
	}
	g.open.add(x)
	return x
}

// newID is a UUIDv7 (RFC 9562): unique, and sorted by time.
func newID() string {
	id, err := uuid.NewV7()
	if err != nil {
		panic(err) // the system's random source cannot fail (crypto/rand)
	}
	return id.String()
}

// finish closes the account, exactly once. It runs on every way out, panics included.
func (x *exchange) finish() {
	p := recover()
	if p != nil && p != http.ErrAbortHandler {
		x.gateway.log.Error("panic while serving a request", "panic", fmt.Sprint(p), "request_id", x.record.RequestID, "stack", string(debug.Stack()))
		x.bug()
	}
	x.cancel(nil)
	if x.totalTimer != nil {
		x.totalTimer.Stop()
	}
	if !x.deadline.IsZero() && p == nil {
		_ = x.client.SetWriteDeadline(time.Time{}) // net/http keeps it for the connection's next request
	}
	x.account()
	x.gateway.open.remove(x)
	if p != nil && x.sent {
		panic(http.ErrAbortHandler)
	}
}

// bug answers for a panic of ours, if there is still something to answer.
func (x *exchange) bug() {
	if x.record.End == "" {
		x.record.End = usage.EndRejected
	}
	if !x.sent {
		internalFailure().write(x.w)
		x.record.Status = http.StatusInternalServerError
	}
}

// account fills the record and hands it to the sink.
func (x *exchange) account() {
	rec := x.record
	if x.body != nil {
		rec.BytesIn = x.body.count()
		rec.RequestModel = x.body.model()
	}
	rec.Resent = max(x.tries-1, 0)
	if rec.UsageState == "" {
		rec.UsageState = usage.None
	}
	if x.observer != nil {
		x.settle(x.observer.Close(rec.End == usage.EndComplete))
	}
	rec.Duration = time.Since(rec.Time)
	x.gateway.options.Sink(rec)
}

// settle takes what the observer has found.
func (x *exchange) settle(found usage.Result) {
	rec := x.record
	rec.Usage, rec.UsageState, rec.Parts = found.Usage, found.State, found.Parts
	rec.Doubts, rec.RawUsage = found.Doubts, found.RawUsage
	rec.Events, rec.Stream = found.Events, found.Stream
	if found.Fault != nil {
		x.gateway.log.Error("usage could not be read, a bug of the gateway", "request_id", rec.RequestID, "provider", rec.Provider, "error", found.Fault)
	}
	switch {
	case rec.End == usage.EndComplete && !found.Ended && found.State != usage.Unreadable:
		rec.End = usage.EndUpstreamTruncated // a clean end of HTTP, but not of the provider's protocol
	case rec.End == usage.EndClientClosed && found.Ended:
		rec.End = usage.EndClientClosedAfter
	}
}

// refuse answers in the upstream's place.
func (x *exchange) refuse(end usage.End, f *failure) {
	x.record.End, x.record.Status, x.record.Error = end, f.status, f.code
	x.w.Header()[headerRequestID] = []string{x.record.RequestID}
	x.sent = true
	f.write(x.w)
}

// asked is what rules may ask about the exchange when the answer's header is there.
func (x *exchange) asked(status int, header http.Header) usage.Exchange {
	return usage.Exchange{
		Method:  x.r.Method,
		Path:    x.path,
		Status:  status,
		Header:  header,
		Param:   x.match.scope.param,
		Request: x.body.prefix,
	}
}

// abort makes a broken answer look broken: the connection is reset on HTTP/2, and closed in the middle on HTTP/1.1. An
// HTTP/1.0 client takes a closed connection for the answer's end, so it gets a TCP reset.
func (x *exchange) abort() {
	if !x.r.ProtoAtLeast(1, 1) {
		if conn, _, err := x.client.Hijack(); err == nil {
			reset(conn)
		}
	}
	panic(http.ErrAbortHandler)
}

// reset closes a connection with a TCP reset in place of an orderly end.
func reset(conn net.Conn) {
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = t.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// armWriteDeadline bounds the next write to the client. It is moved only when a good part of it has passed, because
// that costs more than the rest of a write's bookkeeping.
func (x *exchange) armWriteDeadline() {
	limit := x.provider.write
	if limit == 0 {
		return
	}
	now := time.Now()
	if x.deadline.Sub(now) > limit-limit/8 {
		return
	}
	x.deadline = now.Add(limit)
	_ = x.client.SetWriteDeadline(x.deadline) // a writer that knows none goes without
}

// writeFailure says how an exchange ended whose client takes no more.
func (x *exchange) writeFailure(err error) usage.End {
	if end, ours := x.interrupted(); ours && end != usage.EndClientClosed {
		return end
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return usage.EndTimeoutWrite
	}
	return usage.EndClientClosed
}

// openExchanges are those that have begun and not finished.
type openExchanges struct {
	mu    sync.Mutex
	all   map[*exchange]struct{}
	empty chan struct{} // closed when none is left; nil while nobody waits
}

func (o *openExchanges) add(x *exchange) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all == nil {
		o.all = make(map[*exchange]struct{})
	}
	o.all[x] = struct{}{}
}

func (o *openExchanges) remove(x *exchange) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.all, x)
	if len(o.all) == 0 && o.empty != nil {
		close(o.empty)
		o.empty = nil
	}
}

// wait returns when no exchange is open, or when ctx ends; how many are open then.
func (o *openExchanges) wait(ctx context.Context) int {
	o.mu.Lock()
	if len(o.all) == 0 {
		o.mu.Unlock()
		return 0
	}
	if o.empty == nil {
		o.empty = make(chan struct{})
	}
	empty := o.empty
	o.mu.Unlock()

	select {
	case <-empty:
	case <-ctx.Done():
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.all)
}

// end ends every open exchange with the cause.
func (o *openExchanges) end(cause error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for x := range o.all {
		x.cancel(cause)
	}
}
