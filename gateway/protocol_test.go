package gateway

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// The HTTP versions that clients and upstreams of the tests speak.
const (
	http1 = "HTTP/1.1"
	http2 = "HTTP/2"
)

var versions = [...]string{http1, http2}

// newClient speaks one version: HTTP/2 over cleartext, as the gateway's listener in tests does.
func newClient(t testing.TB, version string) *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(version == http1)
	protocols.SetUnencryptedHTTP2(version == http2)
	transport := &http.Transport{Protocols: protocols, DisableCompression: true, MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}

// startBefore starts a gateway before an upstream of that version, which is reached over TLS. more continues the provider `up`.
func startBefore(t testing.TB, version string, upstream http.HandlerFunc, more ...string) *started {
	t.Helper()
	server := httptest.NewUnstartedServer(upstream)
	server.EnableHTTP2 = version == http2
	server.StartTLS()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	file := leadingTo(server.Listener.Addr().String(), more...)
	return startWith(t, strings.Replace(file, "http://", "https://", 1), Options{roots: roots})
}

// eachWay runs a test for every pair of versions.
func eachWay(t *testing.T, f func(t *testing.T, client, upstream string)) {
	t.Helper()
	for _, client := range versions {
		for _, upstream := range versions {
			t.Run(client+" to "+upstream, func(t *testing.T) {
				t.Parallel()
				f(t, client, upstream)
			})
		}
	}
}

// onUp continues the provider of leadingTo.
func onUp(lines ...string) string { return "    " + strings.Join(lines, "\n    ") + "\n" }
