package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"windhover/config"
)

const (
	readHeaderTimeout = 30 * time.Second
	maxHeaderBytes    = 1 << 20 // where the settings say nothing

	// idleTimeout is longer than clients and load balancers keep an unused connection, so that it is they who close it: a
	// request on a connection that we close at the same moment is lost.
	idleTimeout = 10 * time.Minute

	// maxStreams is what one HTTP/2 connection may have open: a proxy in front of us may send everything through a single one.
	maxStreams = 1000

	// lastAnswers is how long answers to operators may take to end when the gateway does.
	lastAnswers = time.Second

	// listenRetry is how often a busy address for operators is tried again.
	listenRetry = time.Second
)

// newServer serves HTTP/1.1 and HTTP/2, over TLS or, if secure is nil, without. No timeout bounds a request's or an answer's
// body: the gateway has its own for an exchange, and a stream may take hours.
func newServer(handler http.Handler, secure *tls.Config, logger *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(secure != nil)
	protocols.SetUnencryptedHTTP2(secure == nil)
	return &http.Server{
		Handler:           handler,
		TLSConfig:         secure,
		Protocols:         protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          newServerLog(logger),
	}
}

// serveOn serves until the server is closed, which is the only end that is no error.
func serveOn(listener net.Listener, server *http.Server) error {
	serve := server.Serve
	if server.TLSConfig != nil {
		serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") } // the certificate is in TLSConfig
	}
	if err := serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// listenPublic opens the address that clients use. Without it there is no gateway.
func listenPublic(ctx context.Context, sockets inherited, s config.Settings) (net.Listener, error) {
	address := s.Listen
	listener, err := sockets.listen(ctx, publicSocket, address, s.ReusePort)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen on %s: the address is in use by another program; stop that, or choose another with --listen", address)
	}
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return listener, nil
}

// serveAside serves operators on the server's Addr until ctx ends. That is no address that clients wait for: while it cannot
// be had, it is tried again, and the gateway serves.
func serveAside(ctx context.Context, sockets inherited, name string, server *http.Server, logger *slog.Logger) {
	listener := listenAside(ctx, sockets, name, server.Addr, logger)
	if listener == nil {
		return
	}
	logger.Info("the "+name+" listener is open", "address", addressOf(listener))
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		closeAside(server)
	})
	if err := serveOn(listener, server); err != nil {
		logger.Error("the "+name+" listener has failed", "error", err)
		if stop() {
			return
		}
	}
	<-closed // serving ends when closing begins
}

// closeAside lets answers to operators end, so that one who listens to the usage API can tell the end from a failure.
func closeAside(server *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), lastAnswers)
	defer cancel()
	_ = server.Shutdown(ctx) // what does not end in time is cut off
	_ = server.Close()
}

// listenAside is nil if ctx ended before the address was free.
func listenAside(ctx context.Context, sockets inherited, name, address string, logger *slog.Logger) net.Listener {
	retry := time.NewTicker(listenRetry)
	defer retry.Stop()
	for attempt := 0; ; attempt++ {
		listener, err := sockets.listen(ctx, name, address, false)
		if err == nil {
			return listener
		}
		if attempt == 0 {
			logger.Warn("cannot open the "+name+" listener; trying again every second", "address", address, "error", err)
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// checkListeners refuses settings that contradict each other.
func checkListeners(s config.Settings) error {
	if err := checkTLS(s); err != nil {
		return err
	}
	if s.ReusePort && strings.HasPrefix(s.Listen, config.UnixPrefix) {
		return errors.New("--reuseport has no effect on a unix socket; set --listen HOST:PORT, or leave it out")
	}
	return checkAdmin(s.Admin, s.AdminToken.Reveal() != "" || s.AdminClientCA != "", s.AdminOpen)
}

// checkAdmin refuses an admin address that others can reach, unless they need a token or a certificate, or the operator says that it is meant so.
func checkAdmin(address string, guarded, open bool) error {
	if address == "" || guarded || open || isLocal(address) {
		return nil
	}
	return fmt.Errorf("the admin address %s can be reached from elsewhere; set --admin-token or --admin-client-ca, listen on 127.0.0.1, or give --admin-open if everybody there may", address)
}

// isLocal reports whether an address can be reached from this machine only. A host name may be any address tomorrow, so
// that localhost alone counts as loopback; who may connect to a unix socket says its mode.
func isLocal(address string) bool {
	network, address := networkOf(address)
	if network == "unix" {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	return err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
}

// clientAddress is how clients write the gateway's address: as the operator says, or else as this machine reaches it.
func clientAddress(s config.Settings, listener net.Listener) string {
	address := addressOf(listener)
	network, _ := networkOf(address)
	host, port, _ := net.SplitHostPort(address)
	switch {
	case s.PublicURL != "":
		return s.PublicURL
	case network == "unix":
		return address
	case net.ParseIP(host).IsUnspecified():
		host = "localhost"
	}
	return schemeOf(s) + "://" + net.JoinHostPort(host, port)
}

// schemeOf is what the public listener speaks.
func schemeOf(s config.Settings) string {
	if s.TLSCert != "" {
		return "https"
	}
	return "http"
}
