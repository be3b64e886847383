package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"windhover/config"
)

// link is how an upstream is reached. Routes with the same link share one transport and so its connections. It holds
// what certificate files hold, not their names: a rotated certificate makes another link, a touched file does not.
type link struct {
	connect, header, idle time.Duration
	literalHost           bool
	scheme                string
	http                  config.HTTPVersion
	proxy                 config.Secret // URL, or config.ProxyOff; empty: what the environment says
	ca, cert, key         config.Secret // PEM; empty: the authorities of the system, no certificate
	serverName            string        // empty: the upstream's host
}

// newLink is the link of a route. Its problem is a combination that no connection can have.
func newLink(c config.Provider, u upstream) (link, config.Problems) {
	l := link{
		connect:     c.Timeouts.Connect.Or(defaultConnect),
		header:      c.Timeouts.ResponseHeader.Or(defaultResponseHeader),
		idle:        c.Timeouts.IdleConnection.Or(defaultIdleConnection),
		literalHost: u.fixedHost(),
		scheme:      u.scheme,
		http:        c.HTTP,
		proxy:       c.Proxy.Secret,
		ca:          c.TLS.CA.Data,
		cert:        c.TLS.Cert.Data,
		key:         c.TLS.Key.Data,
		serverName:  c.TLS.ServerName.Value,
	}
	if l.cleartext2() && strings.HasPrefix(l.proxy.Reveal(), "http") {
		return l, config.Problems{{Pos: c.Proxy.Pos, Path: c.Proxy.Path, Message: errCleartext2ByProxy.Error()}}
	}
	return l, nil
}

// errCleartext2ByProxy is about HTTP/2 without TLS, which no proxy of this kind passes on.
var errCleartext2ByProxy = errors.New("an HTTP proxy cannot pass on http: 2 towards http://; use a socks5:// proxy, proxy: off or http: 1")

// cleartext2 reports whether the upstream is spoken to in HTTP/2 without TLS (RFC 9113, section 3.3).
func (l link) cleartext2() bool { return l.http == config.HTTP2 && l.scheme == "http" }

// protocols are the versions that the transport may choose from.
func (l link) protocols() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(l.http != config.HTTP2)
	p.SetHTTP2(l.http != config.HTTP1)
	p.SetUnencryptedHTTP2(l.cleartext2())
	return p
}

// tlsConfig secures connections to the upstream. roots are trusted where the file names no authorities.
func (l link) tlsConfig(roots *x509.CertPool) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: l.serverName}
	if pem := l.ca.Reveal(); pem != "" {
		c.RootCAs = x509.NewCertPool()
		c.RootCAs.AppendCertsFromPEM([]byte(pem)) // the load has found certificates in it; without any, nobody would be trusted
	}
	if pem := l.cert.Reveal(); pem != "" {
		if pair, err := tls.X509KeyPair([]byte(pem), []byte(l.key.Reveal())); err == nil { // the load has tried it
			c.Certificates = []tls.Certificate{pair}
		}
	}
	if l.http == config.HTTP2 {
		c.VerifyConnection = requireHTTP2
	}
	return c
}

// errNoHTTP2 is in the chain of a connection's error where nothing but HTTP/2 will do.
var errNoHTTP2 = errors.New("the server has not chosen HTTP/2")

// requireHTTP2 ends a handshake after which net/http would go on in HTTP/1.1.
func requireHTTP2(state tls.ConnectionState) error {
	if state.NegotiatedProtocol != "h2" {
		return errNoHTTP2
	}
	return nil
}

// knob is what to look at when no connection came about, as it ends a message; empty if an error leads to none.
func (l link) knob(err error) string {
	var toProxy proxyError
	proxied := l.proxy.Reveal() != "" && l.proxy.Reveal() != config.ProxyOff
	switch {
	case errors.As(err, &toProxy) && !proxied:
		return " (HTTPS_PROXY, HTTP_PROXY)"
	case errors.As(err, &toProxy):
		return " (proxy)"
	}
	if knob := tlsKnob(err); knob != "" || !proxied {
		return knob
	}
	return " (proxy)"
}

// tlsKnob is the knob of an error of TLS.
func tlsKnob(err error) string {
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var op *net.OpError
	switch {
	case errors.As(err, &authority):
		return " (tls.ca_file)"
	case errors.As(err, &name):
		return " (tls.server_name)"
	case errors.Is(err, errNoHTTP2), strings.Contains(err.Error(), "tls: no application protocol"):
		return " (http)"
	case errors.As(err, &op) && op.Op == "remote error": // what the server has against us, most often our certificate
		return " (tls)"
	}
	return ""
}
