package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	// UnixPrefix is what the address of a unix socket begins with, in place of a host and port.
	UnixPrefix = "unix:"

	// maxSocketPath is what every system takes, in bytes: macOS 103, Linux 107.
	maxSocketPath = 103
)

// setAddress takes HOST:PORT, or the absolute path of a unix socket.
func setAddress(to *string, value string) error {
	if path, unix := strings.CutPrefix(value, UnixPrefix); unix {
		if err := checkSocketPath(path); err != nil {
			return err
		}
		*to = value
		return nil
	}
	_, port, err := net.SplitHostPort(value)
	if err != nil {
		return fmt.Errorf("%s is no address; write HOST:PORT, :PORT for every interface, or unix:/PATH", quoted(value))
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return fmt.Errorf("port %s is no number from 0 to 65535", quoted(port))
	}
	*to = value
	return nil
}

// checkSocketPath keeps Linux's abstract sockets (@NAME) out, too: they have no mode, and everybody may connect.
func checkSocketPath(path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("%s is no absolute path of a socket; write unix:/run/windhover.sock", quoted(path))
	}
	if len(path) > maxSocketPath {
		return fmt.Errorf("the path of a socket can have %d bytes, this one has %d", maxSocketPath, len(path))
	}
	return nil
}

// setAddressOrOff keeps nothing for `off`.
func setAddressOrOff(to *string, value string) error {
	if value == "off" {
		*to = ""
		return nil
	}
	return setAddress(to, value)
}

// setPublicURL takes an address as clients write it, and keeps it without a slash at its end.
func setPublicURL(to *string, value string) error {
	if value == "" {
		*to = ""
		return nil
	}
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.ContainsAny(value, "?#") {
		return fmt.Errorf("%s is no address that clients could use; write https://HOST or https://HOST/PATH", quoted(value))
	}
	*to = strings.TrimRight(value, "/")
	return nil
}

// setNetworks takes networks and single addresses, separated by commas.
func setNetworks(to *[]netip.Prefix, value string) error {
	*to = nil
	if value == "" {
		return nil
	}
	for text := range strings.SplitSeq(value, ",") {
		network, err := parseNetwork(strings.TrimSpace(text))
		if err != nil {
			return err
		}
		*to = append(*to, network)
	}
	return nil
}

func parseNetwork(text string) (netip.Prefix, error) {
	network, err := netip.ParsePrefix(text)
	if address, one := netip.ParseAddr(text); one == nil && address.Zone() == "" {
		network, err = netip.PrefixFrom(address, address.BitLen()), nil
	}
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%s is no network; write it as in 10.0.0.0/8, fd00::/8 or 10.0.0.1", quoted(text))
	}
	if network.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%s is IPv4 written as IPv6 and would never match; write it as in 10.0.0.0/8", quoted(text))
	}
	return network.Masked(), nil
}
