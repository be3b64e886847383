package gateway

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"windhover/config"
	"windhover/gateway/usage"
)

// retry says when a request is sent once more to the same provider.
type retry struct {
	attempts         int              // in all
	on               *usage.Condition // nil: only when no connection came about
	backoff, maxWait time.Duration
}

// The times of a retry for which the file gives none, and how much of a body is kept for it, in bytes.
const (
	defaultBackoff = 500 * time.Millisecond
	defaultMaxWait = 10 * time.Second
	defaultKept    = 1 << 20
)

// compileRetry is nil where the file asks for none.
func compileRetry(c config.Retry, variables []string) (*retry, config.Problems) {
	if c.Attempts == 0 {
		return nil, nil
	}
	on, problems := usage.CompileOn(c.On, variables)
	return &retry{attempts: int(c.Attempts), on: on, backoff: c.Backoff.Or(defaultBackoff), maxWait: c.MaxWait.Or(defaultMaxWait)}, problems
}

// reached is what came of asking upstream, before the client got any of it: an answer, or why there is none.
type reached struct {
	res     *http.Response
	end     usage.End
	failure *failure           // nil: res is the answer
	took    time.Duration      // since the attempt began
	cancel  context.CancelFunc // ends the attempt alone
}

// reach asks upstream, and asks again, or somebody else, as the provider says. Nobody is asked a second time who may have seen
// the request, unless the provider says so for what came of it.
func (x *exchange) reach(t target, out *http.Request) reached {
	if refused := x.admitUpstream(out.URL.Host); refused != nil {
		return x.fallBack(t, reached{end: usage.EndRejected, failure: refused})
	}
	if x.provider.retry == nil && x.provider.fallback == nil {
		return x.ask(out)
	}
	x.provider.tally.budget.earn()
	got := x.askAlone(out)
	for x.retries(got) {
		next, ok := x.prepare(out)
		if !ok {
			break
		}
		x.provider.tally.retried.Add(1)
		x.abandon(got)
		got = x.askAlone(next)
	}
	return x.fallBack(t, got)
}

// ask makes one attempt.
func (x *exchange) ask(out *http.Request) (got reached) {
	res, err := x.send(out)
	if err == nil && x.declined(res) {
		res, err = x.sendPlain(out, res)
	}
	if err == nil {
		x.hear(res)
		return reached{res: res}
	}
	got.end, got.failure = x.sendFailure(err)
	x.conclude(got.end, got.failure.code)
	return got
}

// askAlone makes an attempt that can be given up alone.
func (x *exchange) askAlone(out *http.Request) reached {
	ctx, cancel := context.WithCancel(out.Context())
	got := x.ask(out.WithContext(ctx))
	got.took, got.cancel = time.Since(x.record.Time), cancel
	return got
}

// retries decides on another attempt, and waits until its time has come. The answer waits too: it is the client's if nothing
// better comes.
func (x *exchange) retries(got reached) bool {
	r := x.provider.retry
	if r == nil || x.record.Attempt >= r.attempts || !x.reason(got, r.on) || !x.replayable() {
		return false
	}
	wait, ok := r.wait(x.record.Attempt, got.res)
	if !ok {
		return false
	}
	if !x.provider.tally.budget.spend() {
		x.provider.tally.overBudget.Add(1)
		return false
	}
	x.clock.wait()
	defer x.clock.resume()
	return sleep(x.ctx, wait)
}

// reason reports whether another attempt is worth it: nothing was sent, or the file says so of what came. What is no error is
// the client's in any case: it is paid for.
func (x *exchange) reason(got reached, on *usage.Condition) bool {
	if x.ctx.Err() != nil {
		return false
	}
	if got.nothingSent() {
		return true
	}
	status, header := 0, http.Header(nil)
	switch {
	case got.res != nil && got.res.StatusCode < http.StatusBadRequest:
		return false
	case got.res != nil:
		status, header = got.res.StatusCode, got.res.Header
	case got.end == usage.EndRejected || got.end == usage.EndClientClosed: // our word, or its own doing
		return false
	}
	if on == nil {
		return false
	}
	asked := x.asked(status, header)
	asked.Attempt, asked.Elapsed, asked.End = x.record.Attempt, time.Since(x.arrived), got.end
	return on.Holds(asked, nil)
}

// nothingSent reports whether no connection came about. An address that the gateway refuses to connect to stays refused.
func (r reached) nothingSent() bool {
	return (r.end == usage.EndConnectError || r.end == usage.EndTimeoutConnect) && r.failure.code != "address_refused"
}

// replayable reports whether the request's body can be sent again: there is none, it was kept, or nobody has begun to read it.
func (x *exchange) replayable() bool {
	if x.body == nil || x.body.kept() || x.conn == nil && x.body.count() == 0 {
		return true
	}
	if x.bodyGone {
		return false // it was said
	}
	x.bodyGone = true
	x.provider.tally.bodyGone.Add(1)
	x.gateway.log.Info("no further attempt: the request's body is larger than what is kept, or comes without a length (retry_buffer)",
		"request_id", x.record.RequestID, "provider", x.provider.name)
	return false
}

// wait is a random time of up to the backoff, which doubles with each attempt, behind what the provider asks for. ok is false
// if that is longer than a client is to wait.
func (r *retry) wait(attempt int, res *http.Response) (wait time.Duration, ok bool) {
	most := min(r.backoff<<(attempt-1), r.maxWait)
	if most > 0 {
		wait = rand.N(most)
	}
	if res == nil {
		return wait, true
	}
	after, _ := retryAfter(res.Header)
	return after + wait, after <= r.maxWait
}

// sleep is true when the time is over before ctx is.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// prepare is the request for another attempt, if the breaker lets it through.
func (x *exchange) prepare(out *http.Request) (*http.Request, bool) {
	next := out.WithContext(out.Context())
	if !rewind(next) {
		return nil, false
	}
	if !x.added && x.body.kept() {
		setBody(next, x.body.all) // out asks for usage, which the provider may have declined since
	}
	held, upstream := x.ticket, x.upstream
	if refused := x.admitUpstream(out.URL.Host); refused != nil {
		x.ticket, x.upstream = held, upstream
		return nil, false
	}
	held.tell(saysNothing, "")
	x.errorBody = nil
	return next, true
}

// abandon closes the account of an attempt whose answer the client does not get. One that was never made has none.
func (x *exchange) abandon(got reached) {
	if got.cancel == nil {
		return
	}
	got.release()
	ended := attemptEnd{end: got.end, took: got.took}
	if got.res != nil {
		ended.end, ended.status = usage.EndComplete, got.res.StatusCode
	} else {
		ended.code = got.failure.code
	}
	asked := x.record.StreamUsage
	x.endAttempt(ended)
	x.record.StreamUsage, x.further = asked, true
	x.beginInformational()
}

// restTime is how long the rest of a short answer may keep the next attempt waiting.
const restTime = 100 * time.Millisecond

// release gives up what the attempt holds. A short answer is read to its end, so that its connection can be used again. To cancel
// comes before Close, which on HTTP/2 would wait until the request's body was sent.
func (r reached) release() {
	if r.res == nil {
		r.cancel()
		return
	}
	if n := r.res.ContentLength; n > 0 && n <= smallBody {
		late := time.AfterFunc(restTime, r.cancel)
		_, _ = io.CopyN(io.Discard, r.res.Body, n)
		late.Stop()
	}
	r.cancel()
	_ = r.res.Body.Close()
}

// retryBudget bounds retries to a share of the traffic: each request earns a tenth of one, and what is not spent adds up to a
// few. When everything fails, the provider gets a tenth more than it would without retries, not a multiple.
type retryBudget struct{ tenths atomic.Int64 }

const maxRetryTenths = 100

func newTally() *providerTally {
	t := new(providerTally)
	t.budget.tenths.Store(maxRetryTenths)
	return t
}

func (b *retryBudget) earn() {
	if b.tenths.Add(1) > maxRetryTenths {
		b.tenths.Add(-1)
	}
}

func (b *retryBudget) spend() bool {
	if b.tenths.Add(-10) >= 0 {
		return true
	}
	b.tenths.Add(10)
	return false
}
