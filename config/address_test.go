package config

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

func TestAddressIsAPortOrASocket(t *testing.T) {
	t.Parallel()
	for _, value := range []string{":5501", "127.0.0.1:0", "[::1]:5501", "localhost:65535", "unix:/run/windhover.sock"} {
		var got string
		if err := setAddress(&got, value); err != nil || got != value {
			t.Errorf("setAddress(%q) = %q, %v, want it as it is", value, got, err)
		}
	}
	long := "/" + strings.Repeat("x", maxSocketPath)
	for value, want := range map[string]string{
		"5501":              "5501 is no address; write HOST:PORT, :PORT for every interface, or unix:/PATH",
		"localhost:http":    "port http is no number from 0 to 65535",
		":05":               "port 05 is no number from 0 to 65535",
		"unix:":             `"" is no absolute path of a socket; write unix:/run/windhover.sock`,
		"unix:gateway.sock": "gateway.sock is no absolute path of a socket; write unix:/run/windhover.sock",
		"unix:@gateway":     "@gateway is no absolute path of a socket; write unix:/run/windhover.sock",
		"unix:" + long:      "the path of a socket can have 103 bytes, this one has 104",
	} {
		var got string
		if err := setAddress(&got, value); err == nil || err.Error() != want {
			t.Errorf("setAddress(%q) = %v, want %s", value, err, want)
		}
	}
}

func TestPublicURLIsKeptWithoutASlashAtItsEnd(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"":                             "",
		"https://ai.example.com":       "https://ai.example.com",
		"https://ai.example.com/":      "https://ai.example.com",
		"http://10.0.0.1:8080/ai/v2//": "http://10.0.0.1:8080/ai/v2",
		"https://[2001:db8::1]:5501":   "https://[2001:db8::1]:5501",
	} {
		var got string
		if err := setPublicURL(&got, value); err != nil || got != want {
			t.Errorf("setPublicURL(%q) = %q, %v, want %q", value, got, err, want)
		}
	}
}

func TestPublicURLRefusesWhatNoClientCouldUse(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"ai.example.com", "ai.example.com:5501", "//ai.example.com", "ftp://ai.example.com", "https://", "https://:5501", "/ai",
		"https://user@ai.example.com", "https://ai.example.com?", "https://ai.example.com/#x", "https://ai.example.com:port", "https://a b",
	} {
		var got string
		want := quoted(value) + " is no address that clients could use; write https://HOST or https://HOST/PATH"
		if err := setPublicURL(&got, value); err == nil || err.Error() != want {
			t.Errorf("setPublicURL(%q) = %v, want %s", value, err, want)
		}
	}
}

func TestNetworksAreSeparatedByCommas(t *testing.T) {
	t.Parallel()
	var got []netip.Prefix
	must(t, setNetworks(&got, "10.1.2.3/8, 192.168.0.1,fd00::/8 ,::1"))
	want := []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"),
		netip.MustParsePrefix("192.168.0.1/32"),
		netip.MustParsePrefix("fd00::/8"),
		netip.MustParsePrefix("::1/128"),
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("setNetworks() = %v, want %v", got, want)
	}
	must(t, setNetworks(&got, ""))
	if got != nil {
		t.Errorf("setNetworks of nothing = %v, want none", got)
	}
}

func TestNetworksAreRefusedThatMatchNobody(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"10.0.0.0/33":            "10.0.0.0/33 is no network; write it as in 10.0.0.0/8, fd00::/8 or 10.0.0.1",
		"10.0.0.0/8,":            `"" is no network; write it as in 10.0.0.0/8, fd00::/8 or 10.0.0.1`,
		"proxy.internal":         "proxy.internal is no network; write it as in 10.0.0.0/8, fd00::/8 or 10.0.0.1",
		"fe80::1%eth0":           "fe80::1%eth0 is no network; write it as in 10.0.0.0/8, fd00::/8 or 10.0.0.1",
		"::1, ::ffff:10.0.0.1":   "::ffff:10.0.0.1 is IPv4 written as IPv6 and would never match; write it as in 10.0.0.0/8",
		"::ffff:10.0.0.0/104,::": "::ffff:10.0.0.0/104 is IPv4 written as IPv6 and would never match; write it as in 10.0.0.0/8",
	} {
		var got []netip.Prefix
		if err := setNetworks(&got, value); err == nil || err.Error() != want {
			t.Errorf("setNetworks(%q) = %v, want %s", value, err, want)
		}
	}
}

func FuzzAddresses(f *testing.F) {
	f.Add("unix:/run/windhover.sock")
	f.Add("[::1]:5501")
	f.Add("https://ai.example.com/ai")
	f.Add("10.0.0.0/8, ::1")
	f.Fuzz(func(t *testing.T, value string) {
		var address, public string
		var networks []netip.Prefix
		if setAddress(&address, value) == nil && address != value {
			t.Errorf("setAddress(%q) = %q, want it as it is", value, address)
		}
		if setPublicURL(&public, value) == nil && strings.HasSuffix(public, "/") {
			t.Errorf("setPublicURL(%q) = %q, want no slash at its end", value, public)
		}
		if setNetworks(&networks, value) != nil {
			return
		}
		for _, network := range networks {
			if !network.IsValid() {
				t.Errorf("setNetworks(%q) holds %v", value, network)
			}
		}
	})
}
