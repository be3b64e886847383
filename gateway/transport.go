package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"golang.org/x/net/http/httpproxy"
)

// link is how an upstream is reached. Routes with the same link share one transport and so its connections.
type link struct {
	connect, header, idle time.Duration
	literalHost           bool
}

// transports are the connection pools. They outlive the snapshots that use them: a reload that does not change how a
// provider is reached keeps its connections.
type transports struct {
	roots *x509.CertPool // nil: those of the system

	mu   sync.Mutex
	open map[link]*http.Transport
}

// connect gives every route of the snapshot its transport, and lets go of those that the snapshot does not use:
// their idle connections are closed at once, the busy ones when they have been idle for link.idle.
func (ts *transports) connect(s *Snapshot) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	before := ts.open
	ts.open = make(map[link]*http.Transport)
	for _, p := range s.providers {
		for _, r := range p.routes {
			t := ts.open[r.link]
			if t == nil {
				t = before[r.link]
			}
			if t == nil {
				t = newTransport(r.link, ts.roots)
			}
			ts.open[r.link] = t
			r.transport = t
		}
	}
	for l, t := range before {
		if ts.open[l] == nil {
			t.CloseIdleConnections()
		}
	}
}

func (ts *transports) close() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, t := range ts.open {
		t.CloseIdleConnections()
	}
}

func newTransport(l link, roots *x509.CertPool) *http.Transport {
	proxy := newOutboundProxy()
	guarded, direct := guardedDialer(l.connect, l.literalHost), &net.Dialer{Timeout: l.connect}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			dialer := guarded
			if proxy.is(address) {
				dialer = direct
			}
			c, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return newUpstreamConn(c), nil
		},
		Proxy: func(r *http.Request) (*url.URL, error) {
			return proxy.forURL(r.URL, l.literalHost)
		},
		Protocols:             protocols,
		TLSClientConfig:       &tls.Config{RootCAs: roots},
		HTTP2:                 &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second}, // finds dead connections
		TLSHandshakeTimeout:   l.connect,
		ResponseHeaderTimeout: l.header,
		IdleConnTimeout:       l.idle,
		ExpectContinueTimeout: time.Second,
		MaxIdleConnsPerHost:   1024,
		DisableCompression:    true, // the client's Accept-Encoding is the client's
	}
}

// outboundProxy is what HTTP_PROXY, HTTPS_PROXY and NO_PROXY say. The address of the proxy itself is the operator's choice and
// not guarded; the host behind it is, as far as it can be without resolving it here.
type outboundProxy struct {
	choose    func(*url.URL) (*url.URL, error)
	addresses map[string]bool
}

func newOutboundProxy() outboundProxy {
	env := httpproxy.FromEnvironment()
	p := outboundProxy{choose: env.ProxyFunc(), addresses: make(map[string]bool)}
	for _, raw := range []string{env.HTTPProxy, env.HTTPSProxy} {
		for _, text := range []string{raw, "http://" + raw} {
			if u, err := url.Parse(text); err == nil && u.Host != "" {
				p.addresses[net.JoinHostPort(u.Hostname(), portOf(u))] = true
			}
		}
	}
	return p
}

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	switch u.Scheme {
	case "https":
		return "443"
	case "socks5", "socks5h":
		return "1080"
	}
	return "80"
}

func (p outboundProxy) is(address string) bool { return p.addresses[address] }

func (p outboundProxy) forURL(u *url.URL, literalHost bool) (*url.URL, error) {
	via, err := p.choose(u)
	if via == nil || err != nil {
		return nil, err
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil {
		if err := guard(a, literalHost); err != nil {
			return nil, fmt.Errorf("send through proxy: %w", err)
		}
	}
	return via, nil
}
