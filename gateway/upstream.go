package gateway

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"windhover/config"
)

// upstream is a compiled `upstream`: the address that a route leads to.
type upstream struct {
	scheme string
	host   template // with port
	path   template // without a trailing slash: what the pattern's * matched follows
	text   string   // as it stands in the file, for people, without the defaults of references
}

// What may be part of a host. The gateway's own limits, tighter than RFC 1123: dots come only from the file. Upper case
// is spelled out, because (?i) would also let in the two letters beyond ASCII that fold to k and s.
var (
	hostVariable = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,62}$`)
	hostHole     = regexp.MustCompile(`^[A-Za-z0-9.-]{0,63}$`)
	literalHost  = regexp.MustCompile(`^([A-Za-z0-9._\x00-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`)
)

// hole stands for an expression while the structure of an upstream is parsed.
const hole = "\x00"

// compileUpstream compiles the template of an upstream whose holes read the variables.
func compileUpstream(t config.Template, variables []string) (upstream, config.Problems) {
	compiled, problems := compileTemplate(t.Parts, variables, false)
	if len(problems) > 0 {
		return upstream{}, problems
	}
	var flat strings.Builder
	var holes []piece
	for _, p := range compiled.parts {
		if p.variable == "" && p.program == nil {
			flat.WriteString(strings.ReplaceAll(p.literal, hole, ""))
			continue
		}
		flat.WriteString(hole)
		holes = append(holes, p)
	}
	scheme, host, path, fault := splitUpstream(flat.String())
	if fault != "" {
		return upstream{}, config.Problems{t.Problem("%s", fault)}
	}
	inHost := strings.Count(host, hole)
	return upstream{
		scheme: scheme,
		host:   refill(host, holes[:inHost]),
		path:   refill(path, holes[inHost:]),
		text:   t.Shown(),
	}, nil
}

// splitUpstream parses `scheme://host[:port][/path]`, with holes only in host and path. fault is empty, or says what is wrong and the remedy.
func splitUpstream(s string) (scheme, host, path, fault string) {
	scheme, rest, found := strings.Cut(s, "://")
	if !found || (scheme != "http" && scheme != "https") {
		return "", "", "", "an upstream begins with https:// or http://"
	}
	host, path = rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		host, path = rest[:i], rest[i:]
	}
	switch {
	case host == "":
		return "", "", "", "the upstream has no host"
	case strings.Contains(host, "@"):
		return "", "", "", "an upstream holds no user name or password; set a header instead"
	case !isHost(host):
		return "", "", "", "the upstream's host is not one: letters, digits, dots and hyphens, then :port up to 65535; expressions stand only in the name"
	case strings.ContainsAny(path, "?#"):
		return "", "", "", "an upstream holds no query; use request.query.set"
	case strings.ContainsAny(path, " \t\\") || climbs(strings.ReplaceAll(path, hole, "x")):
		return "", "", "", "the upstream's path holds a space, a backslash or a segment . or .."
	}
	return scheme, host, strings.TrimSuffix(path, "/"), ""
}

// isHost reports whether a host, with or without a port, is one that can be connected to.
func isHost(host string) bool {
	u, err := url.Parse("https://" + strings.ReplaceAll(host, hole, "x"))
	if err != nil || !literalHost.MatchString(host) {
		return false
	}
	port, err := strconv.ParseUint(cmp.Or(u.Port(), "443"), 10, 16)
	return err == nil && port > 0
}

// refill puts the holes back into the text they were cut from.
func refill(s string, holes []piece) template {
	var t template
	for i, literal := range strings.Split(s, hole) {
		if i > 0 {
			t.parts = append(t.parts, holes[i-1])
		}
		if literal != "" || s == "" {
			t.parts = append(t.parts, piece{literal: literal})
		}
	}
	return t
}

// fixedHost reports whether the host stands literally in the file: no part of a request can change it.
func (u upstream) fixedHost() bool {
	return !slices.ContainsFunc(u.host.parts, func(p piece) bool { return len(p.uses) > 0 || p.program != nil })
}

// address is where a request with these path variables goes: host, and the path in front of what * matched.
func (u *upstream) address(s *scope) (host, path string, refused *failure) {
	host, refused = u.renderHost(s)
	if refused != nil {
		return "", "", refused
	}
	path, err := u.renderPath(s)
	if err != nil {
		return "", "", badRequest("bad_variable", err.Error())
	}
	if _, ok := u.path.constant(); !ok && climbs(path) { // a variable that fills a part of a segment can complete it to one
		return "", "", badRequest("bad_variable", "the path's variables make a segment . or .., which could lead elsewhere than it says")
	}
	return host, path, nil
}

// renderHost fails closed: whatever a variable could do to a host that a label cannot, never leaves the gateway.
func (u *upstream) renderHost(s *scope) (string, *failure) {
	if text, ok := u.host.constant(); ok {
		return text, nil
	}
	for _, p := range u.host.parts {
		for _, name := range p.uses {
			if !hostVariable.MatchString(s.value(name)) {
				return "", badRequest("bad_variable", fmt.Sprintf("%s is %q in this path; in a host name it can be letters, digits and hyphens only", name, s.value(name)))
			}
		}
	}
	var b strings.Builder
	for _, p := range u.host.parts {
		text, err := p.render(s)
		if err != nil || (p.program != nil && !hostHole.MatchString(text)) {
			return "", badRequest("bad_variable", "the path's variables give no valid host name")
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// renderPath keeps a variable that stands alone in its hole as it arrived; the result of an expression is escaped.
func (u *upstream) renderPath(s *scope) (string, error) {
	if text, ok := u.path.constant(); ok {
		return text, nil
	}
	var b strings.Builder
	for _, p := range u.path.parts {
		if p.variable != "" {
			b.WriteString(s.raw[slices.Index(s.keys, p.variable)])
			continue
		}
		text, err := p.render(s)
		if err != nil {
			return "", err
		}
		if p.program != nil {
			text = url.PathEscape(text)
		}
		b.WriteString(text)
	}
	return b.String(), nil
}
