package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	"windhover/config"
	"windhover/gateway"
	"windhover/gateway/ledger"
	"windhover/gateway/ledger/usageapi"
	"windhover/gateway/usage"
)

func (p program) serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the gateway",
		Long: "It runs without any configuration: clients replace the provider's host by the gateway's address and put the\n" +
			"provider's name first in the path. Every setting is a flag, a WINDHOVER_ variable (--log-level is\n" +
			"WINDHOVER_LOG_LEVEL) or a key of windhover.yaml (log_level), in this order of precedence.",
		Example: "  windhover\n  windhover serve --listen :8080 --providers providers.yaml\n  windhover serve --records none --log-format json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := p.settings(cmd)
			if err != nil {
				return err
			}
			return p.serve(cmd.Context(), settings)
		},
	}
	config.AddFlags(cmd.Flags())
	return cmd
}

// serve runs the gateway until ctx ends or a signal says so, and then until its exchanges have ended.
func (p program) serve(ctx context.Context, s config.Settings) error {
	sockets, err := p.inheritSockets()
	if err != nil {
		return err
	}
	sockets.replace(&s)
	if err := errors.Join(checkListeners(s), checkLedger(s)); err != nil {
		return usageError{err}
	}
	signals := takeSignals(ctx)
	defer signals.release()

	logs := newLogWriter(p.stderr)
	defer logs.Close()
	logger := newLogger(logs, s)
	defer takeTransportLog(logger)()
	records, err := openRecords(s.Records, p.stdout, logger)
	if err != nil {
		return err
	}
	defer records.Close()

	limitMemory(logger)
	floor := newHeapFloor()
	defer runtime.KeepAlive(floor)
	clientCertificate, err := openCertificate(s.TLSCert, s.TLSKey, "--tls-cert, --tls-key", logger)
	if err != nil {
		return err
	}
	adminCertificate, err := openCertificate(s.AdminTLSCert, s.AdminTLSKey, "--admin-tls-cert, --admin-tls-key", logger)
	if err != nil {
		return err
	}
	adminTLS, err := adminConfig(adminCertificate, s.AdminClientCA)
	if err != nil {
		return err
	}
	path := p.providersPath(s.Providers)
	loaded := digestOf(path, s.Prices)
	metrics := newMetrics()
	var kept *ledger.Ledger // nil until the gateway listens; it makes no record before
	var feed usageapi.Feed
	g, err := p.newGateway(path, s, gateway.Options{
		Sink: func(record *usage.Record) {
			metrics.Record(record)
			records.Write(record)
			kept.Add(record)
			feed.Publish(record)
		},
		Reloaded: metrics.Reloaded,
		Logger:   logger,
	})
	if err != nil {
		return err
	}
	listener, err := listenPublic(ctx, sockets, s)
	if err != nil {
		return err
	}
	kept = p.startLedger(s, logger)
	defer closeLedger(kept) // when the last exchange has ended
	metrics.observe(g, records, kept)
	logger.Info("the gateway is listening", "address", addressOf(listener), "url", clientAddress(s, listener), "file", nameOf(path),
		"providers", len(g.Providers()), "revision", g.Revision())

	var background sync.WaitGroup
	defer background.Wait()
	meanwhile, end := context.WithCancel(context.WithoutCancel(ctx)) // reloads and operators are served while it drains, too
	defer end()
	background.Go(debug.FreeOSMemory) // what compiling the file has left behind is more than what serving needs
	background.Go(func() { watchProviders(meanwhile, g, loaded, logger) })
	background.Go(func() { reloadOnHangup(meanwhile, signals.hangup, g, records) })
	for _, c := range []*certificate{clientCertificate, adminCertificate} {
		if c != nil {
			background.Go(func() { c.watch(meanwhile) })
		}
	}
	if s.Admin != "" {
		admin := newServer(g.Admin(gateway.AdminOptions{Addr: s.Admin, Token: s.AdminToken, Metrics: metrics.handler(), API: newUsageAPI(kept, g, &feed)}), adminTLS, logger)
		admin.Addr = s.Admin
		admin.RegisterOnShutdown(feed.Close)
		background.Go(func() { serveAside(meanwhile, sockets, adminSocket, admin, logger) })
	}
	if s.Metrics != "" {
		page := newServer(metrics.page(), nil, logger)
		page.Addr = s.Metrics
		background.Go(func() { serveAside(meanwhile, sockets, metricsSocket, page, logger) })
	}
	server := newServer(insistOnTLS(g, s.HSTS), clientCertificate.config(), logger)
	server.MaxHeaderBytes = int(s.MaxHeader)
	return serveClients(signals, listener, server, draining{g, s.DrainDelay, s.DrainTimeout, logger})
}

// serveClients serves until the first signal to stop, and then lets open exchanges finish.
func serveClients(signals *signals, listener net.Listener, server *http.Server, d draining) error {
	failed, accepted := make(chan error, 1), newArrivals(server)
	go func() { failed <- serveOn(listener, server) }()
	select {
	case err := <-failed:
		return err
	case <-signals.stopped.Done():
	}
	d.drain(signals.again(), server, listener, accepted)
	return nil
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
