// Package gateway does what the program does: it compiles a file to a Snapshot, routes, rewrites, sends and copies.
package gateway

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"

	"windhover/config"
	"windhover/gateway/usage"
)

// Page says how much the gateway tells anyone who asks about its providers.
type Page string

// The pages.
const (
	PageFull  Page = "full"  // names and where they lead
	PageNames Page = "names" // names alone
	PageOff   Page = "off"   // nothing
)

// Options are what a Gateway needs beside its file. Every field may be left out.
type Options struct {
	// Prefix is the path that the gateway is mounted under, as in `/ai`; none by default.
	Prefix string
	// PublicURL is the gateway's address as clients write it, Prefix included, without a slash at its end. By default it
	// is made from what each client asked for.
	PublicURL string
	// TrustedProxies are those whose X-Forwarded-For is believed for a record's Client. None by default: anyone can write that header.
	TrustedProxies []netip.Prefix
	// Page is how much `/` and `/providers` tell; PageFull by default.
	Page Page
	// Sink takes each finished record. It is called once for each, by the exchange's own goroutine, and must not block or change the record.
	Sink func(*usage.Record)
	// Load reads the file again for Reload.
	Load func() (*config.File, error)
	// Logger is where the gateway logs; slog.Default() by default.
	Logger *slog.Logger

	roots *x509.CertPool // whom the certificates of upstreams must lead to; nil, outside tests: whom the system trusts
}

// Gateway is an http.Handler that forwards requests to the providers of a file. It is safe for use by many goroutines.
type Gateway struct {
	options    Options
	log        *slog.Logger
	snapshot   atomic.Pointer[Snapshot]
	transports transports
	open       openExchanges
	draining   atomic.Bool
	pages      http.Handler

	reloading sync.Mutex   // held by Reload
	file      *config.File // of the newest load attempt that read anything
	failed    string       // the error of the newest attempt; empty if it succeeded
}

// New compiles the file and returns a Gateway that serves it. The error is config.Problems.
func New(f *config.File, o Options) (*Gateway, error) {
	if o.Page == "" {
		o.Page = PageFull
	}
	if o.Sink == nil {
		o.Sink = func(*usage.Record) {}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s, err := Compile(f)
	if err != nil {
		return nil, err
	}
	g := &Gateway{options: o, log: o.Logger, file: f, transports: transports{roots: o.roots}}
	g.transports.connect(s)
	g.snapshot.Store(s)
	g.pages = g.newPages()
	return g, nil
}

// ServeHTTP answers any request: one of the gateway's own pages, or what a provider says.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t, ok := parseTarget(r.RequestURI)
	if ok {
		t, ok = t.under(g.options.Prefix)
	}
	if !ok || r.Method == http.MethodConnect {
		badRequest("bad_target", "this is a gateway, not a forward proxy: ask for /PROVIDER/…").write(w)
		return
	}
	if name, rest := t.first(); ownPage(name, rest) {
		g.pages.ServeHTTP(w, r)
		return
	}
	g.forward(w, r, t)
}

// Revision is that of the file in use.
func (g *Gateway) Revision() string { return g.snapshot.Load().Revision }

// Providers are the names of the file in use, sorted.
func (g *Gateway) Providers() []string { return g.snapshot.Load().names }

// Paths are the files that the newest load attempt read or looked for: a change to one of them calls for Reload.
func (g *Gateway) Paths() []string {
	g.reloading.Lock()
	defer g.reloading.Unlock()
	return g.file.Paths
}

// Reload loads and compiles the file again, and swaps it in whole, or not at all: on any error the last good one stays.
// The error is config.Problems, or that of reading the file. An exchange that is open keeps the snapshot it began with.
func (g *Gateway) Reload() error {
	if g.options.Load == nil {
		return errors.New("reload: this gateway was given no file to load again")
	}
	g.reloading.Lock()
	defer g.reloading.Unlock()
	s, err := g.load()
	if err != nil {
		g.logFailure(err)
		return err
	}
	g.transports.connect(s)
	before := g.snapshot.Swap(s)
	g.failed = ""
	g.log.Info("providers reloaded", "revision", s.Revision, "was", before.Revision, "providers", len(s.names))
	return nil
}

// load is a snapshot of the file as it is now. It looks for every problem, also in what a broken file still says.
func (g *Gateway) load() (*Snapshot, error) {
	f, err := g.options.Load()
	if f != nil {
		g.file = f
	}
	var problems config.Problems
	switch {
	case err == nil:
		return Compile(f)
	case f == nil || !errors.As(err, &problems):
		return nil, err
	}
	var more config.Problems
	if _, err := Compile(f); errors.As(err, &more) {
		problems = append(problems, more...)
	}
	return nil, problems.Err()
}

// logFailure logs the error of a reload once, however often the same file is tried.
func (g *Gateway) logFailure(err error) {
	if text := err.Error(); text != g.failed {
		g.failed = text
		g.log.Error("reload failed, the last good providers stay in use", "revision", g.snapshot.Load().Revision, "problems", text)
	}
}

// Drain makes the gateway say that it is not ready, so that nobody sends it more.
func (g *Gateway) Drain() { g.draining.Store(true) }

// Shutdown waits for the open exchanges until ctx ends, then ends the rest as `shutdown`. The listeners are closed before.
func (g *Gateway) Shutdown(ctx context.Context) {
	g.Drain()
	if n := g.open.wait(ctx); n > 0 {
		g.log.Warn("ending exchanges that did not finish in time", "exchanges", n)
		g.open.end(errShutdown)
		g.open.wait(context.Background())
	}
	g.transports.close()
}
