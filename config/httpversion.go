package config

// HTTPVersion is one of the versions of HTTP that a provider can be spoken to in; empty where the file says nothing.
type HTTPVersion string

// The versions.
const (
	HTTPAuto HTTPVersion = "auto" // the newest that both sides know
	HTTP1    HTTPVersion = "1"
	HTTP2    HTTPVersion = "2"
)

// httpVersion takes 1 and 2 as numbers, which they are to YAML, or in quotes.
func (d *decoder) httpVersion(n *node) HTTPVersion {
	switch n.kind {
	case textKind, numberKind:
	case listKind, mappingKind, nothingKind, brokenKind:
		d.wrongKind(n, "auto, 1 or 2")
		return ""
	default:
		d.reject(n, "%s is %s to YAML; write auto, 1 or 2", quoted(n.text), n.kind.noun())
		return ""
	}
	switch v := HTTPVersion(n.text); v {
	case HTTPAuto, HTTP1, HTTP2:
		return v
	}
	d.reject(n, "%s is no version of HTTP to choose; write auto, 1 or 2", quoted(n.text))
	return ""
}
