package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/go-chi/chi/v5"

	"windhover/config"
)

// route is one path of a provider: a chi pattern, and where it leads.
type route struct {
	pattern   string   // as it stands in the file
	mux       *chi.Mux // holds this pattern alone, so that a provider's routes are tried in the file's order
	variables []string
	closed    []string // those of variables that can have only values which the pattern lists
	upstream  upstream
	link      link
	transport *http.Transport // given by transports.connect before the snapshot is stored
}

// matchMethod is the one method that patterns are registered and looked up with, so that any method passes.
const matchMethod = http.MethodGet

func compileRoute(c config.Route) (*route, config.Problems) {
	r := &route{pattern: c.Path.Value}
	if r.pattern == "" {
		r.pattern = "/*"
	}
	var problems config.Problems
	p, err := parsePattern(r.pattern)
	if err == nil {
		err = checkLiterals(r.pattern)
	}
	if err == nil {
		r.mux, err = newMux(p.text)
	}
	r.variables, r.closed = p.names, p.closed
	if err != nil {
		problems = append(problems, c.Path.Problem("pattern %q: %s", r.pattern, err))
		r.variables = namesIn(r.pattern)
	}
	if len(c.Upstream.Parts) > 0 {
		up, more := compileUpstream(c.Upstream, r.variables)
		r.upstream, problems = up, append(problems, more...)
	}
	return r, problems
}

// checkLiterals finds what would never match, or not what it seems to.
func checkLiterals(pattern string) error {
	if strings.HasSuffix(pattern, "*") && !strings.HasSuffix(pattern, "/*") {
		return errors.New("* stands for whole segments; write /* at the end")
	}
	for found := true; found; {
		var literal string
		literal, _, pattern, found = cutBraces(pattern)
		if strings.ContainsAny(literal, "?# ") {
			return errors.New("a path holds no ?, # or space; the query is not matched")
		}
	}
	return nil
}

var nameInBraces = regexp.MustCompile(`\{([a-zA-Z_][a-zA-Z0-9_]*)`)

// namesIn are the variables that a broken pattern seems to have, so that nothing is said about them elsewhere.
func namesIn(pattern string) []string {
	var names []string
	for _, found := range nameInBraces.FindAllStringSubmatch(pattern, -1) {
		names = append(names, found[1])
	}
	return names
}

// newMux registers the pattern. chi panics on a pattern that it cannot read: that is the author's mistake, not ours.
func newMux(pattern string) (mux *chi.Mux, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New(strings.TrimPrefix(fmt.Sprint(p), "chi: "))
		}
	}()
	mux = chi.NewMux()
	mux.Method(matchMethod, pattern, http.NotFoundHandler())
	return mux, nil
}

// match is a route that fits a path, and what its pattern's parts matched.
type match struct {
	route *route
	scope scope
	rest  string // what * matched, with the slash in front of it
}

// match tries the pattern on a raw path.
func (r *route) match(path string) (match, bool) {
	m := match{route: r}
	if r.pattern == "/*" {
		m.rest = path
		return m, strings.HasPrefix(path, "/")
	}
	c := routeContexts.Get().(*chi.Context)
	defer routeContexts.Put(c)
	c.Reset()
	if r.mux.Find(c, matchMethod, path) == "" {
		return m, false
	}
	values := c.URLParams.Values // of the variables in the pattern's order, then of *
	if n := len(r.variables); len(values) > n {
		m.rest = path[len(path)-len(values[n])-1:]
		values = values[:n]
	}
	m.scope.keep(r.variables, values)
	return m, true
}

// routeContexts are chi's notes about a path, kept because they are half of what a match allocates.
var routeContexts = sync.Pool{New: func() any { return chi.NewRouteContext() }}

// keep takes over the variables of a path. The values belong to a routeContext and are copied.
func (s *scope) keep(keys, values []string) {
	n := len(keys)
	if n == 0 {
		return
	}
	all := make([]string, 2*n)
	s.keys, s.raw, s.values = keys, all[:n:n], all[n:]
	copy(s.raw, values)
}

// decode decodes the path variables, each once. An empty one, and one that no percent-decoder reads, is refused.
func (s *scope) decode() *failure {
	for i, raw := range s.raw {
		value, err := url.PathUnescape(raw)
		if err != nil || value == "" {
			return badRequest("bad_variable", fmt.Sprintf("%s is %q in this path; it needs a value", s.keys[i], raw))
		}
		s.values[i] = value
	}
	return nil
}

// value of a path variable for a rule's param(); empty where there is none.
func (s *scope) param(key string) string {
	if i := slices.Index(s.keys, key); i >= 0 {
		return s.values[i]
	}
	return ""
}
