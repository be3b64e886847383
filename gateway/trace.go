package gateway

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"time"
)

// trace follows what net/http does with the request: which connection it takes, and 1xx answers.
func (x *exchange) trace() *httptrace.ClientTrace {
	t := &httptrace.ClientTrace{
		GetConn:        func(string) { x.conn = nil },
		GotConn:        x.gotConn,
		Got1xxResponse: x.got1xx,
	}
	if x.r.Header["Expect"] != nil {
		t.Wait100Continue = func() { x.expecting = time.Now() }
	}
	return t
}

func (x *exchange) gotConn(info httptrace.GotConnInfo) {
	x.tries++
	x.conn, x.connKept = info.Conn, false
	up := beneath(info.Conn)
	if t, ok := info.Conn.(*tls.Conn); ok && t.ConnectionState().NegotiatedProtocol == "h2" {
		up.shared.Store(true)
	}
	if up.shared.Load() {
		return
	}
	x.connStart, x.connKept = up.written.Load(), info.Reused
}

// unsent reports whether the newest try failed because a kept connection had ended before a byte of the request was written.
func (x *exchange) unsent() bool {
	return x.conn != nil && x.connKept && beneath(x.conn).written.Load() == x.connStart && x.ctx.Err() == nil
}

// maxInformational is how many informational answers an upstream may send before its answer. net/http bounds their bytes only where
// nobody asks for them.
const maxInformational = 1000

// got1xx passes an informational answer on at once (RFC 9110, section 15.2). net/http may call it when the exchange is
// over already, from another goroutine.
func (x *exchange) got1xx(code int, header textproto.MIMEHeader) error {
	x.informational.Lock()
	defer x.informational.Unlock()
	if x.hints++; x.hints > maxInformational {
		return fmt.Errorf("more than %d informational answers", maxInformational)
	}
	if x.answered || !x.r.ProtoAtLeast(1, 1) {
		return nil // HTTP/1.0 knows no 1xx
	}
	if code == http.StatusContinue {
		if x.continued {
			return nil
		}
		x.continued = true
	}
	h := x.w.Header()
	before := maps.Clone(h)
	maps.Copy(h, http.Header(header))
	x.w.WriteHeader(code)
	clear(h)
	maps.Copy(h, before)
	return nil
}

// continueDelay is how long an upstream may let a client wait for the 100 that it expects.
const continueDelay = time.Second

// mayContinue asks the client for its body (RFC 9110, section 10.1.1) when the upstream has, or has kept silent for
// continueDelay. net/http wants the body also when the upstream has refused it, to keep the connection: the client is not
// asked then. The transport calls it, in the goroutine that sends the request.
func (x *exchange) mayContinue() error {
	x.informational.Lock()
	asked := x.continued
	if !asked && !x.answered && time.Since(x.expecting) >= continueDelay {
		// The server would do so itself at the first read, but while another 1xx answer may be on its way.
		asked, x.continued = true, true
		x.w.WriteHeader(http.StatusContinue)
	}
	x.informational.Unlock()
	if asked {
		return nil
	}
	<-x.ctx.Done() // an error would break off the answer
	return context.Cause(x.ctx)
}

// beginInformational says that another attempt may bring 1xx answers.
func (x *exchange) beginInformational() {
	x.informational.Lock()
	defer x.informational.Unlock()
	x.answered = false
}

// endInformational says that the final answer's turn has come.
func (x *exchange) endInformational() {
	x.informational.Lock()
	defer x.informational.Unlock()
	x.answered = true
}
