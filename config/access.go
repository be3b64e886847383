package config

import (
	"net/textproto"
	"strings"
)

// DefaultAccessHeader is what a client sends its token in, where the file names no other header.
const DefaultAccessHeader = "X-Windhover-Key"

// Given reports whether the file restricts who may use the provider.
func (a Access) Given() bool { return len(a.Tokens) > 0 }

// HeaderName is the header that a token comes in, as HTTP writes it.
func (a Access) HeaderName() string {
	if a.Header.Empty() {
		return DefaultAccessHeader
	}
	return textproto.CanonicalMIMEHeaderKey(a.Header.Value)
}

// isHeader checks the name of the header that tokens come in: one that a client can send and the transport does not take.
func (d *decoder) isHeader(n *node) bool {
	if !isToken(n.text) {
		d.reject(n, "%s is no header name", quoted(n.text))
		return false
	}
	if headerFault(n.text) != "" {
		d.reject(n, "%s can hold no token; it belongs to the connection", n.text)
		return false
	}
	return true
}

// secretList is the tokens of an access, or a single one.
func (d *decoder) secretList(n *node, f field) SecretList {
	list := oneOrMore(d, n, func(item *node) (SecretText, bool) { return d.token(item, f) })
	if n.kind == listKind && len(n.items) == 0 {
		d.reject(n, "the list is empty, and nobody could come in; write a token, or remove access")
	}
	return list
}

// token is what a client must send. One that is empty would let in everybody, one that HTTP trims nobody.
func (d *decoder) token(n *node, f field) (SecretText, bool) {
	x, ok := d.secretText(n, f)
	if !ok || x.Secret.Missing() {
		return x, ok
	}
	switch value := x.Secret.Reveal(); {
	case value == "":
		d.reject(n, "the token is empty, and everybody could come in; give the reference a value")
	case strings.TrimSpace(value) != value:
		d.reject(n, "the token begins or ends with a space, which HTTP does not carry; remove it")
	default:
		return x, true
	}
	return SecretText{}, false
}
