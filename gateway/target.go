package gateway

import (
	"net/url"
	"strings"
)

// target is a request target as it arrived (RFC 9112, section 3.2), cut but never decoded: decoding and encoding again
// would change `|`, `%2F`, `;`, `//`, a bare `?` and the order of query pairs.
type target struct {
	path  string // begins with /
	query string // behind the ?
	asks  bool   // there is a ?, even with nothing behind it
}

// parseTarget cuts the origin or absolute form; ok is false for any other.
func parseTarget(uri string) (t target, ok bool) {
	if !strings.HasPrefix(uri, "/") {
		_, rest, found := strings.Cut(uri, "://")
		slash := strings.IndexAny(rest, "/?")
		if !found || slash < 0 || rest[slash] == '?' {
			return t, false
		}
		uri = rest[slash:]
	}
	t.path, t.query, t.asks = strings.Cut(uri, "?")
	return t, true
}

// under is the target below a mount prefix; ok is false when it is not below it.
func (t target) under(prefix string) (target, bool) {
	rest, ok := strings.CutPrefix(t.path, prefix)
	if !ok || (rest != "" && rest[0] != '/') {
		return t, false
	}
	t.path = rest
	return t, true
}

// first cuts the first segment off the path. rest is empty, or begins with /.
func (t target) first() (segment, rest string) {
	path := strings.TrimPrefix(t.path, "/")
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}

// climbs reports whether a segment of the raw path is `.` or `..`, in any spelling that some server behind us could
// read so: split at /, \ and their percent forms, and decoded once.
func climbs(path string) bool {
	for i := 0; i <= len(path); {
		segment, next := cutSegment(path[i:])
		if isDots(segment) {
			return true
		}
		i += next
	}
	return false
}

// cutSegment is the text up to the next separator, and where what follows the separator begins.
func cutSegment(s string) (segment string, next int) {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '/' || s[i] == '\\':
			return s[:i], i + 1
		case s[i] == '%' && (hasFoldPrefix(s[i:], "%2f") || hasFoldPrefix(s[i:], "%5c")):
			return s[:i], i + 3
		}
	}
	return s, len(s) + 1
}

// isDots reports whether a segment decodes to `.` or `..`.
func isDots(segment string) bool {
	dots := 0
	for len(segment) > 0 {
		switch {
		case segment[0] == '.':
			segment = segment[1:]
		case hasFoldPrefix(segment, "%2e"):
			segment = segment[3:]
		default:
			return false
		}
		dots++
	}
	return dots == 1 || dots == 2
}

func hasFoldPrefix(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// setTarget makes u's request target exactly path and query. It reports false for the few that the client of net/http
// cannot send unchanged: a path that begins with // and holds characters that package url would encode.
func setTarget(u *url.URL, path string, t target) bool {
	u.RawQuery, u.ForceQuery = t.query, t.asks
	if decoded, err := url.PathUnescape(path); err == nil {
		u.Path, u.RawPath = decoded, path
		if u.EscapedPath() == path {
			return true
		}
		u.Path, u.RawPath = "", ""
	}
	u.Opaque = path // RequestURI gives it as it is, unless it begins with //
	return !strings.HasPrefix(path, "//")
}
