package gateway

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"windhover/config"
	"windhover/gateway/usage"
)

// asked keeps what a proxy was asked for.
type asked struct {
	mu  sync.Mutex
	all []string
}

func (a *asked) add(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, fmt.Sprintf(format, args...))
}

func (a *asked) String() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strings.Join(a.all, "; ")
}

// httpProxy tunnels on CONNECT and forwards what is in absolute form, to whoever has the password.
type httpProxy struct{ asked }

func (p *httpProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.add("%s %s %s", r.Method, r.RequestURI, r.Header.Get("Proxy-Authorization"))
	if r.Header.Get("Proxy-Authorization") != "Basic dXNlcjpodW50ZXIy" { // user:hunter2
		w.Header().Set("Proxy-Authenticate", "Basic")
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	if r.Method != http.MethodConnect {
		fmt.Fprint(w, "by proxy")
		return
	}
	upstream, err := net.Dial("tcp", r.RequestURI)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	client, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		upstream.Close()
		return
	}
	_, _ = io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n")
	splice(client, upstream)
}

// splice copies both ways until one side is done.
func splice(a, b net.Conn) {
	var copies sync.WaitGroup
	for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
		copies.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			way[0].Close()
			way[1].Close()
		})
	}
	copies.Wait()
}

func startHTTPProxy(t testing.TB, c *tls.Config) (*httpProxy, string) {
	t.Helper()
	p := new(httpProxy)
	server := httptest.NewUnstartedServer(p)
	if server.TLS = c; c != nil {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return p, server.Listener.Addr().String()
}

// startSOCKS is a SOCKS5 proxy (RFC 1928) with a password (RFC 1929).
func startSOCKS(t testing.TB) (*asked, string) {
	t.Helper()
	log := new(asked)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { serveSOCKS(c, log) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		open.Wait()
	})
	return log, l.Addr().String()
}

func serveSOCKS(c net.Conn, log *asked) {
	defer c.Close()
	read := func(n int) []byte {
		p := make([]byte, n)
		_, _ = io.ReadFull(c, p)
		return p
	}
	read(int(read(2)[1]))
	_, _ = c.Write([]byte{5, 2})
	user := string(read(int(read(2)[1])))
	password := string(read(int(read(1)[0])))
	_, _ = c.Write([]byte{1, 0})
	if read(4)[3] != 1 {
		return // no IPv4 address
	}
	host, port := net.IP(read(4)).String(), binary.BigEndian.Uint16(read(2))
	log.add("%s:%s asks for %s", user, password, host)
	upstream, err := net.Dial("tcp", net.JoinHostPort(host, itoa(int(port))))
	if err != nil {
		return
	}
	_, _ = c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	splice(c, upstream)
}

func TestProviderIsReachedThroughItsProxy(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t)
	certificates := []tls.Certificate{ours.pair(t, "up.test")}
	secure := startSecured(t, &tls.Config{Certificates: certificates}, true)
	plain := answering(t, okAnswer)
	// What the file says about TLS is about the provider: this name would not do for the proxy.
	toSecure := []string{"tls: {ca_file: '" + keep(t, "ca.pem", ours.pem) + "', server_name: up.test}"}

	for name, c := range map[string]struct {
		file  func(proxy string) string
		serve func(t testing.TB) (log fmt.Stringer, proxy string)
		want  string
		asked string
	}{
		"http to https": {
			func(proxy string) string { return onTLS(secure.address, append(toSecure, "proxy: "+proxy)...) },
			func(t testing.TB) (fmt.Stringer, string) {
				p, address := startHTTPProxy(t, nil)
				return p, "http://user:hunter2@" + address
			},
			"HTTP/2.0", "CONNECT " + secure.address + " Basic dXNlcjpodW50ZXIy",
		},
		"https to https": {
			func(proxy string) string { return onTLS(secure.address, append(toSecure, "proxy: "+proxy)...) },
			func(t testing.TB) (fmt.Stringer, string) {
				p, address := startHTTPProxy(t, &tls.Config{Certificates: []tls.Certificate{ours.pair(t, "proxy.test")}})
				return p, "https://user:hunter2@" + address
			},
			"HTTP/2.0", "CONNECT " + secure.address + " Basic dXNlcjpodW50ZXIy",
		},
		"socks5 to https": {
			func(proxy string) string { return onTLS(secure.address, append(toSecure, "proxy: "+proxy)...) },
			func(t testing.TB) (fmt.Stringer, string) {
				p, address := startSOCKS(t)
				return p, "socks5://user:hunter2@" + address
			},
			"HTTP/2.0", "user:hunter2 asks for 127.0.0.1",
		},
		"http to http": {
			func(proxy string) string { return leadingTo(plain.addr, onUp("proxy: "+proxy)) },
			func(t testing.TB) (fmt.Stringer, string) {
				p, address := startHTTPProxy(t, nil)
				return p, "http://user:hunter2@" + address
			},
			"by proxy", "GET http://" + plain.addr + "/v1 Basic dXNlcjpodW50ZXIy",
		},
		"socks5 to http": {
			func(proxy string) string { return leadingTo(plain.addr, onUp("proxy: "+proxy)) },
			func(t testing.TB) (fmt.Stringer, string) {
				p, address := startSOCKS(t)
				return p, "socks5://user:hunter2@" + address
			},
			"ok", "user:hunter2 asks for 127.0.0.1",
		},
		"off": {
			func(proxy string) string {
				return leadingTo(plain.addr, onUp("proxy: off")) + "defaults: {proxy: '" + proxy + "'}\n"
			},
			func(t testing.TB) (fmt.Stringer, string) {
				p, address := startHTTPProxy(t, nil)
				return p, "http://user:hunter2@" + address
			},
			"ok", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log, proxy := c.serve(t)
			g := startWith(t, c.file(proxy), Options{roots: ours.pool()})
			status, body := g.get(t, "/up/v1")
			if status != 200 || body != c.want {
				t.Errorf("answer = %d %s, want 200 %s", status, body, c.want)
			}
			if got := log.String(); got != c.asked {
				t.Errorf("the proxy was asked %q, want %q", got, c.asked)
			}
		})
	}
}

func TestProxyThatRefusesIsNamedWithoutItsPassword(t *testing.T) {
	t.Parallel()
	_, refusing := startHTTPProxy(t, nil)
	closed := answering(t, okAnswer).addr
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		closed = l.Addr().String()
		l.Close()
	}
	for proxy, want := range map[string]string{
		"http://user:canary@" + refusing: "up could not be reached: Proxy Authentication Required (proxy)",
		"http://user:canary@" + closed:   "up could not be reached: proxyconnect tcp: connect to proxy: dial tcp HOST: connect: connection refused (proxy)",
		"https://user:canary@" + closed:  "up could not be reached: proxyconnect tcp: connect to proxy: dial tcp HOST: connect: connection refused (proxy)",
		"socks5://user:canary@" + closed: "up could not be reached: connect to proxy: socks connect tcp HOST->api.acme.test:443: dial tcp HOST: connect: connection refused (proxy)",
	} {
		g := start(t, onTLS("api.acme.test", "proxy: "+proxy))
		status, body := g.get(t, "/up/v1")
		if status != 502 || errorOf(body) != want {
			t.Errorf("through %s: %d %s, want 502 %s", proxy, status, errorOf(body), want)
		}
		if strings.Contains(body+g.log.String(), "canary") {
			t.Errorf("the password is shown: %s %s", body, g.log)
		}
		if rec := g.one(t); rec.End != usage.EndConnectError {
			t.Errorf("End = %s, want %s", rec.End, usage.EndConnectError)
		}
	}
}

func TestProxyThatIsSilentTimesOut(t *testing.T) {
	t.Parallel()
	silent := newWire(t, func(_ *wire, c net.Conn, _ *bufio.Reader) { _, _ = io.Copy(io.Discard, c) })
	for _, scheme := range []string{"https", "socks5"} {
		g := start(t, onTLS("api.acme.test", "timeouts: {connect: 50ms}", "proxy: "+scheme+"://"+silent.addr))
		begin := time.Now()
		status, body := g.get(t, "/up/v1")
		if status != 504 || !strings.Contains(errorOf(body), "up could not be reached within 50ms (timeouts.connect): ") {
			t.Errorf("through %s: %d %s, want 504 for timeouts.connect", scheme, status, errorOf(body))
		}
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("through %s it took %s, want 50ms", scheme, took)
		}
	}
}

// A host that is an address is guarded although the proxy is who connects to it.
func TestProxyIsAskedForNoGuardedAddress(t *testing.T) {
	t.Parallel()
	http, httpAddress := startHTTPProxy(t, nil)
	socks, socksAddress := startSOCKS(t)
	for _, proxy := range []string{"http://user:hunter2@" + httpAddress, "socks5://user:hunter2@" + socksAddress} {
		g := start(t, onTLS("169.254.169.254", "proxy: "+proxy))
		status, body := g.get(t, "/up/latest/meta-data")
		if want := "169.254.169.254 is a metadata service"; status != 502 || !strings.Contains(body, want) {
			t.Errorf("through %s: %d %s, want 502 %s", proxy, status, body, want)
		}
	}
	if got := http.String() + socks.String(); got != "" {
		t.Errorf("the proxies were asked %q, want nothing", got)
	}
}

func TestHTTP2WithoutTLSPassesNoHTTPProxy(t *testing.T) {
	t.Parallel()
	for proxy, want := range map[string]string{
		"http://proxy.test":   "providers.up.proxy: " + errCleartext2ByProxy.Error(),
		"socks5://proxy.test": "<nil>",
		"off":                 "<nil>",
	} {
		_, err := Compile(load(t, leadingTo("api.acme.test", onUp("http: 2", "proxy: "+proxy))), CompileOptions{})
		if got := fmt.Sprint(err); !strings.HasSuffix(got, want) {
			t.Errorf("with %s, Compile = %s, want %s", proxy, got, want)
		}
	}
}

func TestProxyComesFromTheFileBeforeTheEnvironment(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://user:canary@environment.test:3128")
	t.Setenv("NO_PROXY", "direct.test")
	upstream := &url.URL{Scheme: "https", Host: "api.acme.test"}
	for proxy, want := range map[string]string{
		"":                      "http://user:canary@environment.test:3128",
		"off":                   "<nil>",
		"http://file.test":      "http://file.test:80",
		"https://file.test":     "http://file.test:443", // TLS to it is ours
		"socks5://file.test":    "<nil>",                // so is all of this
		"http://[fd00::1]:3128": "http://[fd00::1]:3128",
	} {
		o := newOutbound(link{scheme: "https", proxy: config.NewSecret(proxy)}, nil)
		got, err := o.proxyFor(upstream)
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("with proxy: %s, %s goes through %v, %v, want %s", proxy, upstream, got, err, want)
		}
	}
	o := newOutbound(link{scheme: "https"}, nil)
	if got, err := o.proxyFor(&url.URL{Scheme: "https", Host: "direct.test"}); got != nil || err != nil {
		t.Errorf("NO_PROXY's host goes through %v, %v, want none", got, err)
	}
}
