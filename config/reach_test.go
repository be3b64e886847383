package config

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestReachIsLaidOverTheDefaults(t *testing.T) {
	t.Parallel()
	file := loadGood(t, "reach.yaml")
	inherits, own, direct := file.Providers["inherits"], file.Providers["own"], file.Providers["direct"]

	equal(t, "inherits.HTTP", inherits.HTTP, HTTP1)
	equal(t, "inherits.Proxy", inherits.Proxy.Secret.Reveal(), "http://proxy.test:3128")
	equal(t, "inherits.TLS.ServerName", inherits.TLS.ServerName.Value, "gateway.test")
	equal(t, "inherits.Access.Given", inherits.Access.Given(), false)

	equal(t, "own.HTTP", own.HTTP, HTTPAuto)
	equal(t, "own.Proxy", own.Proxy.Secret.Reveal(), "socks5://gateway:hunter2@proxy.test")
	equal(t, "own.TLS.CA", own.TLS.CA, inherits.TLS.CA)
	equal(t, "own.TLS.Cert.Data", own.TLS.Cert.Data, own.TLS.CA.Data)
	equal(t, "own.TLS.Key", strings.HasPrefix(own.TLS.Key.Data.Reveal(), "-----BEGIN PRIVATE KEY-----\n"), true)
	equal(t, "own.Access.Tokens", []string{own.Access.Tokens[0].Secret.Reveal(), own.Access.Tokens[1].Secret.Reveal()}, []string{"hunter2", "hunter4"})
	equal(t, "own.Access.HeaderName", own.Access.HeaderName(), "Authorization")

	equal(t, "direct.HTTP", direct.HTTP, HTTP2)
	equal(t, "direct.Proxy", direct.Proxy.Secret.Reveal(), ProxyOff)
	equal(t, "direct.Access.HeaderName", direct.Access.HeaderName(), "X-Windhover-Key")
}

func TestCertificateFilesAreWatched(t *testing.T) {
	t.Parallel()
	file := loadGood(t, "reach.yaml")
	for _, name := range []string{"client.pem", "client.key"} {
		if path := filepath.Join(goodFolder, "secrets", name); !slices.Contains(file.Paths, path) {
			t.Errorf("Paths = %q, want %s among them", file.Paths, path)
		}
	}
}

func TestCertificateFilesAreNotReadWithoutSecrets(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "providers.yaml")
	writeFile(t, path, "version: 1\nproviders:\n  acme:\n    upstream: https://api.acme.test\n"+
		"    tls: {ca_file: ca.pem, cert_file: client.pem, key_file: client.key}\n    proxy: '${PROXY}'\n    access: {tokens: '${TOKEN}'}\n")
	o := testOptions()
	o.NoSecrets = true
	acme := load(t, path, o).Providers["acme"]
	for what, missing := range map[string]bool{
		"ca_file": acme.TLS.CA.Data.Missing(), "cert_file": acme.TLS.Cert.Data.Missing(), "key_file": acme.TLS.Key.Data.Missing(),
		"proxy": acme.Proxy.Secret.Missing(), "token": acme.Access.Tokens[0].Secret.Missing(),
	} {
		equal(t, what+" is missing", missing, true)
	}
}

func TestCertificateAndKeyMayStandInOneFile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	var both string
	for _, name := range []string{"client.key", "client.pem"} {
		data, err := os.ReadFile(filepath.Join(goodFolder, "secrets", name))
		if err != nil {
			t.Fatal(err)
		}
		both += "# " + name + "\n" + string(data)
	}
	writeFile(t, filepath.Join(folder, "both.pem"), both)
	path := filepath.Join(folder, "providers.yaml")
	writeFile(t, path, "version: 1\nproviders:\n  acme: {upstream: 'https://api.acme.test', tls: {cert_file: both.pem, key_file: both.pem}}\n")
	load(t, path, testOptions())
}

func TestSecretTextsCannotBePrinted(t *testing.T) {
	t.Parallel()
	own := loadGood(t, "reach.yaml").Providers["own"]
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		got := fmt.Sprintf(format, []any{own.Proxy, own.Access, own.TLS.Key})
		if strings.Contains(got, "hunter") || strings.Contains(got, "PRIVATE KEY") {
			t.Errorf("%s shows a secret: %s", format, got)
		}
	}
}

func FuzzInspectPEM(f *testing.F) {
	for _, name := range []string{goodFolder + "/secrets/client.pem", goodFolder + "/secrets/client.key", badFolder + "/tls-files.part/broken.pem", badFolder + "/tls-files.part/encrypted.key"} {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if file := inspectPEM(data); file.data.Reveal() != string(data) {
			t.Error("the data differs from what was read")
		}
	})
}

func FuzzProxyFault(f *testing.F) {
	for _, seed := range []string{"off", "http://proxy.test:3128", "socks5://user:pass@127.0.0.1", "https://[::1]:443/", "ftp://x", "http://", "http://a:%zz@b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if proxyFault(value) != "" || value == ProxyOff {
			return
		}
		if u, err := url.Parse(value); err != nil || u.Hostname() == "" {
			t.Errorf("proxyFault(%q) finds nothing, but url.Parse = %v, %v", value, u, err)
		}
	})
}
