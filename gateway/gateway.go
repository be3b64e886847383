// Package gateway does what the program does: it compiles a file to a Snapshot, routes, rewrites, sends and copies.
package gateway

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"windhover/config"
	"windhover/gateway/stream"
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
	// Loopback says that nobody but programs on this machine can reach the gateway; see CompileOptions.
	Loopback bool
	// Page is how much `/` and `/providers` tell; PageFull by default.
	Page Page
	// Sink takes each finished record. It is called once for each, by the exchange's own goroutine, and must not block or change the record.
	// While a WebSocket session is open, it takes checkpoints of its record too, in a goroutine of their own: what adds
	// records up must leave them out.
	Sink func(*usage.Record)
	// Checkpoint is how often it takes one while a session is in use; every minute by default.
	Checkpoint time.Duration
	// MaxRequests is how many requests may be open at a time, WebSockets included; 0: any number. What is beyond gets 503.
	MaxRequests int
	// MaxBody is what the body of a request may have, in bytes, unless its provider says something else; 0: anything. What is beyond gets 413.
	MaxBody int64
	// BodyMemory bounds what is kept of the bodies of all open requests together, in bytes; 256 MiB by default. Beyond it bodies
	// pass on without being kept.
	BodyMemory int64
	// KeepStreams turns off asking for usage in streams (`stream_usage`) everywhere: requests and answers keep every byte.
	KeepStreams bool
	// Identity says whether a record's Key tells clients apart; IdentityHash by default.
	Identity Identity
	// IdentitySalt is what their credentials are hashed with: gateways with the same one make the same keys. Without it the
	// salt is kept in Data, and without that it is another one in every process.
	IdentitySalt config.Secret
	// Data is the folder for what a gateway keeps; none by default. It is made where it is missing.
	Data string
	// Labels are the names, in any case, of the X-Windhover-Label-* headers that records keep: config.LabelsAny, the
	// default, for all, config.LabelsOff for none. Whatever they are, no X-Windhover-* header of a client goes upstream.
	Labels []string
	// Load reads the file again for Reload.
	Load func() (*config.File, error)
	// Reloaded is told how each Reload ended, one call at a time: the revision in use, and the error if it changed nothing.
	Reloaded func(revision string, err error)
	// Logger is where the gateway logs; slog.Default() by default.
	Logger *slog.Logger

	roots *x509.CertPool // whom the certificates of upstreams must lead to; nil, outside tests: whom the system trusts
}

func (o Options) compile() CompileOptions { return CompileOptions{Loopback: o.Loopback} }

// decodeMemory bounds what taking content codings off for the observers may use, in bytes, of all exchanges together.
// Beyond it a record is `unreadable`, and the answer flows on.
const decodeMemory = 256 << 20

// bodyMemory is BodyMemory where Options give none.
const bodyMemory = 256 << 20

// Gateway is an http.Handler that forwards requests to the providers of a file. It is safe for use by many goroutines.
type Gateway struct {
	options    Options
	log        *slog.Logger
	snapshot   atomic.Pointer[Snapshot]
	transports transports
	breakers   breakers
	checks     checkers
	open       openExchanges
	decliners  decliners
	identity   *identity
	labels     *labels
	slots      slotsByName
	bodies     *stream.Budget // what is kept of requests' bodies
	decoding   *stream.Budget // of all observers together
	draining   atomic.Bool
	pages      http.Handler

	reloading sync.Mutex // held by Reload
	paths     []string   // of the newest load attempt that read anything, under reloading
	failure   atomic.Pointer[loadFailure]
}

// New compiles the file and returns a Gateway that serves it. The error is config.Problems.
func New(f *config.File, o Options) (*Gateway, error) {
	if o.Page == "" {
		o.Page = PageFull
	}
	if o.Sink == nil {
		o.Sink = func(*usage.Record) {}
	}
	if o.Reloaded == nil {
		o.Reloaded = func(string, error) {}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s, err := Compile(f, o.compile())
	if err != nil {
		return nil, err
	}
	if o.BodyMemory == 0 {
		o.BodyMemory = bodyMemory
	}
	g := &Gateway{
		decoding: stream.NewBudget(decodeMemory), bodies: stream.NewBudget(o.BodyMemory), options: o, log: o.Logger, paths: f.Paths,
		transports: transports{roots: o.roots},
	}
	g.identity, g.labels = newIdentity(o), newLabels(o.Labels)
	g.breakers.log, g.checks.log, g.checks.roots = o.Logger, o.Logger, o.roots
	g.use(s)
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
		g.reject(w, r, t)
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

// Open is how many exchanges have begun and not finished.
func (g *Gateway) Open() int {
	g.open.mu.Lock()
	defer g.open.mu.Unlock()
	return len(g.open.all)
}

// BodyMemory is how many bytes are kept of the bodies of open requests.
func (g *Gateway) BodyMemory() int64 { return g.bodies.Used() }

// Drain makes the gateway say that it is not ready, so that nobody sends it more.
func (g *Gateway) Drain() { g.draining.Store(true) }

// Shutdown waits for the open exchanges until ctx ends, then ends the rest as `shutdown`. The listeners are closed before. It also
// ends the health checks: where the file asks for some, a Gateway has goroutines of its own.
func (g *Gateway) Shutdown(ctx context.Context) {
	g.Drain()
	g.endChecks()
	if n := g.open.wait(ctx); n > 0 {
		g.log.Warn("ending exchanges that did not finish in time", "exchanges", n)
		g.open.end(errShutdown)
		g.open.wait(context.Background())
	}
	g.transports.close()
}

// endChecks ends the health checks for good.
func (g *Gateway) endChecks() {
	g.reloading.Lock()
	defer g.reloading.Unlock()
	g.checks.stop()
}
