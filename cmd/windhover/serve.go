package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"runtime"

	"github.com/spf13/cobra"

	"windhover/config"
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
	v := &serving{settings: s, sockets: sockets, signals: signals, logger: logger, records: records}
	if err := v.assemble(p); err != nil {
		return err
	}
	listener, err := listenPublic(ctx, sockets, s)
	if err != nil {
		return err
	}
	v.keep(p.startLedger(s, logger))
	defer closeLedger(v.kept) // when the last exchange has ended
	logger.Info("the gateway is listening", "address", addressOf(listener), "url", clientAddress(s, listener), "file", nameOf(v.path),
		"providers", len(v.gateway.Providers()), "revision", v.gateway.Revision())
	defer v.work(context.WithoutCancel(ctx))() // reloads and operators are served while it drains, too
	return serveClients(signals, listener, v.clientServer(), draining{v.gateway, s.DrainDelay, s.DrainTimeout, logger})
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
