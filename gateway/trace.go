package gateway

import (
	"crypto/tls"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
)

// trace follows what net/http does with the request: which connection it takes, and 1xx answers.
func (x *exchange) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn:        x.gotConn,
		Got1xxResponse: x.got1xx,
	}
}

func (x *exchange) gotConn(info httptrace.GotConnInfo) {
	x.tries++
	x.conn, x.connStart, x.connHTTP2 = info.Conn, writtenTo(info.Conn), false
	if t, ok := info.Conn.(*tls.Conn); ok {
		x.connHTTP2 = t.ConnectionState().NegotiatedProtocol == "h2"
	}
}

// got1xx passes an informational answer on at once (RFC 9110, section 15.2). net/http may call it when the exchange is
// over already, from another goroutine.
func (x *exchange) got1xx(code int, header textproto.MIMEHeader) error {
	x.informational.Lock()
	defer x.informational.Unlock()
	if x.answered || !x.r.ProtoAtLeast(1, 1) {
		return nil // HTTP/1.0 knows no 1xx
	}
	h := x.w.Header()
	before := maps.Clone(h)
	maps.Copy(h, http.Header(header))
	x.w.WriteHeader(code)
	clear(h)
	maps.Copy(h, before)
	return nil
}

// endInformational says that the final answer's turn has come.
func (x *exchange) endInformational() {
	x.informational.Lock()
	defer x.informational.Unlock()
	x.answered = true
}
