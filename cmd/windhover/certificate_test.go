package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"windhover/config"
)

// certificateFiles are a certificate for 127.0.0.1 and its key, in a folder of their own.
type certificateFiles struct {
	cert, key string
	pool      *x509.CertPool // trusts all that were issued
}

func newCertificateFiles(t *testing.T) *certificateFiles {
	t.Helper()
	folder := t.TempDir()
	f := &certificateFiles{filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key"), x509.NewCertPool()}
	f.issue(t, 1)
	return f
}

// issue writes a new pair with a serial number.
func (f *certificateFiles) issue(t *testing.T, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	f.pool.AppendCertsFromPEM(text)
	writeFile(t, f.cert, string(text))
	writeFile(t, f.key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}

func (f *certificateFiles) flags() []string {
	return []string{"--tls-cert=" + f.cert, "--tls-key=" + f.key}
}

// client trusts the files' certificates, and speaks HTTP/1.1 or HTTP/2 only.
func (f *certificateFiles) client(t *testing.T, http2 bool) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: f.pool}, Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP1(!http2)
	transport.Protocols.SetHTTP2(http2)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// serial is the number of the certificate that a new connection gets.
func (f *certificateFiles) serial(t *testing.T, address string) int64 {
	t.Helper()
	connection, err := tls.Dial("tcp", address, &tls.Config{RootCAs: f.pool})
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	return connection.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

func TestServeSpeaksBothVersionsOfHTTPOverTLS(t *testing.T) {
	t.Parallel()
	files := newCertificateFiles(t)
	folder := provider(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, sseAnswer)
	})
	g := start(t, folder, files.flags()...)
	for _, http2 := range []bool{false, true} {
		response, err := files.client(t, http2).Post("https://"+g.address+"/openai/v1/chat/completions", "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || string(body) != sseAnswer || (response.ProtoMajor == 2) != http2 {
			t.Errorf("answer over %s = %q (%v), want %q", response.Proto, body, err, sseAnswer)
		}
		if got := response.Header.Get("Strict-Transport-Security"); got != "" {
			t.Errorf("Strict-Transport-Security = %q, want none unless asked for", got)
		}
	}
	if got := g.logged(t, `url=(\S+)`); got != "https://"+g.address {
		t.Errorf("url = %s, want https://%s", got, g.address)
	}
}

func TestServeRefusesOldTLS(t *testing.T) {
	t.Parallel()
	files := newCertificateFiles(t)
	g := start(t, t.TempDir(), files.flags()...)
	_, err := tls.Dial("tcp", g.address, &tls.Config{RootCAs: files.pool, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	if err == nil || !strings.Contains(err.Error(), "protocol version not supported") {
		t.Errorf("a handshake with TLS 1.1: %v, want that it is refused", err)
	}
}

func TestRenewedCertificateIsTakenUp(t *testing.T) {
	t.Parallel()
	files := newCertificateFiles(t)
	g := start(t, t.TempDir(), files.flags()...)
	if got := files.serial(t, g.address); got != 1 {
		t.Errorf("serial = %d, want 1", got)
	}
	files.issue(t, 2)
	g.logged(t, `(the certificate was renewed)`)
	if got := files.serial(t, g.address); got != 2 {
		t.Errorf("serial after the renewal = %d, want 2", got)
	}
}

func TestBrokenCertificateLeavesTheOneInUse(t *testing.T) {
	t.Parallel()
	files := newCertificateFiles(t)
	g := start(t, t.TempDir(), files.flags()...)
	writeFile(t, files.cert, "-----BEGIN")
	g.logged(t, `(the changed certificate cannot be used, the last good one stays in use)`)
	if got := files.serial(t, g.address); got != 1 {
		t.Errorf("serial = %d, want the last good one's 1", got)
	}
	files.issue(t, 3)
	g.logged(t, `(the certificate was renewed)`)
	if got := files.serial(t, g.address); got != 3 {
		t.Errorf("serial after the repair = %d, want 3", got)
	}
	if n := strings.Count(g.stderr.String(), "cannot be used"); n != 1 {
		t.Errorf("the broken certificate is logged %d times, want once:\n%s", n, g.stderr.String())
	}
}

func TestHSTSIsSentWhereItIsAskedFor(t *testing.T) {
	t.Parallel()
	files := newCertificateFiles(t)
	g := start(t, t.TempDir(), append(files.flags(), "--hsts=8760h")...)
	response, err := files.client(t, true).Get("https://" + g.address + "/providers")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if got, want := response.Header.Get("Strict-Transport-Security"), "max-age=31536000"; got != want {
		t.Errorf("Strict-Transport-Security = %q, want %q", got, want)
	}
}

func TestHealthAsksOverTLS(t *testing.T) {
	t.Parallel()
	files := newCertificateFiles(t)
	g := start(t, t.TempDir(), files.flags()...)
	if got := run(t, "health", "--listen="+g.address, "--tls-cert="+files.cert); got != (outcome{exitOK, "ready\n", ""}) {
		t.Errorf("health = %+v, want ready", got)
	}
}

func TestTLSSettingsThatContradictEachOtherAreRefused(t *testing.T) {
	t.Parallel()
	const together = "--tls-cert and --tls-key belong together; set both, or neither"
	for _, c := range []struct {
		settings config.Settings
		want     string
	}{
		{config.Settings{TLSCert: "a"}, together},
		{config.Settings{TLSKey: "a"}, together},
		{config.Settings{HSTS: time.Hour}, "--hsts has no effect without TLS; set --tls-cert and --tls-key, or let the proxy that speaks TLS send that header"},
	} {
		if err := checkListeners(c.settings); err == nil || err.Error() != c.want {
			t.Errorf("checkListeners(%+v) = %v, want %s", c.settings, err, c.want)
		}
	}
	missing := filepath.Join(t.TempDir(), "tls.crt")
	got := run(t, "--tls-cert="+missing, "--tls-key="+missing, "--listen=127.0.0.1:0", "--admin=off")
	want := outcome{exitFailed, "", "windhover: load the certificate (--tls-cert, --tls-key): open " + missing + ": no such file or directory\n"}
	if got != want {
		t.Errorf("serve = %+v, want %+v", got, want)
	}
}
