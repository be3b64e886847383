package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"windhover/gateway/usage"
)

// exchange is one request and its response: what the stages of forward share.
type exchange struct {
	gateway  *Gateway
	snapshot *Snapshot // the one it began with, to its end
	course             // where it leads

	w      http.ResponseWriter
	client *http.ResponseController // of w
	given  http.Header              // of the request, as the client sent it
	ctx    context.Context          // of the attempt: ends when the client leaves, a timer fires, or the gateway stops
	cancel context.CancelCauseFunc

	body     *requestBody
	observer *usage.Observer
	record   *usage.Record
	asker    asker
	sent     bool // the answer's header went to the client

	place int          // how many exchanges were open when it began, with itself
	slots *slots       // that it has one of; nil: its provider has no limit
	held  atomic.Int64 // bytes of what is kept of the request's body

	remover *usageRemover // nil: nothing is taken out of the answer

	informational sync.Mutex // held while a 1xx answer is written
	answered      bool       // no more 1xx answers, under informational
	continued     bool       // the client got its 100, under informational
	hints         int        // 1xx answers so far, under informational
	expecting     time.Time  // since when the upstream's 100 is waited for

	conn      net.Conn // of the newest try; nil until there was a connection
	connStart int64    // what had been written to conn before
	connKept  bool     // conn has carried a request before, and one at a time
	tries     int      // how often a connection was taken

	departure departure

	left usage.End // what had interrupted the exchange when its answer came to a clean end; empty if nothing had

	arrived   time.Time
	bodyGone  bool       // a further attempt would have been made, had the request's body been kept
	further   bool       // what the client gets is not what came of the first attempt
	errorBody *errorBody // of the newest answer; nil: nobody asks for it

	idle, write stepTimer
	watch       watch
	header      headerFlush
	total       *time.Timer // nil: no limit
	totalBy     string      // the provider whose limit it is
	clock       clock

	mu       sync.Mutex // held while another goroutine sets deadlines of w
	copying  bool       // the answer's body is on its way, under mu
	finished bool       // w is no longer ours, under mu
}

// begin starts the account of an exchange.
func (g *Gateway) begin(w http.ResponseWriter, r *http.Request, t target) *exchange {
	now := time.Now()
	snapshot := g.snapshot.Load()
	x := &exchange{
		gateway: g, snapshot: snapshot, w: w, client: http.NewResponseController(w), course: course{r: r}, given: r.Header, arrived: now, clock: clock{began: now},
	}
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
	x.place = g.open.add(x)
	return x
}

// finish closes the account, exactly once. It runs on every way out, panics included.
func (x *exchange) finish() {
	defer x.gateway.open.remove(x)
	p, sent := recover(), x.sent
	if p != nil && p != http.ErrAbortHandler {
		x.gateway.log.Error("panic while serving a request", "panic", x.hide(fmt.Sprint(p)), "request_id", x.record.RequestID, "stack", string(debug.Stack()))
		x.bug()
	}
	x.cancel(nil)
	x.leaveSlots()
	x.endDeparture()
	x.release(p == nil)
	x.account()
	x.gateway.bodies.Give(x.held.Load())
	if p != nil && sent {
		panic(http.ErrAbortHandler)
	}
}

// release gives the client's connection back to net/http, which may still have the end of the answer to write. On HTTP/2 that
// cannot block, and a deadline would reset the stream.
func (x *exchange) release(whole bool) {
	if x.total != nil {
		x.total.Stop()
	}
	x.stopWatch()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.finished = true
	if x.copying && whole && x.write.limit > 0 && x.r.ProtoMajor == 1 && !x.endIsWritten() {
		_ = x.client.SetWriteDeadline(time.Now().Add(x.write.limit)) // net/http takes it off again
	}
}

// endIsWritten reports whether nothing can be left to write of an answer that is whole: its length stands in the header, and a
// write of its body has taken that along.
func (x *exchange) endIsWritten() bool {
	return x.record.BytesOut > 0 && len(x.w.Header()["Content-Length"]) > 0
}

// bug answers for a panic of ours, if there is still something to answer.
func (x *exchange) bug() {
	if x.record.End == "" {
		x.record.End = usage.EndRejected
	}
	if !x.sent {
		clear(x.w.Header()) // it may describe a body that is not this one
		x.refuse(x.record.End, internalFailure())
	}
}

// account fills the record and hands it to the sink.
func (x *exchange) account() {
	rec := x.record
	x.note(rec)
	if x.observer != nil {
		found := x.observer.Close(rec.End == usage.EndComplete || x.departure.whole)
		x.settle(&found)
		x.observer.Release()
	}
	x.conclude(rec.End, rec.Error)
	x.snapshot.Charge(rec)
	x.sign(rec)
	rec.Gaps = x.clock.gaps
	if rec.Attempt > 0 && rec.Status != http.StatusSwitchingProtocols {
		rec.Overhead = x.clock.stop()
	}
	x.gateway.options.Sink(rec)
}

// deliver hands the sink a record of what is not the end of the exchange, with who asked and what it cost.
func (x *exchange) deliver(rec *usage.Record) {
	x.snapshot.Charge(rec)
	x.sign(rec)
	x.gateway.options.Sink(rec)
}

// note fills in what is known without the observer.
func (x *exchange) note(rec *usage.Record) {
	if x.body != nil {
		rec.BytesIn += x.body.count()
		rec.RequestModel = x.body.model()
	}
	rec.Resent = max(x.tries-1, 0)
	if rec.UsageState == "" {
		rec.UsageState = usage.None
	}
	rec.Duration = time.Since(rec.Time)
}

// settle takes what the observer has found.
func (x *exchange) settle(found *usage.Result) {
	rec := x.record
	report(rec, found)
	if found.Fault != nil {
		rec.Fault = true
		x.gateway.log.Error("usage could not be read, a bug of the gateway", "request_id", rec.RequestID, "provider", rec.Provider, "error", x.hide(found.Fault.Error()))
	}
	switch {
	case rec.End == usage.EndComplete && !found.Ended && x.left != "":
		rec.End = x.left // the upstream ended its answer because we hung up
	case rec.End == usage.EndComplete && !found.Ended && found.State != usage.Unreadable:
		rec.End = usage.EndUpstreamTruncated // a clean end of HTTP, but not of the provider's protocol
	case rec.End == usage.EndClientClosed && found.Ended && !x.departure.unheard,
		rec.End == usage.EndComplete && x.left == usage.EndClientClosed && found.Ended:
		rec.End = usage.EndClientClosedAfter
	}
}

// report puts what the observer has found into a record.
func report(rec *usage.Record, found *usage.Result) {
	rec.Usage, rec.UsageState, rec.Parts = found.Usage, found.State, found.Parts
	rec.Doubts, rec.RawUsage = found.Doubts, found.RawUsage
	rec.Events, rec.Stream = found.Events, found.Stream
}

// refuse answers in the upstream's place.
func (x *exchange) refuse(end usage.End, f *failure) {
	x.record.End, x.record.Status, x.record.Error = end, f.status, f.code
	x.mark(x.w.Header())
	x.closeUnread()
	x.sent = true
	f.write(x.w)
}

// mark adds to an answer what the client can quote: the request, and who has answered where that is not plain.
func (x *exchange) mark(h http.Header) {
	h[headerRequestID] = []string{x.record.RequestID}
	if x.further {
		h[headerAttempt], h[headerProvider] = []string{strconv.Itoa(x.record.Attempt)}, []string{x.record.Provider}
	}
}

// closeUnread ends the client's HTTP/1.1 connection with an answer that comes before the request's body was read:
// what is left of the body, and who reads it, would be in the way of the next request.
func (x *exchange) closeUnread() {
	if x.r.ProtoMajor == 1 && !x.body.whole() {
		x.w.Header()["Connection"] = []string{"close"}
	}
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
		Decode:  x.gateway.decoding,
	}
}

// abort makes a broken answer look broken: the stream is reset on HTTP/2, the connection closed in the middle on
// HTTP/1.1. An HTTP/1.0 client takes a closed connection for the answer's end, so it gets a TCP reset. On HTTP/1 the
// connection is taken from net/http, which would wait for the rest of the request before it closes.
func (x *exchange) abort() {
	x.clock.wait()
	_ = x.flush() // an answer whose body never began has a header all the same
	if x.r.ProtoMajor == 1 {
		if conn, _, err := x.client.Hijack(); err == nil {
			x.breakOff(conn)
		}
	}
	panic(http.ErrAbortHandler)
}

func (x *exchange) breakOff(conn net.Conn) {
	if x.r.ProtoAtLeast(1, 1) {
		_ = conn.Close()
		return
	}
	reset(conn)
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

// writeFailure says how an exchange ended whose client takes no more.
func (x *exchange) writeFailure(err error) usage.End {
	if end, over := x.interrupted(); over {
		return end
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return usage.EndTimeoutWrite // the server's own
	}
	return usage.EndClientClosed
}
