package gateway

import (
	"net/http"
	"net/netip"
	"strings"
)

// clientOf is the IP address that a request comes from, as its record shows it: that of the peer, unless this is a proxy
// that the operator trusts. Nothing is decided by it. It is empty for the peer of a unix socket, which has no address.
func clientOf(r *http.Request, trusted []netip.Prefix) string {
	withPort, _ := netip.ParseAddrPort(r.RemoteAddr)
	peer := plain(withPort.Addr())
	if trusts(trusted, peer) {
		if client := forwardedFor(r.Header["X-Forwarded-For"], trusted); client.IsValid() {
			return client.String()
		}
	}
	if !peer.IsValid() {
		return ""
	}
	return peer.String()
}

// trusts reports whether a peer is a trusted proxy. One without address is a process of this machine behind a unix socket,
// and is trusted where 127.0.0.1 is.
func trusts(trusted []netip.Prefix, peer netip.Addr) bool {
	if !peer.IsValid() {
		peer = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	for _, network := range trusted {
		if network.Contains(peer) {
			return true
		}
	}
	return false
}

// forwardedFor is the client that trusted proxies speak of: the right-most address that is none of theirs, or the left-most
// if all are. Each proxy appends the peer that it saw, so that what stands left of an untrusted address is the client's
// own word. Where something else than an address stands, nothing is believed, and the answer is invalid.
//
// Forwarded (RFC 7239) is not read: a proxy that appends to one of the two headers passes the other on as the client wrote it.
func forwardedFor(lines []string, trusted []netip.Prefix) netip.Addr {
	var client netip.Addr
	for hops := strings.Join(lines, ","); hops != ""; {
		comma := strings.LastIndexByte(hops, ',')
		client = parseHop(hops[comma+1:])
		if !client.IsValid() || !trusts(trusted, client) {
			return client
		}
		hops = hops[:max(comma, 0)]
	}
	return client
}

// parseHop reads an address with or without a port.
func parseHop(text string) netip.Addr {
	text = strings.TrimSpace(text)
	address, err := netip.ParseAddr(text)
	if err != nil {
		withPort, _ := netip.ParseAddrPort(text)
		address = withPort.Addr()
	}
	return plain(address)
}

// plain is an address in its one spelling. The zone is left out: it means something to one machine only.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
