package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"windhover/gateway/usage"
)

// forward is the story of an exchange, in wire order.
func (g *Gateway) forward(w http.ResponseWriter, r *http.Request, t target) {
	x := g.begin(w, r, t)
	defer x.finish() // exactly once, whatever happens below

	refused := x.admit(t)
	x.identify(t.query)
	if denied := x.authorize(); denied != nil {
		refused = denied // whom the file does not name learns nothing of the routes either
	}
	if refused != nil {
		x.refuse(usage.EndRejected, g.discreet(refused))
		x.record.Error = refused.code // the operator may know what the client is not told
		return
	}
	if end, full := x.enter(); full != nil {
		x.refuse(end, full)
		return
	}
	out, refused := x.request(t)
	if refused != nil {
		x.refuse(x.rejection(refused))
		return
	}
	got := x.reach(t, out)
	if got.failure != nil {
		x.refuse(got.end, got.failure)
		return
	}
	res := got.res
	defer x.leave(res)
	if res.StatusCode == http.StatusSwitchingProtocols {
		x.tunnel(res)
		return
	}
	x.answer(res)
	x.copy(res)
}

// reject answers a request that asks for no address of the gateway's. It has a record like any other that is refused.
func (g *Gateway) reject(w http.ResponseWriter, r *http.Request, t target) {
	x := g.begin(w, r, t)
	defer x.finish()
	x.identify(t.query)
	x.refuse(usage.EndRejected, badRequest("bad_target", "this is a gateway, not a forward proxy: ask for /PROVIDER/…"))
}

// admit finds the provider and its route, and decodes the path variables.
func (x *exchange) admit(t target) (refused *failure) {
	name, rest := t.first()
	x.provider, x.match, refused = x.snapshot.match(name, rest)
	if x.provider != nil {
		x.record.Provider = x.provider.name
		x.idle.x, x.idle.limit, x.idle.cause = x, x.provider.idle, errIdle
		x.write.x, x.write.limit, x.write.cause = x, x.provider.write, errWrite
		x.startTotal()
	}
	if refused != nil {
		return refused
	}
	if climbs(rest) {
		return badRequest("bad_target", "the path holds a segment . or .., which could lead elsewhere than it says")
	}
	if refused := x.snapshot.carriers.misplaced(x.r.Header); refused != nil {
		return refused
	}
	return x.match.scope.decode()
}

// request is what goes upstream: the client's request, with the host template and the header rewrite applied.
func (x *exchange) request(t target) (*http.Request, *failure) {
	x.detach()
	u, refused := x.address(t)
	if refused != nil {
		return nil, refused
	}
	header, err := x.provider.request.requestHeader(x.r.Header, &x.match.scope)
	if err != nil {
		return nil, badTemplate(err)
	}
	if upgrade := upgradeType(x.r.Header); upgrade != "" {
		header["Connection"], header["Upgrade"] = []string{"Upgrade"}, []string{upgrade}
	}
	hideIdempotencyKey(header)
	out := (&http.Request{
		Method: x.r.Method, URL: u, Host: u.Host, Header: header,
		ProtoMajor: 1, ProtoMinor: 1, // without it net/http does not wait for the 100 of an Expect
	}).
		WithContext(httptrace.WithClientTrace(x.ctx, x.trace()))
	return out, x.attachBody(out)
}

// address is the URL that the request goes to.
func (x *exchange) address(t target) (*url.URL, *failure) {
	scope := &x.match.scope
	scope.header, scope.query = x.r.Header, t.query
	host, path, refused := x.match.route.upstream.address(scope)
	if refused != nil {
		return nil, refused
	}
	x.path = path + x.match.rest
	t, err := x.provider.request.query(t, scope)
	if err != nil {
		return nil, badTemplate(err)
	}
	u := &url.URL{Scheme: x.match.route.upstream.scheme, Host: host}
	if !setTarget(u, x.path, t) {
		return nil, badRequest("bad_target", "the path begins with // and holds characters that cannot be sent unchanged")
	}
	return u, nil
}

func badTemplate(err error) *failure {
	return badRequest("bad_template", "a template of this provider fails on this request: "+err.Error())
}

// leave ends the attempt. On HTTP/2, Close waits until the request's body was sent, unless the context has ended: the
// client may wait for the end of the answer before it sends the rest.
func (x *exchange) leave(res *http.Response) {
	x.cancel(nil)
	_ = res.Body.Close()
}

// hideIdempotencyKey keeps net/http from sending a request again that the provider may have seen: it does so for any
// method when the header's map holds this key as it is spelled here. The name on the wire means the same in lower case.
func hideIdempotencyKey(h http.Header) {
	for _, name := range [...]string{"Idempotency-Key", "X-Idempotency-Key"} {
		if values, ok := h[name]; ok {
			delete(h, name)
			h[strings.ToLower(name)] = values
		}
	}
}

// rejection says how a request ended that never left: the client may be gone, or the gateway stopping, while its body is read.
func (x *exchange) rejection(refused *failure) (usage.End, *failure) {
	if end, over := x.interrupted(); over {
		return end, x.interruption(end)
	}
	return usage.EndRejected, refused
}

// send gives the request to the provider's transport. A request of which nothing left, because the kept connection had
// been closed, is sent again; net/http does so by itself, but not if it saw the end before it took up the request.
func (x *exchange) send(out *http.Request) (*http.Response, error) {
	x.record.Attempt, x.record.Final = max(x.record.Attempt, 1), true
	x.clock.wait()
	res, err := x.match.route.transport.RoundTrip(out)
	for err != nil && x.unsent() && rewind(out) {
		res, err = x.match.route.transport.RoundTrip(out)
	}
	x.clock.resume()
	x.endInformational()
	if err != nil {
		return nil, err
	}
	if errors.Is(x.body.failed(), errTooLarge) {
		_ = res.Body.Close()
		return nil, errTooLarge // the upstream may answer a request that was cut off
	}
	x.record.FirstByte = time.Since(x.record.Time)
	if res.StatusCode < 100 {
		_ = res.Body.Close()
		return nil, fmt.Errorf("status %d is none", res.StatusCode) // net/http reads such a one, and panics when it is to write it
	}
	return res, nil
}

// rewind makes a request ready to be sent again, if its body can be.
func rewind(out *http.Request) bool {
	if out.GetBody == nil {
		return true
	}
	body, err := out.GetBody()
	out.Body = body
	return err == nil
}

// sendFailure says how an attempt ended that got no answer.
func (x *exchange) sendFailure(err error) (usage.End, *failure) {
	name := x.provider.name
	if end, over := x.interrupted(); over {
		return end, x.interruption(end)
	}
	if cut := x.body.failed(); cut != nil {
		return x.cutBody(cut)
	}
	var timeout interface{ Timeout() bool }
	timedOut := errors.As(err, &timeout) && timeout.Timeout()
	reason := x.hide(err.Error())
	switch {
	case errors.Is(err, errAddressRefused):
		return usage.EndConnectError, upstreamFailure("address_refused", fmt.Sprintf("%s leads to an address that is not allowed: %s", name, reason))
	case x.conn == nil && timedOut:
		return usage.EndTimeoutConnect, timeoutFailure("timeout_connect", fmt.Sprintf("%s could not be reached within %s (timeouts.connect): %s", name, x.match.route.link.connect, reason))
	case x.conn == nil:
		return usage.EndConnectError, upstreamFailure("connect_error", fmt.Sprintf("%s could not be reached: %s%s", name, reason, x.match.route.link.knob(err)))
	case timedOut:
		return usage.EndTimeoutHeader, timeoutFailure("timeout_header", fmt.Sprintf("%s did not answer within %s (timeouts.response_header)", name, x.match.route.link.header))
	}
	return usage.EndUpstreamError, upstreamFailure("upstream_error", fmt.Sprintf("%s broke off before it answered: %s%s", name, reason, tlsKnob(err)))
}

// cutBody says how an attempt ended whose request broke off.
func (x *exchange) cutBody(why error) (usage.End, *failure) {
	if errors.Is(why, errTooLarge) {
		return usage.EndRejected, x.tooLarge()
	}
	return usage.EndClientClosed, badRequest("body_cut", fmt.Sprintf("the request's body broke off: %v", why))
}

// interrupted tells an end that the client or the gateway brought about from one that the upstream did.
func (x *exchange) interrupted() (usage.End, bool) {
	if x.ctx.Err() == nil {
		return "", false
	}
	switch context.Cause(x.ctx) {
	case errIdle:
		return usage.EndTimeoutIdle, true
	case errTotal:
		return usage.EndTimeoutTotal, true
	case errWrite:
		return usage.EndTimeoutWrite, true
	case errUpload:
		return usage.EndTimeoutUpload, true
	case errShutdown:
		return usage.EndShutdown, true
	}
	return usage.EndClientClosed, true
}

// answer sends the header of the upstream's answer to the client.
func (x *exchange) answer(res *http.Response) {
	h := x.w.Header()
	x.unask(res)
	x.provider.response.responseHeader(h, res.Header, &x.match.scope)
	x.mark(h)
	x.announceTrailers(res)
	x.closeUnread()
	x.record.Status = res.StatusCode
	x.observer = x.provider.rules.Observe(x.asked(res.StatusCode, res.Header))
	x.w.WriteHeader(res.StatusCode)
	x.sent = true
}

// copy streams the body, and makes the client see how it ended.
func (x *exchange) copy(res *http.Response) {
	x.record.End = x.stream(res)
	if x.record.End != usage.EndComplete {
		x.abort()
	}
	x.sendTrailers(res)
}

// stream copies the body: every read is written and flushed at once.
func (x *exchange) stream(res *http.Response) usage.End {
	if !x.beginCopy() {
		return x.readFailure()
	}
	x.header.set(true)
	defer x.header.set(false)
	x.startWatch(headerDelayOf(res))
	buffer := takeBuffer(res.ContentLength)
	defer buffer.give()
	for {
		x.idle.startAt(x.clock.wait())
		n, err := res.Body.Read(buffer.bytes())
		x.idle.stop()
		if n > 0 {
			x.header.set(false)
			if end, ok := x.pass(buffer.bytes()[:n]); !ok {
				return x.drain(res, end)
			}
			buffer.fit(n)
		}
		if err != nil {
			return x.endOfBody(res, err)
		}
	}
}

// endOfBody says how an answer ended that will bring no more bytes.
func (x *exchange) endOfBody(res *http.Response, err error) usage.End {
	x.clock.resume()
	if x.remover != nil {
		if end, ok := x.toClient(x.remover.rest()); !ok {
			return end
		}
	}
	if err == io.EOF && x.departure.happened.Load() {
		x.departure.whole = true
		return usage.EndClientClosed
	}
	if errors.Is(x.body.failed(), errTooLarge) {
		return usage.EndRejected // over TLS, the upstream learns that the request is at its end, and may end its answer
	}
	if err == io.EOF {
		x.left, _ = x.interrupted()
		switch {
		case x.left == usage.EndClientClosed && res.ContentLength >= 0 && x.remover == nil:
			x.left = "" // the client had all of it before it left
		case x.left != "" && x.left != usage.EndClientClosed:
			return x.left // the upstream may have ended it because we hung up
		}
		return usage.EndComplete
	}
	return x.readFailure()
}

// pass writes a read to the client, then lets the observer see it: the client never waits for the accounting.
func (x *exchange) pass(p []byte) (end usage.End, ok bool) {
	if x.remover != nil {
		x.clock.piece()
		x.observer.Write(p) // before p is changed
		p = x.remover.write(p)
		x.clock.wait()
		return x.toClient(p)
	}
	end, ok = x.toClient(p)
	x.clock.piece()
	x.observer.Write(p)
	return end, ok
}

// toClient writes and flushes. If it fails, it says how the exchange ended.
func (x *exchange) toClient(p []byte) (end usage.End, ok bool) {
	if len(p) == 0 {
		return "", true
	}
	x.write.start()
	n, err := x.w.Write(p)
	if err == nil {
		err = x.client.Flush()
	}
	x.write.stop()
	x.record.BytesOut += int64(n)
	if err != nil {
		return x.writeFailure(err), false
	}
	return "", true
}

// flush sends what is buffered.
func (x *exchange) flush() error {
	x.write.start()
	defer x.write.stop()
	return x.client.Flush()
}

// readFailure says who ended an answer that did not come to its own end.
func (x *exchange) readFailure() usage.End {
	if end, over := x.interrupted(); over {
		return end
	}
	if cut := x.body.failed(); cut != nil {
		end, _ := x.cutBody(cut)
		return end
	}
	return usage.EndUpstreamTruncated
}
