package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// errAddressRefused is in the chain of a dial that the guard stopped.
var errAddressRefused = errors.New("address refused")

// guardedDialer dials what a provider's host resolved to, unless the address is one that no provider has. It looks at
// the address that is really connected to, so that a name that resolves to another one the second time gains nothing.
func guardedDialer(timeout time.Duration, literalHost bool) *net.Dialer {
	return &net.Dialer{
		Timeout:   timeout,
		KeepAlive: 15 * time.Second,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			ap, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("%w: %s", errAddressRefused, address)
			}
			return guard(ap.Addr(), literalHost)
		},
	}
}

// guard refuses cloud metadata services, link-local and multicast addresses always; every other one that is not public
// unless the host stands literally in the file: there its author chose it, elsewhere a client's path variable did.
func guard(a netip.Addr, literalHost bool) error {
	a = embedded4(a.Unmap().WithZone(""))
	switch {
	case metadata(a):
		return fmt.Errorf("%w: %s is a metadata service", errAddressRefused, a)
	case a.IsLinkLocalUnicast(), a.IsMulticast():
		return fmt.Errorf("%w: %s is link-local or multicast", errAddressRefused, a)
	case literalHost:
		return nil
	case !public(a):
		return fmt.Errorf("%w: %s is loopback, private or reserved, and the host does not stand literally in the file", errAddressRefused, a)
	}
	return nil
}

// guardName is guard for a host that is resolved elsewhere: an address in any spelling, or a name that means something
// only in the network of who resolves it.
func guardName(host string, literalHost bool) error {
	if a, err := netip.ParseAddr(host); err == nil {
		return guard(a, literalHost)
	}
	if literalHost {
		return nil
	}
	host = strings.ToLower(strings.TrimRight(host, "."))
	top := host[strings.LastIndexByte(host, '.')+1:]
	switch {
	case top == host, top == "localhost", top == "local", top == "internal":
		return fmt.Errorf("%w: %s is no name of the internet, and does not stand literally in the file", errAddressRefused, host)
	case '0' <= top[0] && top[0] <= '9': // 127.1 or 0x7f.0.0.1: no top-level domain begins with a digit
		return fmt.Errorf("%w: %s is an address in disguise", errAddressRefused, host)
	}
	return nil
}

// public reports whether an address can be one of the internet (IANA's special-purpose registries, RFC 6890).
func public(a netip.Addr) bool {
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, prefix := range [...]string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "198.18.0.0/15", "240.0.0.0/4", // this host, carriers' and clouds' own, protocols, benchmarks, reserved
		"::/96", "64:ff9b:1::/48", "100::/64", "fec0::/10", // IPv4 in disguise, a network's own translation, discard, site-local
	} {
		if netip.MustParsePrefix(prefix).Contains(a) {
			return false
		}
	}
	return true
}

// embedded4 is the IPv4 address that a translated one leads to: NAT64 (RFC 6052) and 6to4 (RFC 3056); or a itself.
func embedded4(a netip.Addr) netip.Addr {
	b := a.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(a):
		return netip.AddrFrom4([4]byte(b[12:]))
	case netip.MustParsePrefix("2002::/16").Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return a
}

// metadata reports the addresses at which clouds hand out credentials to machines, where they are not link-local.
func metadata(a netip.Addr) bool {
	switch a.String() {
	case "169.254.169.254", "169.254.170.2", // most clouds; Amazon ECS
		"fd00:ec2::254", "fd20:ce::254", // Amazon and Google over IPv6
		"100.100.100.200", "168.63.129.16", "192.0.0.192": // Alibaba, Azure, Oracle
		return true
	}
	return false
}
