package main

import (
	"crypto/tls"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"windhover/config"
)

// The files' own certificate serves as that of the listener, of its clients, and of their authority.
func TestAdminListenerAsksForACertificateOfItsAuthorities(t *testing.T) {
	t.Parallel()
	files, others := newCertificateFiles(t), newCertificateFiles(t)
	g := start(t, t.TempDir(), "--admin=127.0.0.1:0", "--admin-tls-cert="+files.cert, "--admin-tls-key="+files.key, "--admin-client-ca="+files.cert)
	address := g.logged(t, `msg="the admin listener is open" address=(\S+)`)
	for name, c := range map[string]struct {
		shown *certificateFiles
		want  bool
	}{
		"no certificate": {nil, false}, "another authority's": {others, false}, "its own": {files, true},
	} {
		client := files.client(t, false)
		if c.shown != nil {
			pair, err := tls.LoadX509KeyPair(c.shown.cert, c.shown.key)
			if err != nil {
				t.Fatal(err)
			}
			client.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{pair}
		}
		response, err := client.Get("https://" + address + "/config")
		if err == nil {
			response.Body.Close()
		}
		if (err == nil && response.StatusCode == http.StatusOK) != c.want {
			t.Errorf("with %s: %v, %v, want that it is let in: %v", name, response, err, c.want)
		}
	}
}

func TestAdminAddressMayBeReachedWithCertificates(t *testing.T) {
	t.Parallel()
	const together = "--admin-tls-cert and --admin-tls-key belong together; set both, or neither"
	for _, c := range []struct {
		settings config.Settings
		want     string
	}{
		{config.Settings{Admin: ":1", AdminTLSCert: "a", AdminTLSKey: "a", AdminClientCA: "a"}, ""},
		{config.Settings{Admin: ":1", AdminTLSCert: "a", AdminTLSKey: "a"}, "the admin address :1 can be reached from elsewhere; set --admin-token or --admin-client-ca, listen on 127.0.0.1, or give --admin-open if everybody there may"},
		{config.Settings{AdminTLSCert: "a"}, together},
		{config.Settings{AdminTLSKey: "a"}, together},
		{config.Settings{AdminClientCA: "a"}, "--admin-client-ca has no effect without TLS; set --admin-tls-cert and --admin-tls-key"},
		{config.Settings{ReusePort: true, Listen: "unix:/run/x"}, "--reuseport has no effect on a unix socket; set --listen HOST:PORT, or leave it out"},
	} {
		got := ""
		if err := checkListeners(c.settings); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("checkListeners(%+v) = %q, want %q", c.settings, got, c.want)
		}
	}
}

func TestAuthoritiesThatAreNoneAreRefused(t *testing.T) {
	t.Parallel()
	files := newCertificateFiles(t)
	empty := filepath.Join(t.TempDir(), "ca.pem")
	writeFile(t, empty, "nothing\n")
	for name, want := range map[string]string{
		empty:             "windhover: no certificate is in " + empty + "; --admin-client-ca names a PEM file\n",
		empty + ".absent": "windhover: read the authorities of clients (--admin-client-ca): open " + empty + ".absent: no such file or directory\n",
	} {
		got := run(t, "--listen=127.0.0.1:0", "--admin-tls-cert="+files.cert, "--admin-tls-key="+files.key, "--admin-client-ca="+name)
		if got != (outcome{exitFailed, "", want}) {
			t.Errorf("serve = %+v, want %s", got, want)
		}
	}
}

func TestSeveralGatewaysMayShareAnAddress(t *testing.T) {
	t.Parallel()
	first := start(t, t.TempDir(), "--reuseport")
	second := start(t, t.TempDir(), "--reuseport", "--listen="+first.address)
	if first.address != second.address {
		t.Errorf("they listen on %s and %s, want one address", first.address, second.address)
	}
	got := run(t, "--listen="+first.address, "--admin=off")
	if got.code != exitFailed || !strings.Contains(got.stderr, "the address is in use by another program") {
		t.Errorf("serve without --reuseport = %+v, want that the address is in use", got)
	}
}

func TestHeaderThatIsTooLargeIsRefused(t *testing.T) {
	t.Parallel()
	g := start(t, provider(t, func(w http.ResponseWriter, _ *http.Request) {}), "--max-header=8KiB")
	for size, want := range map[int]int{4 << 10: http.StatusOK, 32 << 10: http.StatusRequestHeaderFieldsTooLarge} { // net/http adds some room of its own
		r, err := http.NewRequest("GET", "http://"+g.address+"/openai/v1/models", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Large", strings.Repeat("x", size))
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("a header of %d bytes: %d, want %d", size, response.StatusCode, want)
		}
	}
}
