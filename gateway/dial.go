package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
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
	a = a.Unmap().WithZone("")
	for _, inside := range embedded(a) {
		if err := guardOne(inside, literalHost); err != nil {
			return err
		}
	}
	return guardOne(a, literalHost)
}

// guardOne is guard for an address as it stands.
func guardOne(a netip.Addr, literalHost bool) error {
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
	host = strings.ToLower(strings.TrimRight(strings.Trim(host, "[]"), "."))
	if a, err := netip.ParseAddr(host); err == nil {
		return guard(a, literalHost)
	}
	if a, ok := loose4(host); ok {
		if err := guard(a, true); err != nil {
			return err
		}
	}
	if metadataName(host) {
		return fmt.Errorf("%w: %s is a metadata service", errAddressRefused, host)
	}
	if literalHost {
		return nil
	}
	top := host[strings.LastIndexByte(host, '.')+1:]
	switch {
	case host == "", top == host, top == "localhost", top == "local", top == "internal":
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
		"::/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "2001::/32", // IPv4 in disguise, a network's own translation, Teredo
		"100::/64", "2001:db8::/32", "fec0::/10", // discard, documentation, site-local
	} {
		if netip.MustParsePrefix(prefix).Contains(a) {
			return false
		}
	}
	return true
}

// embedded are the IPv4 addresses that an IPv6 address may lead to: by NAT64 (RFC 6052), 6to4 (RFC 3056), Teredo (RFC 4380),
// ISATAP (RFC 5214), or as one in the old forms. Where a network's own translation puts it, only the network knows.
func embedded(a netip.Addr) []netip.Addr {
	if a.Is4() {
		return nil
	}
	b := a.As16()
	at := func(i, j, k, l int) netip.Addr { return netip.AddrFrom4([4]byte{b[i], b[j], b[k], b[l]}) }
	in := func(prefix string) bool { return netip.MustParsePrefix(prefix).Contains(a) }
	last := at(12, 13, 14, 15)
	switch {
	case in("64:ff9b:1::/48"):
		return []netip.Addr{last, at(6, 7, 9, 10), at(7, 9, 10, 11), at(9, 10, 11, 12)}
	case in("64:ff9b::/96"), in("::/96") && b[12] != 0, in("::ffff:0:0:0/96"):
		return []netip.Addr{last}
	case in("2002::/16"):
		return []netip.Addr{at(2, 3, 4, 5)}
	case in("2001::/32"):
		b[12], b[13], b[14], b[15] = ^b[12], ^b[13], ^b[14], ^b[15]
		return []netip.Addr{at(4, 5, 6, 7), at(12, 13, 14, 15)}
	case b[8]&0xfd == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe:
		return []netip.Addr{last}
	}
	return nil
}

// loose4 reads an IPv4 address in the spellings of inet_aton: one to four numbers, decimal, octal or hexadecimal, of which the
// last one fills what is left. Go knows only the usual one; the resolver of a system or a proxy may know them all.
func loose4(host string) (netip.Addr, bool) {
	parts := strings.Split(host, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var address uint64
	for i, part := range parts {
		bits := 8
		if i == len(parts)-1 {
			bits = 8 * (5 - len(parts))
		}
		n, err := strconv.ParseUint(octal(part), 0, 64)
		if err != nil || n >= 1<<bits || strings.ContainsAny(part, "_bo") && !strings.HasPrefix(part, "0x") {
			return netip.Addr{}, false
		}
		address = address<<bits | n
	}
	return netip.AddrFrom4([4]byte{byte(address >> 24), byte(address >> 16), byte(address >> 8), byte(address)}), true
}

// octal writes the number as Go does, where inet_aton takes a leading zero for enough.
func octal(number string) string {
	if rest := strings.TrimLeft(number, "0"); len(rest) < len(number) && !strings.HasPrefix(rest, "x") {
		return "0" + rest
	}
	return number
}

// metadataName reports the names of metadata services, which lead to them wherever they are resolved.
func metadataName(host string) bool {
	switch host {
	case "metadata.google.internal", "metadata.goog", "metadata", "instance-data", "instance-data.ec2.internal", "metadata.tencentyun.com", "metadata.azure.internal":
		return true
	}
	return false
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
