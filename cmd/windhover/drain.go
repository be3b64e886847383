package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"windhover/gateway"
)

// lastBytes is how long a connection may take to send its client what the gateway has already written.
const lastBytes = 5 * time.Second

// drain lets open exchanges finish: readiness off, no new connections, up to timeout or the end of hurry. What is still
// open then ends as `shutdown`.
func drain(hurry context.Context, server *http.Server, g *gateway.Gateway, timeout time.Duration, logger *slog.Logger) {
	logger.Info("shutting down; a second signal ends open exchanges", "drain_timeout", timeout)
	g.Drain()

	closing, cut := context.WithCancel(context.Background())
	defer cut()
	closed := make(chan error, 1)
	go func() { closed <- server.Shutdown(closing) }()

	drained, cancel := context.WithTimeout(hurry, timeout)
	defer cancel()
	g.Shutdown(drained)

	// An exchange has ended when all was written; the connection may still be sending it.
	time.AfterFunc(lastBytes, cut)
	if err := <-closed; err != nil {
		logger.Warn("connections were cut that had not sent all", "error", errors.Join(err, server.Close()))
	}
	logger.Info("the gateway has stopped")
}
