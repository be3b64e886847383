package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
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

// guard refuses cloud metadata services, link-local and multicast addresses always; loopback and private ones unless
// the host stands literally in the file: there its author chose it, elsewhere a client's path variable did.
func guard(a netip.Addr, literalHost bool) error {
	a = embedded4(a.Unmap().WithZone(""))
	switch {
	case metadata(a):
		return fmt.Errorf("%w: %s is a metadata service", errAddressRefused, a)
	case a.IsLinkLocalUnicast(), a.IsMulticast():
		return fmt.Errorf("%w: %s is link-local or multicast", errAddressRefused, a)
	case literalHost:
		return nil
	case a.IsLoopback(), a.IsUnspecified(), a.IsPrivate(), sharedSpace.Contains(a):
		return fmt.Errorf("%w: %s is loopback or private, and the host does not stand literally in the file", errAddressRefused, a)
	}
	return nil
}

// sharedSpace is what carriers and some clouds use as private addresses (RFC 6598).
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// nat64 is the well-known prefix under which an IPv6 network reaches IPv4 addresses (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// embedded4 is the IPv4 address inside a NAT64 one, or a itself.
func embedded4(a netip.Addr) netip.Addr {
	if !nat64.Contains(a) {
		return a
	}
	b := a.As16()
	return netip.AddrFrom4([4]byte(b[12:]))
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
