package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"windhover/config"
)

// healthCheck asks now and then whether a provider can be reached. It sends nothing that is charged for, and no request waits for
// what it finds.
type healthCheck struct {
	text     string // as it stands in the file
	path     string // of a GET; empty: a connection is enough
	secured  bool   // the connection is one of TLS
	interval time.Duration
	timeout  time.Duration
}

// The times of a check for which the file gives none.
const (
	defaultHealthInterval = 30 * time.Second
	defaultHealthTimeout  = 5 * time.Second
)

// compileHealth is nil where the file asks for no check. Of several routes the first is checked.
func compileHealth(c config.Health, routes []*route) (*healthCheck, config.Problems) {
	if c.Check.Empty() {
		return nil, nil
	}
	h := &healthCheck{
		text:     c.Check.Value,
		secured:  c.Check.Value == "tls",
		interval: c.Interval.Or(defaultHealthInterval),
		timeout:  c.Timeout.Or(defaultHealthTimeout),
	}
	h.path, _ = strings.CutPrefix(c.Check.Value, "GET ")
	if !strings.HasPrefix(h.path, "/") {
		h.path = ""
	}
	up := routes[0].upstream
	_, constant := up.path.constant()
	switch {
	case up.scheme == "": // what is wrong with it has been said
	case !up.fixedHost() || h.path != "" && !constant:
		return nil, config.Problems{c.Check.Problem("there is no one address to check: %s depends on what a client asks for", up.text)}
	case h.secured && up.scheme != "https":
		return nil, config.Problems{c.Check.Problem("%s has no TLS to check; write tcp", up.text)}
	}
	return h, nil
}

// HealthState is what the checks of a provider have found.
type HealthState struct {
	Check   string     `json:"check"`             // as it stands in the file
	Healthy *bool      `json:"healthy,omitempty"` // of the newest check; absent before the first
	Since   *time.Time `json:"since,omitempty"`   // for how long it has been so
	At      *time.Time `json:"at,omitempty"`      // when the newest check was made
	Seconds float64    `json:"seconds,omitempty"` // how long that took
	Error   string     `json:"error,omitempty"`   // what it found
}

// checkers run the checks of the snapshot in use.
type checkers struct {
	log   *slog.Logger
	roots *x509.CertPool

	running sync.WaitGroup
	end     context.CancelFunc // nil: nothing runs; one caller at a time

	mu     sync.Mutex
	states map[string]HealthState // by provider
}

// use ends the checks of the snapshot before, and begins those of this one. What was found about a provider whose check is the
// same stays.
func (c *checkers) use(s *Snapshot) {
	c.stop()
	var ctx context.Context
	ctx, c.end = context.WithCancel(context.Background())
	states := make(map[string]HealthState)
	for name, p := range s.providers {
		if p.health == nil {
			continue
		}
		states[name] = HealthState{Check: p.health.text}
		if before, ok := c.read(name); ok && before.Check == p.health.text {
			states[name] = before
		}
	}
	c.mu.Lock()
	c.states = states
	c.mu.Unlock()
	for _, p := range s.providers { // states belongs to those that run by now
		if p.health != nil {
			c.running.Go(func() { c.watch(ctx, p) })
		}
	}
}

// stop ends all checks, and waits until they have.
func (c *checkers) stop() {
	if c.end != nil {
		c.end()
		c.running.Wait()
	}
}

func (c *checkers) read(provider string) (HealthState, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.states[provider]
	return s, ok
}

// state is what to show of a provider; nil if it has no check.
func (c *checkers) state(provider string) *HealthState {
	s, ok := c.read(provider)
	if !ok {
		return nil
	}
	return &s
}

// soon is within which time the first check is made.
const soon = time.Second

// watch checks until ctx ends. Neither the gateways of a fleet nor the providers of one are to check in step.
func (c *checkers) watch(ctx context.Context, p *provider) {
	wait := rand.N(min(soon, p.health.interval))
	for sleep(ctx, wait) {
		began := time.Now()
		err := p.check(ctx, c.roots)
		if ctx.Err() != nil {
			return
		}
		c.found(p, began, err)
		wait = p.health.interval*9/10 + rand.N(p.health.interval/5+1)
	}
}

// found keeps what a check has found, and logs what is new.
func (c *checkers) found(p *provider, began time.Time, err error) {
	healthy, now := err == nil, time.Now()
	c.mu.Lock()
	before := c.states[p.name]
	s := HealthState{Check: p.health.text, Healthy: &healthy, Since: &now, At: &now, Seconds: now.Sub(began).Seconds()}
	if err != nil {
		s.Error = p.mask.hide(err.Error())
	}
	if before.Healthy != nil && *before.Healthy == healthy {
		s.Since = before.Since
	}
	c.states[p.name] = s
	c.mu.Unlock()
	switch {
	case s.Since != &now:
	case !healthy:
		c.log.Warn("a provider fails its check", "provider", p.name, "check", p.health.text, "error", s.Error)
	case before.Healthy != nil:
		c.log.Info("a provider passes its check again", "provider", p.name, "check", p.health.text)
	}
}

// check makes one check.
func (p *provider) check(ctx context.Context, roots *x509.CertPool) error {
	ctx, cancel := context.WithTimeout(ctx, p.health.timeout)
	defer cancel()
	if p.health.path != "" {
		return p.checkGet(ctx)
	}
	return p.checkConnection(ctx, roots)
}

// checkConnection connects as a request would. Of an upstream behind an HTTP proxy, only the proxy can be reached so.
func (p *provider) checkConnection(ctx context.Context, roots *x509.CertPool) error {
	r := p.routes[0]
	host, _ := r.upstream.host.constant()
	u := &url.URL{Scheme: r.upstream.scheme, Host: host}
	o := newOutbound(r.link, roots)
	via, err := o.choose(u)
	if err != nil {
		return err
	}
	address := addressOf(u)
	if via != nil && !isSOCKS(via) {
		if p.health.secured {
			return errors.New("an HTTP proxy stands in between, and TLS cannot be checked; GET /PATH can")
		}
		address = addressOf(via)
	}
	conn, err := o.open(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if !p.health.secured {
		return nil
	}
	c := r.link.tlsConfig(roots)
	if c.ServerName == "" {
		c.ServerName = u.Hostname()
	}
	if r.link.http == config.HTTP2 {
		c.NextProtos = []string{"h2"}
	}
	return tls.Client(conn, c).HandshakeContext(ctx)
}

// checkGet asks for the path that the file names, with what the file sets in every request.
func (p *provider) checkGet(ctx context.Context) error {
	r := p.routes[0]
	host, _ := r.upstream.host.constant()
	base, _ := r.upstream.path.constant()
	s := new(scope)
	header, err := p.request.requestHeader(make(http.Header), s)
	if err != nil {
		return err
	}
	path, query, asks := strings.Cut(base+p.health.path, "?")
	t, err := p.request.query(target{query: query, asks: asks}, s)
	if err != nil {
		return err
	}
	u := &url.URL{Scheme: r.upstream.scheme, Host: host}
	if !setTarget(u, path, t) {
		return errors.New("the path cannot be sent unchanged")
	}
	out := (&http.Request{Method: http.MethodGet, URL: u, Host: host, Header: header, ProtoMajor: 1, ProtoMinor: 1}).WithContext(ctx)
	res, err := r.transport.RoundTrip(out)
	if err != nil {
		return err
	}
	_, _ = io.CopyN(io.Discard, res.Body, maxErrorBody) // the connection can be used again if that is all
	_ = res.Body.Close()
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("status %d", res.StatusCode)
	}
	return nil
}
