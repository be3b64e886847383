package gateway

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"windhover/config"
	"windhover/gateway/usage"
)

// secured is an upstream that says which version of HTTP it was asked in, and counts its connections.
type secured struct {
	*httptest.Server
	address     string
	connections atomic.Int64
}

func startSecured(t testing.TB, c *tls.Config, http2 bool) *secured {
	t.Helper()
	s := new(secured)
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Proto)
	}))
	s.TLS, s.EnableHTTP2 = c, http2
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.connections.Add(1)
		}
	}
	s.StartTLS()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	s.address = s.Listener.Addr().String()
	return s
}

// onTLS is a file whose provider up leads to the address over TLS.
func onTLS(address string, more ...string) string {
	return strings.Replace(leadingTo(address, onUp(more...)), "http://", "https://", 1)
}

// get is the status and body of a GET through the gateway.
func (s *started) get(t testing.TB, path string) (status int, body string) {
	t.Helper()
	res, err := newClient(t, http1).Get(s.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// errorOf is the message of an answer that the gateway made, without ports.
func errorOf(body string) string {
	var answer struct{ Error struct{ Message string } }
	_ = json.Unmarshal([]byte(body), &answer) // an answer that is none of the gateway's own has no message
	return regexp.MustCompile(`127\.0\.0\.1:[0-9]+`).ReplaceAllString(answer.Error.Message, "HOST")
}

func TestProviderIsTrustedByItsOwnAuthority(t *testing.T) {
	t.Parallel()
	ours, theirs := newAuthority(t), newAuthority(t)
	up := startSecured(t, &tls.Config{Certificates: []tls.Certificate{ours.pair(t, "up.test")}}, false)
	for name, c := range map[string]struct {
		tls    string
		status int
		want   string
	}{
		"its authority": {
			"{ca_file: '" + keep(t, "ca.pem", ours.pem) + "'}", 200, "HTTP/1.1",
		},
		"its name": {
			"{ca_file: '" + keep(t, "ca.pem", ours.pem) + "', server_name: up.test}", 200, "HTTP/1.1",
		},
		"another authority": {
			"{ca_file: '" + keep(t, "ca.pem", theirs.pem) + "'}", 502,
			"up could not be reached: tls: failed to verify certificate: x509: certificate signed by unknown authority (tls.ca_file)",
		},
		"another name": {
			"{ca_file: '" + keep(t, "ca.pem", ours.pem) + "', server_name: other.test}", 502,
			"up could not be reached: tls: failed to verify certificate: x509: certificate is valid for up.test, not other.test (tls.server_name)",
		},
		"the authorities of the system": {
			"{server_name: up.test}", 502,
			"up could not be reached: tls: failed to verify certificate: x509: certificate signed by unknown authority (tls.ca_file)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := start(t, onTLS(up.address, "tls: "+c.tls))
			status, body := g.get(t, "/up/")
			if status != 200 {
				body = errorOf(body)
			}
			if status != c.status || body != c.want {
				t.Errorf("answer = %d %s, want %d %s", status, body, c.status, c.want)
			}
			if rec := g.one(t); status != 200 && rec.End != usage.EndConnectError {
				t.Errorf("End = %s, want %s", rec.End, usage.EndConnectError)
			}
		})
	}
}

func TestGatewayShowsItsCertificate(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t)
	certificate, key := ours.issue(t, "gateway.test")
	up := startSecured(t, &tls.Config{
		Certificates: []tls.Certificate{ours.pair(t, "up.test")},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: ours.pool(),
	}, false)
	authority := "ca_file: '" + keep(t, "ca.pem", ours.pem) + "'"

	with := start(t, onTLS(up.address, "tls: {"+authority+", cert_file: '"+keep(t, "c.pem", certificate)+"', key_file: '"+keep(t, "k.pem", key)+"'}"))
	if status, body := with.get(t, "/up/"); status != 200 {
		t.Errorf("with a certificate: %d %s, want 200", status, body)
	}
	without := start(t, onTLS(up.address, "tls: {"+authority+"}"))
	status, body := without.get(t, "/up/")
	if want := "remote error: tls: certificate required (tls)"; status != 502 || !strings.HasSuffix(errorOf(body), want) {
		t.Errorf("without a certificate: %d %s, want 502 … %s", status, errorOf(body), want)
	}
}

func TestOldVersionsOfTLSAreRefused(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t)
	up := startSecured(t, &tls.Config{Certificates: []tls.Certificate{ours.pair(t, "up.test")}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false)
	g := startWith(t, onTLS(up.address), Options{roots: ours.pool()})
	if status, body := g.get(t, "/up/"); status != 502 || !strings.Contains(body, "protocol version not supported") {
		t.Errorf("answer = %d %s, want 502 for the version", status, body)
	}
}

func TestHTTPVersionIsTheFiles(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t)
	certificates := []tls.Certificate{ours.pair(t, "up.test")}
	both := startSecured(t, &tls.Config{Certificates: certificates}, true)
	old := startSecured(t, &tls.Config{Certificates: certificates}, false)
	silent := startSecured(t, &tls.Config{Certificates: certificates, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{Certificates: certificates}, nil // says nothing of versions
	}}, false)
	for _, c := range []struct {
		up     *secured
		http   string
		status int
		want   string
	}{
		{both, "auto", 200, "HTTP/2.0"},
		{both, "1", 200, "HTTP/1.1"},
		{both, "2", 200, "HTTP/2.0"},
		{old, "auto", 200, "HTTP/1.1"},
		{old, "1", 200, "HTTP/1.1"},
		{old, "2", 502, "up could not be reached: remote error: tls: no application protocol (http)"},
		{silent, "2", 502, "up could not be reached: the server has not chosen HTTP/2 (http)"},
	} {
		g := startWith(t, onTLS(c.up.address, "http: "+c.http), Options{roots: ours.pool()})
		status, body := g.get(t, "/up/")
		if status != 200 {
			body = errorOf(body)
		}
		if status != c.status || body != c.want {
			t.Errorf("http: %s: %d %s, want %d %s", c.http, status, body, c.status, c.want)
		}
	}
}

func TestHTTP2WithoutTLSNeedsNoQuestion(t *testing.T) {
	t.Parallel()
	up := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) }))
	up.Config.Protocols = new(http.Protocols)
	up.Config.Protocols.SetUnencryptedHTTP2(true)
	up.Start()
	t.Cleanup(up.Close)
	g := start(t, leadingTo(up.Listener.Addr().String(), onUp("http: 2")))
	for range 2 {
		if status, body := g.get(t, "/up/"); status != 200 || body != "HTTP/2.0" {
			t.Errorf("answer = %d %s, want 200 HTTP/2.0", status, body)
		}
	}
}

func TestReloadKeepsConnectionsUnlessTheirFilesChange(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t)
	up := startSecured(t, &tls.Config{Certificates: []tls.Certificate{ours.pair(t, "up.test")}}, false)
	ca := keep(t, "ca.pem", ours.pem)
	path := keep(t, "providers.yaml", onTLS(up.address, "tls: {ca_file: '"+ca+"'}"))
	read := func() (*config.File, error) { return config.Load(path, config.Options{}) }
	g := startWith(t, "version: 1\n", Options{Load: read})
	for _, c := range []struct {
		change string
		ca     string
		want   int64 // connections so far
	}{
		{"the first load", ours.pem, 1},
		{"a touched file", ours.pem, 1},
		{"another certificate beside it", ours.pem + newAuthority(t).pem, 2},
	} {
		if err := os.WriteFile(ca, []byte(c.ca), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := g.Reload(); err != nil {
			t.Fatal(err)
		}
		if status, body := g.get(t, "/up/"); status != 200 {
			t.Errorf("after %s: %d %s, want 200", c.change, status, body)
		}
		if got := up.connections.Load(); got != c.want {
			t.Errorf("after %s: %d connections, want %d", c.change, got, c.want)
		}
	}
}
