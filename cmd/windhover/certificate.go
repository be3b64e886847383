package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"windhover/config"
)

// certificate is what clients are served over TLS with. When its files change it is loaded again: whoever renews it need
// not tell us. A handshake takes the one that is in use then; open connections stay as they are.
type certificate struct {
	certFile, keyFile string
	logger            *slog.Logger
	read              string // digest of the files from before they were read
	inUse             atomic.Pointer[tls.Certificate]
}

// openCertificate is nil if the settings name no files.
func openCertificate(s config.Settings, logger *slog.Logger) (*certificate, error) {
	if s.TLSCert == "" {
		return nil, nil
	}
	c := &certificate{certFile: s.TLSCert, keyFile: s.TLSKey, logger: logger}
	c.read = config.Digest(c.paths())
	return c, c.load()
}

func (c *certificate) paths() []string { return []string{c.certFile, c.keyFile} }

func (c *certificate) load() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("load the certificate (--tls-cert, --tls-key): %w", err)
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

// checkTLS refuses settings of which one has no effect without another.
func checkTLS(s config.Settings) error {
	switch {
	case (s.TLSCert == "") != (s.TLSKey == ""):
		return errors.New("--tls-cert and --tls-key belong together; set both, or neither")
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
