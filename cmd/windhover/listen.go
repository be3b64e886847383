package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"
)

const (
	readHeaderTimeout = 30 * time.Second
	maxHeaderBytes    = 1 << 20

	// idleTimeout is longer than clients and load balancers keep an unused connection, so that it is they who close it: a
	// request on a connection that we close at the same moment is lost.
	idleTimeout = 10 * time.Minute

	// maxStreams is what one HTTP/2 connection may have open: a proxy in front of us may send everything through a single one.
	maxStreams = 1000

	// adminRetry is how often a busy admin address is tried again.
	adminRetry = time.Second
)

// newServer serves HTTP/1.1 and HTTP/2, both without TLS. No timeout bounds a request's or an answer's body: the gateway
// has its own for an exchange, and a stream may take hours.
func newServer(handler http.Handler, logger *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           handler,
		Protocols:         protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          newServerLog(logger),
	}
}

// listenPublic opens the address that clients use. Without it there is no gateway.
func listenPublic(ctx context.Context, address string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen on %s: the address is in use by another program; stop that, or choose another with --listen", address)
	}
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return listener, nil
}

// serveAdmin serves operators until ctx ends. Their address is none that clients wait for: while it cannot be had, it is
// tried again, and the gateway serves.
func serveAdmin(ctx context.Context, address string, server *http.Server, logger *slog.Logger) {
	listener := listenAdmin(ctx, address, logger)
	if listener == nil {
		return
	}
	logger.Info("the admin listener is open", "address", listener.Addr().String())
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		logger.Error("the admin listener has failed", "error", err)
	}
}

// listenAdmin is nil if ctx ended before the address was free.
func listenAdmin(ctx context.Context, address string, logger *slog.Logger) net.Listener {
	retry := time.NewTicker(adminRetry)
	defer retry.Stop()
	for attempt := 0; ; attempt++ {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
		if err == nil {
			return listener
		}
		if attempt == 0 {
			logger.Warn("cannot open the admin listener; trying again every second", "address", address, "error", err)
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// checkAdmin refuses an admin address that others can reach, unless they need a token or the operator says that it is meant so.
// A host name may be any address tomorrow, so that only localhost counts as loopback.
func checkAdmin(address string, hasToken, open bool) error {
	if address == "" || hasToken || open {
		return nil
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("read the admin address: %w", err)
	}
	if host == "localhost" || net.ParseIP(host).IsLoopback() {
		return nil
	}
	return fmt.Errorf("the admin address %s can be reached from elsewhere; set --admin-token, listen on 127.0.0.1, or give --admin-open if everybody there may", address)
}
