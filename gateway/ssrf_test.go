package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"windhover/gateway/usage"
)

// disguise is a line of the corpus.
type disguise struct {
	host    string
	literal bool // a host that stands literally in the file may be it
}

func disguises(t testing.TB) []disguise {
	t.Helper()
	text, err := os.ReadFile("../testdata/ssrf/hosts.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []disguise
	for line := range strings.Lines(string(text)) {
		may, host, found := strings.Cut(strings.TrimSpace(line), " ")
		if found && may != "#" {
			all = append(all, disguise{host, may == "own"})
		}
	}
	if len(all) < 500 {
		t.Fatalf("%d hosts, want hundreds", len(all))
	}
	return all
}

// Whoever resolves the host, here or behind a proxy, and however it is written: it is refused before anything is sent.
func TestDisguisedAddressIsRefused(t *testing.T) {
	t.Parallel()
	for _, d := range disguises(t) {
		if err := guardName(d.host, false); !errors.Is(err, errAddressRefused) {
			t.Errorf("%s where a client chose it: %v, want that it is refused", d.host, err)
		}
		if err := guardName(d.host, true); (err == nil) != d.literal {
			t.Errorf("%s where the file says so: %v, want that it may be: %v", d.host, err, d.literal)
		}
		a, err := netip.ParseAddr(d.host)
		if err != nil {
			continue
		}
		if err := guard(a, false); !errors.Is(err, errAddressRefused) {
			t.Errorf("%s as the address that a name has: %v, want that it is refused", d.host, err)
		}
		if err := guard(a, true); (err == nil) != d.literal {
			t.Errorf("%s as the address of the file's name: %v, want that it may be: %v", d.host, err, d.literal)
		}
	}
}

// The same forms with public addresses pass, so that the refusals above mean something.
func TestPublicAddressIsDialled(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"api.openai.com", "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2002:101:101::1", "0x.example", "1password.com", "127.example.com", "metadata.example.com"} {
		if err := guardName(host, false); err != nil {
			t.Errorf("%s: %v, want that it may be dialled", host, err)
		}
	}
}

// A client writes them into a path from which a host is made; not one of them is connected to, although this resolver knows
// every spelling of an address, and this machine's for all other names.
func TestDisguisedAddressIsNeverDialled(t *testing.T) {
	t.Parallel()
	var accepted atomic.Int64
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted.Add(1)
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close() })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	g := start(t, "version: 1\ndefaults: {timeouts: {connect: 2s}}\nproviders:\n"+
		"  alone: {path: '/{host}/*', upstream: 'http://{host}:"+port+"'}\n"+
		"  dotted: {path: '/{a}/{b}/{c}/{d}/*', upstream: 'http://{a}.{b}.{c}.{d}:"+port+"'}\n"+
		"  below: {path: '/{host}/*', upstream: 'http://{host}.localhost:"+port+"'}\n")
	resolver := resolving(t, func(name string) netip.Addr {
		if a, ok := loose4(name); ok {
			return a
		}
		return netip.MustParseAddr("127.0.0.1")
	})
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		d := guardedDialer(5*time.Second, false)
		d.Resolver = resolver
		return d.DialContext(ctx, network, address)
	}}
	for _, p := range g.snapshot.Load().providers {
		p.routes[0].transport = transport
	}
	asked := 0
	for _, d := range disguises(t) {
		for _, path := range []string{"/alone/" + d.host, "/below/" + d.host, "/dotted/" + strings.ReplaceAll(d.host, ".", "/")} {
			if strings.HasPrefix(path, "/below/") && strings.Trim(d.host, "abcdefghijklmnopqrstuvwxyz-") != "" {
				continue // no name
			}
			asked++
			answer := g.talk(t, "GET "+strings.ReplaceAll(path, "%", "%25")+"/x HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
			if !strings.HasPrefix(answer, "HTTP/1.1 4") && !strings.HasPrefix(answer, "HTTP/1.1 502") {
				t.Errorf("%s answers %q", path, answer)
			}
		}
	}
	if n := accepted.Load(); n > 0 {
		t.Errorf("%d of %d were connected to", n, asked)
	}
	for _, rec := range g.records.wait(t, asked) {
		if rec.End != usage.EndRejected && rec.End != usage.EndConnectError {
			t.Errorf("record of %s: %s", rec.Path, rec.End)
		}
	}
}

// resolving is a resolver whose server, on UDP, gives each name the address that answer says.
func resolving(t testing.TB, answer func(name string) netip.Addr) *net.Resolver {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		buffer := make([]byte, 512)
		for {
			n, from, err := c.ReadFrom(buffer)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buffer[:n]) != nil || len(m.Questions) == 0 {
				continue
			}
			m.Response, m.Additionals = true, nil
			if m.Questions[0].Type == dnsmessage.TypeA {
				name := m.Questions[0].Name
				ip := answer(strings.TrimSuffix(name.String(), ".")).As4()
				m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET}, Body: &dnsmessage.AResource{A: ip}}}
			}
			if packet, err := m.Pack(); err == nil {
				_, _ = c.WriteTo(packet, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", c.LocalAddr().String())
	}}
}

// Who looks a name up first and then connects to it is told two different addresses. The guard asks for none: it sees the
// one that is connected to.
func TestNameThatChangesItsAddressIsRefused(t *testing.T) {
	t.Parallel()
	up := answering(t, okAnswer)
	_, port, _ := net.SplitHostPort(up.addr)
	var asked atomic.Bool
	resolver := resolving(t, func(string) netip.Addr {
		if asked.Swap(true) {
			return netip.MustParseAddr("127.0.0.1")
		}
		return netip.MustParseAddr("192.0.2.1")
	})
	if first, err := resolver.LookupHost(t.Context(), "rebinding.test"); err != nil || first[0] != "192.0.2.1" {
		t.Fatalf("the first look-up = %v, %v", first, err)
	}
	d := guardedDialer(2*time.Second, false)
	d.Resolver = resolver
	c, err := d.DialContext(t.Context(), "tcp", "rebinding.test:"+port)
	if err == nil {
		c.Close()
	}
	if !errors.Is(err, errAddressRefused) {
		t.Errorf("dial = %v, want that it is refused", err)
	}
	d = guardedDialer(2*time.Second, true)
	d.Resolver = resolver
	if c, err = d.DialContext(t.Context(), "tcp", "rebinding.test:"+port); err != nil {
		t.Fatalf("dial of the file's own name = %v", err)
	}
	c.Close()
}

// A redirect is the client's to follow or not: to follow it here would let an upstream choose a host.
func TestRedirectIsPassedOnAndNotFollowed(t *testing.T) {
	t.Parallel()
	secret := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret")
	for _, status := range []string{"301", "302", "303", "307", "308"} {
		up := answering(t, "HTTP/1.1 "+status+" Elsewhere\r\nLocation: http://"+secret.addr+"/\r\nContent-Length: 0\r\n\r\n")
		g := start(t, leadingTo(up.addr))
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			res := g.ask(t, method+" /up/v1 HTTP/1.1\r\nHost: g\r\nConnection: close\r\nAuthorization: Bearer k\r\n\r\n")
			if res.status() != status || res.value("location") != "http://"+secret.addr+"/" || res.body != "" {
				t.Errorf("%s: %s, Location %q, body %q", status, res.line, res.value("location"), res.body)
			}
		}
	}
	if n := len(secret.received()); n > 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// FuzzLoose4 holds that what is read as an address is one, and the same that inet_aton would find in the usual spelling.
func FuzzLoose4(f *testing.F) {
	for _, d := range disguises(f) {
		f.Add(d.host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		a, ok := loose4(host)
		if usual, err := netip.ParseAddr(host); err == nil && usual.Is4() && (!ok || a != usual) {
			t.Errorf("%q is read as %s, %v", host, a, ok)
		}
		if ok && !a.Is4() {
			t.Errorf("%q is read as %s", host, a)
		}
		_ = guardName(host, false)
	})
}
