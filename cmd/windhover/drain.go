package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"windhover/gateway"
)

// lastRequests is how long a connection that was accepted last may take to send its request.
const lastRequests = time.Second

// lastBytes is how long a connection may take to send its client what the gateway has already written.
const lastBytes = 5 * time.Second

// draining is how a gateway is stopped.
type draining struct {
	gateway *gateway.Gateway
	delay   time.Duration
	timeout time.Duration // from the end of the delay
	logger  *slog.Logger
}

// drain lets open exchanges finish: readiness off, after the delay no new connections, and then up to the timeout. What is
// still open ends as `shutdown`. The end of hurry ends both times.
func (d draining) drain(hurry context.Context, server *http.Server, listener net.Listener, accepted *arrivals) {
	d.logger.Info("shutting down; a second signal ends open exchanges", "drain_delay", d.delay.String(), "drain_timeout", d.timeout.String())
	d.gateway.Drain()
	wait(hurry, d.delay)

	// From Shutdown on, net/http hangs up on a request that it has read: what came last has to be on its way before.
	_ = listener.Close()
	accepted.wait(hurry, lastRequests)

	closing, cut := context.WithCancel(context.Background())
	defer cut()
	closed := make(chan error, 1)
	go func() { closed <- server.Shutdown(closing) }()

	drained, cancel := context.WithTimeout(hurry, d.timeout)
	defer cancel()
	d.gateway.Shutdown(drained)

	// An exchange has ended when all was written; the connection may still be sending it.
	time.AfterFunc(lastBytes, cut)
	if err := <-closed; err != nil {
		d.logger.Warn("connections were cut that had not sent all", "error", errors.Join(err, server.Close()))
	}
	d.logger.Info("the gateway has stopped")
}

// wait returns after a time, or when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
