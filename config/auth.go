package config

import "strings"

// AuthOff is the `auth` of a provider to which no credential of a client goes on.
const AuthOff = "off"

// QueryMark stands before the name of a query parameter in `auth`; a name without it is that of a header.
const QueryMark = "?"

// isCarrier checks an item of `auth`: what a client's credential may come in.
func (d *decoder) isCarrier(n *node) bool {
	name, query := strings.CutPrefix(n.text, QueryMark)
	switch {
	case n.text == AuthOff:
		return true
	case !isToken(name):
		d.reject(n, "%s is no header name; write one, ?NAME for a query parameter, or off", quoted(n.text))
	case !query && headerFault(name) != "":
		d.reject(n, "%s can hold no credential; it belongs to the connection", n.text)
	default:
		return true
	}
	return false
}
