package gateway

import (
	"crypto/x509"
	"net/http"
	"net/url"
	"sync"
	"time"
)

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
	o := newOutbound(l, roots)
	return &http.Transport{
		DialContext:           o.dial,
		Proxy:                 func(r *http.Request) (*url.URL, error) { return o.proxyFor(r.URL) },
		Protocols:             l.protocols(),
		TLSClientConfig:       l.tlsConfig(roots),
		HTTP2:                 &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second}, // finds dead connections
		TLSHandshakeTimeout:   l.connect,
		ResponseHeaderTimeout: l.header,
		IdleConnTimeout:       l.idle,
		ExpectContinueTimeout: continueDelay,
		MaxIdleConnsPerHost:   1024,
		DisableCompression:    true, // the client's Accept-Encoding is the client's
	}
}
