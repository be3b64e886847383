package gateway

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
)

// setProxy sets the environment that gateways made from now on will see.
func setProxy(t *testing.T, proxy, except string) {
	t.Helper()
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"} {
		t.Setenv(name, proxy)
	}
	t.Setenv("NO_PROXY", except)
	t.Setenv("no_proxy", except)
}

// A proxy over HTTP is asked in absolute form, in which every target has to be as it arrived, too.
func TestProxyOfTheEnvironmentIsAskedForTheWholeTarget(t *testing.T) {
	proxy := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	setProxy(t, "http://user:secret@"+proxy.addr, "")
	g := start(t, leadingTo("up.example/base"))
	for _, target := range []string{"/v1", "/", "//v1", "/a|b", "/é", "/a%2Fb|c", "/v1?", "/a|b?c|d", "/v1?%zz", "//a|b"} {
		g.ask(t, "GET /up"+target+" HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
		got := proxy.lastRequest(t)
		if want := "GET http://up.example/base" + target + " HTTP/1.1"; got.line != want || got.value("host") != "up.example" {
			t.Errorf("the proxy is asked %q of %q, want %q", got.line, got.value("host"), want)
		}
		if got.value("proxy-authorization") != "Basic dXNlcjpzZWNyZXQ=" {
			t.Errorf("%s: header %q", target, got.fields)
		}
	}
}

func TestProxyOfTheEnvironmentTunnelsTLS(t *testing.T) {
	proxy := newWire(t, func(w *wire, c net.Conn, r *bufio.Reader) {
		if w.read(r) == nil {
			io.WriteString(c, "HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n")
		}
	})
	setProxy(t, proxy.addr, "direct.invalid")
	g := start(t, "version: 1\nproviders:\n  up: {upstream: 'https://up.example'}\n  direct: {upstream: 'https://direct.invalid'}\n")
	res := g.ask(t, "GET /up/v1 HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
	if got := proxy.lastRequest(t).line; got != "CONNECT up.example:443 HTTP/1.1" || res.status() != "502" {
		t.Errorf("the proxy is asked %q; client sees %s %s", got, res.line, res.body)
	}
	res = g.ask(t, "GET /direct/v1 HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
	if n := len(proxy.received()); n != 1 || res.value("x-windhover-error") != "connect_error" {
		t.Errorf("%d requests to the proxy, want 1; client sees %s %s", n, res.line, res.body)
	}
}

// What the gateway would not connect to, it does not ask a proxy for.
func TestGuardHoldsThroughAProxy(t *testing.T) {
	proxy := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	setProxy(t, proxy.addr, "")
	g := start(t, "version: 1\nproviders:\n"+
		"  open: {path: '/{host}/*', upstream: 'http://{host}'}\n"+
		"  sub: {path: '/{host}/*', upstream: 'http://{host}.internal'}\n"+
		"  secure: {path: '/{host}/*', upstream: 'https://{host}'}\n"+
		"  number: {path: '/{host}/*', upstream: 'http://127.{host}'}\n"+
		"  meta: {upstream: 'http://169.254.169.254'}\n"+
		"  own: {upstream: 'http://ollama.internal'}\n")
	for _, path := range []string{"/open/metadata/x", "/open/2130706433/x", "/open/0x7f000001/x", "/sub/metadata/x", "/secure/intranet/x", "/number/1/x", "/meta/x"} {
		res := g.ask(t, "GET "+path+" HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
		if res.status() != "502" || res.value("x-windhover-error") != "address_refused" {
			t.Errorf("%s: %s %s", path, res.line, res.body)
		}
	}
	if all := proxy.received(); len(all) > 0 {
		t.Errorf("the proxy was asked %q", all)
	}
	g.ask(t, "GET /own/x HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
	if got := strings.Join(proxy.received(), ""); !strings.HasPrefix(got, "GET http://ollama.internal/x HTTP/1.1\r\n") {
		t.Errorf("the proxy was asked %q", got)
	}
}
