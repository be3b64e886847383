package gateway

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestClientIsTheRightmostAddressThatIsNoTrustedProxy(t *testing.T) {
	t.Parallel()
	const lan = "10.0.0.0/8"
	for _, c := range []struct {
		name      string
		peer      string
		forwarded []string
		trusted   string
		want      string
	}{
		{"nobody is trusted", "10.0.0.1:4000", []string{"192.0.2.1"}, "", "10.0.0.1"},
		{"another proxy is trusted", "203.0.113.9:4000", []string{"192.0.2.1"}, lan, "203.0.113.9"},
		{"a trusted proxy", "10.0.0.1:4000", []string{"192.0.2.1"}, lan, "192.0.2.1"},
		{"two trusted proxies", "10.0.0.1:4000", []string{"192.0.2.1, 10.0.0.2"}, lan, "192.0.2.1"},
		{"the client's own word", "10.0.0.1:4000", []string{"198.51.100.7, 192.0.2.1, 10.0.0.2"}, lan, "192.0.2.1"},
		{"the client's own word on a line of its own", "10.0.0.1:4000", []string{"198.51.100.7", "192.0.2.1"}, lan, "192.0.2.1"},
		{"the client pretends to be a trusted proxy", "10.0.0.1:4000", []string{"198.51.100.7, 10.9.9.9, 192.0.2.1"}, lan, "192.0.2.1"},
		{"a client in the network of the proxies", "10.0.0.1:4000", []string{"10.0.0.7,10.0.0.2"}, lan, "10.0.0.7"},
		{"no header", "10.0.0.1:4000", nil, lan, "10.0.0.1"},
		{"an empty header", "10.0.0.1:4000", []string{""}, lan, "10.0.0.1"},
		{"ports", "10.0.0.1:4000", []string{"[2001:db8::1]:99, 10.0.0.2:80"}, lan, "2001:db8::1"},
		{"IPv4 written as IPv6", "[::ffff:10.0.0.1]:4000", []string{"::ffff:192.0.2.1"}, lan, "192.0.2.1"},
		{"IPv6 with a zone", "[fe80::1%eth0]:4000", []string{"fe80::2%eth1"}, "fe80::/64", "fe80::2"},
		{"a word", "10.0.0.1:4000", []string{"unknown, 10.0.0.2"}, lan, "10.0.0.1"},
		{"a word behind the client", "10.0.0.1:4000", []string{"192.0.2.1, _hidden"}, lan, "10.0.0.1"},
		{"an empty place", "10.0.0.1:4000", []string{"192.0.2.1,,10.0.0.2"}, lan, "10.0.0.1"},
		{"an empty end", "10.0.0.1:4000", []string{"192.0.2.1,"}, lan, "10.0.0.1"},
		{"markup", "10.0.0.1:4000", []string{"<script>"}, lan, "10.0.0.1"},
		{"a unix socket", "@", []string{"192.0.2.1"}, "", ""},
		{"a unix socket where loopback is not trusted", "", []string{"192.0.2.1"}, lan, ""},
		{"a unix socket where loopback is trusted", "@", []string{"192.0.2.1"}, "127.0.0.1/32", "192.0.2.1"},
		{"a unix socket without a header", "@", nil, "127.0.0.1/32", ""},
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{"X-Forwarded-For": c.forwarded}}
		if got := clientOf(r, networks(c.trusted)); got != c.want {
			t.Errorf("%s: clientOf() = %q, want %q", c.name, got, c.want)
		}
	}
}

func networks(text string) []netip.Prefix {
	if text == "" {
		return nil
	}
	return []netip.Prefix{netip.MustParsePrefix(text)}
}

func TestRecordHoldsTheClient(t *testing.T) {
	t.Parallel()
	w := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	for trusted, want := range map[string]string{"": "127.0.0.1", "127.0.0.0/8": "192.0.2.1"} {
		s := startWith(t, leadingTo(w.addr), Options{TrustedProxies: networks(trusted)})
		s.talk(t, "GET /up/ HTTP/1.1\r\nHost: gateway\r\nX-Forwarded-For: 192.0.2.1\r\nConnection: close\r\n\r\n")
		if got := s.one(t).Client; got != want {
			t.Errorf("Client with trusted proxies %q = %q, want %q", trusted, got, want)
		}
	}
}

func TestClientCostsOneAllocation(t *testing.T) {
	r := &http.Request{RemoteAddr: "192.0.2.1:4000", Header: http.Header{"X-Forwarded-For": {"198.51.100.7, 10.0.0.2"}}}
	for _, trusted := range []string{"", "192.0.2.0/24"} {
		prefixes := networks(trusted)
		if n := testing.AllocsPerRun(100, func() { clientOf(r, prefixes) }); n > 1 {
			t.Errorf("clientOf with trusted proxies %q allocates %v times, want once, for its answer", trusted, n)
		}
	}
}

func FuzzClient(f *testing.F) {
	f.Add("192.0.2.1, 10.0.0.2")
	f.Add("[2001:db8::1]:99,")
	f.Fuzz(func(t *testing.T, forwarded string) {
		r := &http.Request{RemoteAddr: "10.0.0.1:4000", Header: http.Header{"X-Forwarded-For": {forwarded}}}
		if _, err := netip.ParseAddr(clientOf(r, networks("10.0.0.0/8"))); err != nil {
			t.Errorf("clientOf(%q): %v, want an address whatever the header holds", forwarded, err)
		}
	})
}
