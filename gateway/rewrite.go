package gateway

import (
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"windhover/config"
)

// rewrite is a provider's compiled changes to one direction of an exchange.
type rewrite struct {
	foreign  carriers // other providers' credentials
	remove   nameSet
	defaults []setting
	set      []setting

	removeQuery nameSet
	setQuery    []setting
}

// setting is a header or query name and the template of its value.
type setting struct {
	name  string
	value template
	text  string // of the value, as it stands in the file, without the defaults of references
}

func compileRequestRewrite(c config.RequestRewrite, variables []string) (rewrite, config.Problems) {
	var w rewrite
	var p1, p2, p3 config.Problems
	w.remove = headerNames(c.Headers.Remove)
	w.defaults, p1 = compileSettings(c.Headers.Default, variables, textproto.CanonicalMIMEHeaderKey)
	w.set, p2 = compileSettings(c.Headers.Set, variables, textproto.CanonicalMIMEHeaderKey)
	w.setQuery, p3 = compileSettings(c.Query.Set, variables, strings.Clone)
	w.removeQuery = queryNames(c.Query.Remove)
	return w, slices.Concat(p1, p2, p3)
}

func compileResponseRewrite(c config.ResponseRewrite, variables []string) (rewrite, config.Problems) {
	set, problems := compileSettings(c.Headers.Set, variables, textproto.CanonicalMIMEHeaderKey)
	return rewrite{remove: headerNames(c.Headers.Remove), set: set}, problems
}

func compileSettings(from map[string]config.Template, variables []string, canonical func(string) string) ([]setting, config.Problems) {
	var settings []setting
	var problems config.Problems
	for _, name := range slices.Sorted(maps.Keys(from)) {
		value, more := compileTemplate(from[name].Parts, variables, true)
		problems = append(problems, more...)
		settings = append(settings, setting{canonical(name), value, from[name].ShownAs(name)})
	}
	return settings, problems
}

// nameSet is a set of names, some of them with `*` for any run of characters.
type nameSet struct {
	names []string // as they stand in the file
	exact map[string]bool
	globs [][]string // the pieces between the stars
	equal func(a, b string) bool
}

// headerNames is a set that is asked for names in canonical form.
func headerNames(names config.TextList) nameSet {
	return newNameSet(names, textproto.CanonicalMIMEHeaderKey, strings.EqualFold)
}

func queryNames(names config.TextList) nameSet {
	return newNameSet(names, strings.Clone, func(a, b string) bool { return a == b })
}

func newNameSet(names config.TextList, canonical func(string) string, equal func(a, b string) bool) nameSet {
	s := nameSet{exact: make(map[string]bool), equal: equal}
	for _, n := range names {
		s.names = append(s.names, n.Value)
		if strings.Contains(n.Value, "*") {
			s.globs = append(s.globs, strings.Split(n.Value, "*"))
			continue
		}
		s.exact[canonical(n.Value)] = true
	}
	return s
}

func (s *nameSet) has(name string) bool {
	if s.exact[name] {
		return true
	}
	for _, pieces := range s.globs {
		if s.fits(pieces, name) {
			return true
		}
	}
	return false
}

// fits reports whether name is the pieces with anything between them.
func (s *nameSet) fits(pieces []string, name string) bool {
	first, last := pieces[0], pieces[len(pieces)-1]
	if len(name) < len(first)+len(last) || !s.equal(name[:len(first)], first) || !s.equal(name[len(name)-len(last):], last) {
		return false
	}
	rest := name[len(first) : len(name)-len(last)]
	for _, p := range pieces[1 : len(pieces)-1] {
		i := s.index(rest, p)
		if i < 0 {
			return false
		}
		rest = rest[i+len(p):]
	}
	return true
}

// index is where piece stands in text; -1 if it does not.
func (s *nameSet) index(text, piece string) int {
	for i := 0; i+len(piece) <= len(text); i++ {
		if s.equal(text[i:i+len(piece)], piece) {
			return i
		}
	}
	return -1
}

// requestHeader is the header that goes upstream: the client's, less what ends at this hop, the gateway's own, the keys of
// other providers and what the file removes, plus what it sets. The slices of values are shared with in: nobody writes to them.
func (w *rewrite) requestHeader(in http.Header, s *scope) (http.Header, error) {
	out := make(http.Header, len(in)+4)
	copyEndToEnd(out, in, w.drops)
	if !w.remove.has("Te") && httpguts.HeaderValuesContainsToken(in["Te"], "trailers") {
		out["Te"] = []string{"trailers"} // the one value that is for the upstream too (RFC 9110, section 10.1.4)
	}
	for _, d := range w.defaults {
		if len(out[d.name]) > 0 {
			continue
		}
		if err := d.apply(out, s); err != nil {
			return nil, err
		}
	}
	for _, x := range w.set {
		delete(out, x.name)
		if err := x.apply(out, s); err != nil {
			return nil, err
		}
	}
	if _, ok := out["User-Agent"]; !ok {
		out["User-Agent"] = []string{""} // otherwise net/http invents one
	}
	return out, nil
}

// drops reports whether a client's header stays behind: it is the gateway's own, or another provider's credential, or the
// file removes it.
func (w *rewrite) drops(name string) bool {
	return isOwn(name) || w.foreign.headers[name] || w.remove.has(name)
}

// apply sets the header; a value that comes out empty is not sent.
func (x setting) apply(h http.Header, s *scope) error {
	value, err := x.value.render(s)
	if err != nil || value == "" {
		return err
	}
	if !httpguts.ValidHeaderFieldValue(value) {
		return fmt.Errorf("%s: the value holds a character that cannot stand in a header", x.name)
	}
	h[x.name] = []string{value}
	return nil
}

// responseHeader puts the upstream's header into h.
func (w *rewrite) responseHeader(h, in http.Header, s *scope) {
	copyEndToEnd(h, in, w.remove.has)
	for _, x := range w.set {
		delete(h, x.name)
		_ = x.apply(h, s) // a failed expression leaves the header out; the answer goes on
	}
	for _, name := range [...]string{"Date", "Content-Type"} {
		if _, ok := h[name]; !ok {
			h[name] = nil // otherwise net/http invents one
		}
	}
}

// copyEndToEnd copies what is not for one hop alone (RFC 9110, section 7.6.1): neither hop-by-hop headers nor those that
// Connection names. What is to be dropped stays behind too.
func copyEndToEnd(to, from http.Header, drops func(name string) bool) {
	listed := connectionOptions(from["Connection"])
	for name, values := range from {
		if !hopByHop(name) && !slices.Contains(listed, name) && !drops(name) {
			to[name] = values
		}
	}
}

// connectionOptions are the header names that Connection lists, in canonical form.
func connectionOptions(values []string) []string {
	var names []string
	for _, v := range values {
		for option := range strings.SplitSeq(v, ",") {
			if option = textproto.TrimString(option); option != "" && !strings.EqualFold(option, "keep-alive") && !strings.EqualFold(option, "close") {
				names = append(names, textproto.CanonicalMIMEHeaderKey(option))
			}
		}
	}
	return names
}

func hopByHop(name string) bool {
	switch name {
	case "Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// upgradeType is the protocol that a header asks to switch to; empty if none.
func upgradeType(h http.Header) string {
	if !httpguts.HeaderValuesContainsToken(h["Connection"], "Upgrade") {
		return ""
	}
	return h.Get("Upgrade")
}

// query edits the raw query. Pairs that no rule names keep their place and spelling.
func (w *rewrite) query(t target, s *scope) (target, error) {
	if len(w.removeQuery.names) == 0 && len(w.setQuery) == 0 && (t.query == "" || len(w.foreign.query) == 0) {
		return t, nil
	}
	var pairs []string
	dropped := false
	for pair := range strings.SplitSeq(t.query, "&") {
		if w.dropsPair(pair) {
			dropped = true
			continue
		}
		pairs = append(pairs, pair)
	}
	if t.query == "" {
		pairs = nil
	}
	for _, x := range w.setQuery {
		value, err := x.value.render(s)
		if err != nil {
			return t, err
		}
		if value != "" {
			pairs = append(pairs, url.QueryEscape(x.name)+"="+url.QueryEscape(value))
		}
	}
	t.query = strings.Join(pairs, "&")
	t.asks = t.query != "" || (t.asks && !dropped)
	return t, nil
}

// dropsPair reports whether a pair stays behind: it is another provider's credential, or a rule names it, to remove it or to set
// another in its place.
func (w *rewrite) dropsPair(pair string) bool {
	raw, _, _ := strings.Cut(pair, "=")
	name, err := url.QueryUnescape(raw)
	if err != nil {
		return false
	}
	return w.foreign.query[strings.ToLower(name)] || w.removeQuery.has(name) || slices.ContainsFunc(w.setQuery, func(x setting) bool { return x.name == name })
}
