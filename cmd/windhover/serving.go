package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"sync"

	"windhover/config"
	"windhover/gateway"
	"windhover/gateway/ledger"
	"windhover/gateway/ledger/usageapi"
	"windhover/gateway/usage"
)

// serving is a gateway, and what serves beside it.
type serving struct {
	settings config.Settings
	sockets  inherited
	signals  *signals
	logger   *slog.Logger
	records  *recordWriter

	clients, operators *certificate // nil: no TLS
	operatorsTLS       *tls.Config
	metrics            metrics
	path               string // of the providers file; empty: what is built in
	loaded             string // its digest from before it was loaded, with that of the file of prices
	gateway            *gateway.Gateway
	kept               *ledger.Ledger // nil until the gateway listens; it makes no record before
	feed               usageapi.Feed
}

// assemble makes what the settings name. Whatever is wrong with it is fatal at this point.
func (v *serving) assemble(p program) (err error) {
	s := v.settings
	if v.clients, err = openCertificate(s.TLSCert, s.TLSKey, "--tls-cert, --tls-key", v.logger); err != nil {
		return err
	}
	if v.operators, err = openCertificate(s.AdminTLSCert, s.AdminTLSKey, "--admin-tls-cert, --admin-tls-key", v.logger); err != nil {
		return err
	}
	if v.operatorsTLS, err = adminConfig(v.operators, s.AdminClientCA); err != nil {
		return err
	}
	v.path = p.providersPath(s.Providers)
	v.loaded = digestOf(v.path, s.Prices)
	v.metrics = newMetrics()
	v.gateway, err = p.newGateway(v.path, s, gateway.Options{Sink: v.take, Reloaded: v.metrics.Reloaded, Logger: v.logger})
	return err
}

// take brings a record to everybody who wants it. None of them may wait.
func (v *serving) take(record *usage.Record) {
	v.metrics.Record(record)
	v.records.Write(record)
	v.kept.Add(record)
	v.feed.Publish(record)
}

// keep is called when the gateway listens: one that cannot has no business with the ledger of another that does.
func (v *serving) keep(kept *ledger.Ledger) {
	v.kept = kept
	v.metrics.observe(v.gateway, v.records, kept)
}

// work does in the background what is not for clients, until stop is called.
func (v *serving) work(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var background sync.WaitGroup
	background.Go(func() { releaseMemoryOfStart(ctx) })
	background.Go(func() { watchProviders(ctx, v.gateway, v.loaded, v.logger) })
	background.Go(func() { reloadOnHangup(ctx, v.signals.hangup, v.gateway, v.records) })
	for _, c := range []*certificate{v.clients, v.operators} {
		if c != nil {
			background.Go(func() { c.watch(ctx) })
		}
	}
	if v.settings.Admin != "" {
		background.Go(func() { serveAside(ctx, v.sockets, adminSocket, v.adminServer(), v.logger) })
	}
	if v.settings.Metrics != "" {
		background.Go(func() { serveAside(ctx, v.sockets, metricsSocket, v.metricsServer(), v.logger) })
	}
	return func() {
		cancel()
		background.Wait()
	}
}

func (v *serving) clientServer() *http.Server {
	server := newServer(insistOnTLS(v.gateway, v.settings.HSTS), v.clients.config(), v.logger)
	server.MaxHeaderBytes = int(v.settings.MaxHeader)
	return server
}

func (v *serving) adminServer() *http.Server {
	options := gateway.AdminOptions{
		Addr: v.settings.Admin, Token: v.settings.AdminToken, Metrics: v.metrics.handler(), API: newUsageAPI(v.kept, v.gateway, &v.feed),
	}
	server := newServer(v.gateway.Admin(options), v.operatorsTLS, v.logger)
	server.Addr = v.settings.Admin
	server.RegisterOnShutdown(v.feed.Close)
	return server
}

func (v *serving) metricsServer() *http.Server {
	server := newServer(v.metrics.page(), nil, v.logger)
	server.Addr = v.settings.Metrics
	return server
}

// digestOf is the digest of the providers file and the file of prices before they are loaded. If they name further files,
// the watcher finds a difference and has them loaded once more.
func digestOf(paths ...string) string {
	return config.Digest(slices.DeleteFunc(paths, func(path string) bool { return path == "" })) // what is built in never changes
}

// newGateway loads the file as it is now; every problem in it is fatal at this point. What the settings say is added to the options.
func (p program) newGateway(path string, s config.Settings, o gateway.Options) (*gateway.Gateway, error) {
	o.Load = func() (*config.File, error) { return config.Load(path, p.loadOptions(s.Prices)) }
	o.Page = gateway.Page(s.Page)
	o.KeepStreams = s.KeepStreams
	o.Identity = gateway.Identity(s.Identity)
	o.IdentitySalt = s.IdentitySalt
	o.Labels = s.Labels
	o.Data = p.dataFolder(s)
	o.MaxRequests = s.MaxRequests
	o.MaxBody, o.BodyMemory = int64(s.MaxBody), int64(s.BodyMemory)
	o.PublicURL = s.PublicURL
	o.TrustedProxies = s.TrustedProxies
	o.Loopback = isLocal(s.Listen)
	file, err := o.Load()
	if err != nil && file != nil {
		_, meaning := gateway.Compile(file, gateway.CompileOptions{Loopback: o.Loopback})
		err = joinProblems(err, meaning)
	}
	if err != nil {
		return nil, err
	}
	return gateway.New(file, o)
}

// watchProviders reloads when a file changed. Refresh says itself what came of it.
func watchProviders(ctx context.Context, g *gateway.Gateway, loaded string, logger *slog.Logger) {
	w := config.Watcher{
		Paths:   g.Paths,
		Changed: func() { _ = g.Refresh() },
		Loaded:  loaded,
		Logger:  logger,
	}
	w.Run(ctx)
}

// reloadOnHangup does on SIGHUP what it stands for in servers: read the file again, and go on in a new records file.
func reloadOnHangup(ctx context.Context, hangup <-chan os.Signal, g *gateway.Gateway, records *recordWriter) {
	for {
		select {
		case <-hangup:
			records.Reopen()
			_ = g.Reload()
		case <-ctx.Done():
			return
		}
	}
}
