package gateway

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"windhover/gateway/usage"
)

// Of each address: whether a host that stands literally in the file may lead there, and whether one with a variable may.
func TestGuardKnowsAddresses(t *testing.T) {
	t.Parallel()
	type allowed struct{ literal, templated bool }
	never, own, anyone := allowed{}, allowed{literal: true}, allowed{true, true}
	for address, want := range map[string]allowed{
		"1.1.1.1": anyone, "104.18.6.192": anyone, "2606:4700::6812:6c0": anyone, "::ffff:1.1.1.1": anyone, "64:ff9b::1.1.1.1": anyone, "2002:101:101::": anyone, "99.255.255.255": anyone, "100.128.0.1": anyone,
		"172.15.255.255": anyone, "172.32.0.1": anyone, "192.1.0.1": anyone,

		"169.254.169.254": never, "169.254.170.2": never, "169.254.0.1": never, "fe80::1": never, "fe80::1%eth0": never, "fd00:ec2::254": never, "fd20:ce::254": never,
		"100.100.100.200": never, "168.63.129.16": never, "192.0.0.192": never,
		"::ffff:169.254.169.254": never, "::ffff:a9fe:a9fe": never, "64:ff9b::169.254.169.254": never, "64:ff9b::a9fe:a9fe": never, "2002:a9fe:a9fe::": never, "::ffff:100.100.100.200": never,
		"224.0.0.1": never, "239.255.255.250": never, "ff02::1": never, "ff0e::1": never,

		"127.0.0.1": own, "127.255.255.255": own, "::1": own, "::ffff:127.0.0.1": own, "64:ff9b::127.0.0.1": own, "2002:7f00:1::": own,
		"0.0.0.0": own, "::": own, "0.1.2.3": own, "10.0.0.1": own, "10.255.255.255": own, "172.16.0.1": own, "172.31.255.255": own, "192.168.0.1": own, "::ffff:10.0.0.1": own, "64:ff9b::10.0.0.1": own,
		"fc00::1": own, "fd12:3456::1": own, "fec0::1": own, "100.64.0.1": own, "100.127.255.255": own, "192.0.0.1": own, "198.18.0.1": own, "240.0.0.1": own, "255.255.255.255": own, "::127.0.0.1": own, "64:ff9b:1::1": own, "100::1": own,
	} {
		a := netip.MustParseAddr(address)
		if got := (allowed{guard(a, true) == nil, guard(a, false) == nil}); got != want {
			t.Errorf("%s: %+v, want %+v", address, got, want)
		}
		if err := guard(a, false); err != nil && !errors.Is(err, errAddressRefused) {
			t.Errorf("%s: %v is not errAddressRefused", address, err)
		}
	}
}

func TestGuardSaysWhyItRefuses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"::ffff:169.254.169.254": "address refused: 169.254.169.254 is a metadata service",
		"ff02::1":                "address refused: ff02::1 is link-local or multicast",
		"64:ff9b::10.1.2.3":      "address refused: 10.1.2.3 is loopback, private or reserved, and the host does not stand literally in the file",
	} {
		if err := guard(netip.MustParseAddr(address), false); err == nil || err.Error() != want {
			t.Errorf("guard(%s) = %v, want %s", address, err, want)
		}
	}
}

// A proxy resolves names itself, so what it will find has to be read off the name.
func TestGuardReadsNames(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"api.openai.com":           "",
		"x.openai.azure.com.":      "",
		"1password.com":            "",
		"1.1.1.1":                  "",
		"localhost":                "address refused: localhost is no name of the internet, and does not stand literally in the file",
		"LOCALHOST.":               "address refused: localhost is no name of the internet, and does not stand literally in the file",
		"a.localhost":              "address refused: a.localhost is no name of the internet, and does not stand literally in the file",
		"printer.local":            "address refused: printer.local is no name of the internet, and does not stand literally in the file",
		"metadata.google.internal": "address refused: metadata.google.internal is a metadata service",
		"metadata":                 "address refused: metadata is a metadata service",
		"..":                       "address refused:  is no name of the internet, and does not stand literally in the file",
		"127.1":                    "address refused: 127.1 is an address in disguise",
		"0x7f.0.0.0x1":             "address refused: 0x7f.0.0.0x1 is an address in disguise",
		"10.0.0.1":                 "address refused: 10.0.0.1 is loopback, private or reserved, and the host does not stand literally in the file",
		"::1":                      "address refused: ::1 is loopback, private or reserved, and the host does not stand literally in the file",
	} {
		got := ""
		if err := guardName(host, false); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("guardName(%q) = %q, want %q", host, got, want)
		}
	}
	if err := guardName("ollama.local", true); err != nil {
		t.Errorf("guardName of a literal host = %v, want nil", err)
	}
	if err := guardName("169.254.169.254", true); err == nil {
		t.Error("guardName of a literal metadata service = nil, want an error")
	}
}

// The name is harmless, and what it resolves to is not: only the address that is connected to tells.
func TestNameThatResolvesToLoopbackIsRefused(t *testing.T) {
	t.Parallel()
	up := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	_, port, _ := strings.Cut(up.addr, ":")
	g := start(t, "version: 1\nproviders:\n"+
		"  open: {path: '/{host}/*', upstream: 'http://{host}:"+port+"'}\n"+
		"  literal: {upstream: 'http://localhost:"+port+"'}\n")
	res := g.ask(t, "GET /open/localhost/v1 HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
	if res.status() != "502" || res.value("x-windhover-error") != "address_refused" || !strings.Contains(res.body, "open leads to an address that is not allowed: ") {
		t.Errorf("templated: %s %s", res.line, res.body)
	}
	rec := g.one(t)
	if rec.End != usage.EndConnectError || rec.Error != "address_refused" || rec.Attempt != 1 {
		t.Errorf("record: end %s, error %s, attempt %d", rec.End, rec.Error, rec.Attempt)
	}
	if all := up.received(); len(all) > 0 {
		t.Errorf("these reached the upstream: %q", all)
	}
	if res := g.ask(t, "GET /literal/v1 HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n"); res.status() != "200" {
		t.Errorf("literal: %s %s", res.line, res.body)
	}
}

func TestMetadataServiceIsRefusedEvenWhereTheFileNamesIt(t *testing.T) {
	t.Parallel()
	g := start(t, "version: 1\nproviders:\n  meta: {upstream: 'http://169.254.169.254'}\n  mapped: {upstream: 'http://[::ffff:169.254.169.254]'}\n")
	for _, name := range []string{"meta", "mapped"} {
		res := g.ask(t, "GET /"+name+"/latest HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
		want := failureBody("upstream_error", "address_refused", name+" leads to an address that is not allowed: dial tcp 169.254.169.254:80: address refused: 169.254.169.254 is a metadata service")
		if res.status() != "502" || strings.Replace(res.body, "[::ffff:169.254.169.254]", "169.254.169.254", 1) != want {
			t.Errorf("%s: %s %s want %s", name, res.line, res.body, want)
		}
	}
}
