package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"
	"golang.org/x/net/proxy"

	"windhover/config"
)

// outbound opens the connections of one link, through the proxy that the file or the environment names. The address of the proxy
// itself is the operator's choice and not guarded; the host behind it is, as far as it can be without resolving it here.
type outbound struct {
	link   link
	roots  *x509.CertPool                   // of a proxy that is spoken to over TLS; nil: those of the system
	choose func(*url.URL) (*url.URL, error) // the proxy for an upstream; nil: none
	via    map[string]*url.URL              // HTTP proxies by their address
}

func newOutbound(l link, roots *x509.CertPool) *outbound {
	o := &outbound{link: l, roots: roots, via: make(map[string]*url.URL)}
	switch text := l.proxy.Reveal(); text {
	case config.ProxyOff:
		o.choose = func(*url.URL) (*url.URL, error) { return nil, nil }
	case "":
		env := httpproxy.FromEnvironment()
		o.choose = env.ProxyFunc()
		o.know(env.HTTPProxy)
		o.know(env.HTTPSProxy)
	default:
		u, err := url.Parse(text)
		if err != nil {
			err = errors.New("the proxy is no URL") // err holds it, with its password
		}
		o.choose = func(*url.URL) (*url.URL, error) { return u, err }
		o.know(text)
	}
	return o
}

// know remembers the address of an HTTP proxy, to tell a connection to it from one to an upstream. As in other programs,
// the environment may leave out the scheme.
func (o *outbound) know(text string) {
	for _, text := range []string{text, "http://" + text} {
		if u, err := url.Parse(text); err == nil && u.Host != "" && !isSOCKS(u) {
			o.via[addressOf(u)] = u
			return
		}
	}
}

// addressOf is a proxy's host and port.
func addressOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

func isSOCKS(u *url.URL) bool { return strings.HasPrefix(u.Scheme, "socks5") }

// proxyFor is the HTTP proxy for an upstream, as net/http takes it. It says that TLS to it is none of its business: what
// the file says about TLS is meant for the provider, and net/http would use it for the proxy, too.
func (o *outbound) proxyFor(upstream *url.URL) (*url.URL, error) {
	via, err := o.choose(upstream)
	if via == nil || err != nil || isSOCKS(via) {
		return nil, err
	}
	if o.link.cleartext2() {
		return nil, errCleartext2ByProxy
	}
	if err := o.guardHost(upstream.Hostname()); err != nil {
		return nil, err
	}
	if upstream.Scheme == "http" && upstream.Opaque != "" && !strings.HasPrefix(upstream.Opaque, "//") {
		upstream.Opaque = "//" + upstream.Host + upstream.Opaque // the absolute form, which net/http makes of a path, but not of this
	}
	return &url.URL{Scheme: "http", User: via.User, Host: addressOf(via)}, nil
}

// guardHost guards a host that somebody else resolves.
func (o *outbound) guardHost(host string) error {
	if err := guardName(host, o.link.literalHost); err != nil {
		return fmt.Errorf("send through proxy: %w", err)
	}
	return nil
}

// dial opens a connection to an upstream, or to the HTTP proxy that net/http will ask for it.
func (o *outbound) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := o.open(ctx, network, address)
	if err != nil {
		return nil, err
	}
	up := newUpstreamConn(c)
	up.shared.Store(o.link.cleartext2())
	return up, nil
}

func (o *outbound) open(ctx context.Context, network, address string) (net.Conn, error) {
	if via := o.via[address]; via != nil {
		return o.openProxy(ctx, via, network, address)
	}
	via, err := o.choose(&url.URL{Scheme: o.link.scheme, Host: address})
	if err != nil {
		return nil, err
	}
	if via != nil && isSOCKS(via) {
		return o.openSOCKS(ctx, via, network, address)
	}
	return guardedDialer(o.link.connect, o.link.literalHost).DialContext(ctx, network, address)
}

// openProxy connects to an HTTP proxy, over TLS if its URL says so.
func (o *outbound) openProxy(ctx context.Context, via *url.URL, network, address string) (net.Conn, error) {
	ctx, cancel := within(ctx, o.link.connect)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	switch {
	case err != nil:
		return nil, proxyError{err}
	case via.Scheme != "https":
		return c, nil
	}
	secured := tls.Client(c, &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.roots, ServerName: via.Hostname()})
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = c.Close()
		return nil, proxyError{err}
	}
	return secured, nil
}

// openSOCKS asks a SOCKS5 proxy for a connection (RFC 1928). net/http could do so, but would wait for ever for a proxy
// that does not answer.
func (o *outbound) openSOCKS(ctx context.Context, via *url.URL, network, address string) (net.Conn, error) {
	if host, _, err := net.SplitHostPort(address); err == nil {
		if err := o.guardHost(host); err != nil {
			return nil, err
		}
	}
	var auth *proxy.Auth
	if via.User != nil {
		password, _ := via.User.Password()
		auth = &proxy.Auth{User: via.User.Username(), Password: password}
	}
	dialer, err := proxy.SOCKS5("tcp", addressOf(via), auth, new(net.Dialer))
	if err != nil {
		return nil, proxyError{err}
	}
	ctx, cancel := within(ctx, o.link.connect)
	defer cancel()
	c, err := dialer.(proxy.ContextDialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, proxyError{err}
	}
	return c, nil
}

// proxyError is why a proxy cannot be used.
type proxyError struct{ error }

func (e proxyError) Error() string { return "connect to proxy: " + e.error.Error() }
func (e proxyError) Unwrap() error { return e.error }

// Timeout is asked of the outermost error that has it: net.OpError looks one level down, and no further.
func (e proxyError) Timeout() bool {
	var timeout interface{ Timeout() bool }
	return errors.As(e.error, &timeout) && timeout.Timeout()
}

// within bounds ctx by a timeout, of which 0 means none.
func within(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, timeout)
}
