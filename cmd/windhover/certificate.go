package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"windhover/config"
)

// certificate is what a listener is served over TLS with. When its files change it is loaded again: whoever renews it need
// not tell us. A handshake takes the one that is in use then; open connections stay as they are.
type certificate struct {
	certFile, keyFile string
	flags             string // that name them
	logger            *slog.Logger
	read              string // digest of the files from before they were read
	inUse             atomic.Pointer[tls.Certificate]
}

// openCertificate is nil if the settings name no files. flags are those that do, for messages.
func openCertificate(certFile, keyFile, flags string, logger *slog.Logger) (*certificate, error) {
	if certFile == "" {
		return nil, nil
	}
	c := &certificate{certFile: certFile, keyFile: keyFile, flags: flags, logger: logger}
	c.read = config.Digest(c.paths())
	return c, c.load()
}

func (c *certificate) paths() []string { return []string{c.certFile, c.keyFile} }

func (c *certificate) load() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("load the certificate (%s): %w", c.flags, err)
	}
	c.inUse.Store(&pair)
	return nil
}

// watch loads the files again whenever they change. A pair that does not fit, as in the moment when only one of the two
// was renewed, leaves the one in use.
func (c *certificate) watch(ctx context.Context) {
	w := config.Watcher{Paths: c.paths, Changed: c.renew, Loaded: c.read, Logger: c.logger}
	w.Run(ctx)
}

func (c *certificate) renew() {
	if err := c.load(); err != nil {
		c.logger.Error("the changed certificate cannot be used, the last good one stays in use", "expires", c.expires(), "error", err)
		return
	}
	c.logger.Info("the certificate was renewed", "expires", c.expires())
}

func (c *certificate) expires() time.Time { return c.inUse.Load().Leaf.NotAfter }

// config is nil where there is no certificate: then no TLS is spoken.
func (c *certificate) config() *tls.Config {
	if c == nil {
		return nil
	}
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.inUse.Load(), nil },
	}
}

// adminConfig is what the admin listener is served over TLS with; nil: without. Where authorities are named, nobody connects
// without a certificate of theirs, the probes included.
func adminConfig(c *certificate, clientCA string) (*tls.Config, error) {
	secure := c.config()
	if secure == nil || clientCA == "" {
		return secure, nil
	}
	authorities, err := os.ReadFile(clientCA)
	if err != nil {
		return nil, fmt.Errorf("read the authorities of clients (--admin-client-ca): %w", err)
	}
	secure.ClientCAs, secure.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if !secure.ClientCAs.AppendCertsFromPEM(authorities) {
		return nil, fmt.Errorf("no certificate is in %s; --admin-client-ca names a PEM file", clientCA)
	}
	return secure, nil
}

// checkTLS refuses settings of which one has no effect without another.
func checkTLS(s config.Settings) error {
	switch {
	case (s.TLSCert == "") != (s.TLSKey == ""):
		return errors.New("--tls-cert and --tls-key belong together; set both, or neither")
	case (s.AdminTLSCert == "") != (s.AdminTLSKey == ""):
		return errors.New("--admin-tls-cert and --admin-tls-key belong together; set both, or neither")
	case s.AdminClientCA != "" && s.AdminTLSCert == "":
		return errors.New("--admin-client-ca has no effect without TLS; set --admin-tls-cert and --admin-tls-key")
	case s.HSTS > 0 && s.TLSCert == "":
		return errors.New("--hsts has no effect without TLS; set --tls-cert and --tls-key, or let the proxy that speaks TLS send that header")
	}
	return nil
}

// insistOnTLS tells browsers to come back over TLS only (RFC 6797). A provider's own word on that, passed on, takes its place.
func insistOnTLS(next http.Handler, maxAge time.Duration) http.Handler {
	if maxAge == 0 {
		return next
	}
	value := "max-age=" + strconv.FormatInt(int64(maxAge/time.Second), 10)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", value)
		next.ServeHTTP(w, r)
	})
}
