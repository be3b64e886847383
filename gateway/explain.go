package gateway

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"windhover/gateway/usage"
)

// Explanation is what would be sent for a request, and which rules could read the answer.
type Explanation struct {
	Provider string            `json:"provider"`
	Route    string            `json:"route"` // the pattern, as a client writes it
	Params   map[string]string `json:"params,omitempty"`
	Method   string            `json:"method"`
	URL      string            `json:"url"`
	Auth     []string          `json:"auth,omitempty"` // what the client's credential may come in; empty: in anything
	Headers  ExplainedHeaders  `json:"headers"`
	Rules    []string          `json:"rules"` // those that apply to an answer with status 200, in order
}

// ExplainedHeaders are the changes to the request's header, in the order in which they are made. Values are shown as
// they stand in the file, without the defaults of references, so that no secret is.
type ExplainedHeaders struct {
	Remove  []string          `json:"remove,omitempty"`
	Default map[string]string `json:"default,omitempty"`
	Set     map[string]string `json:"set,omitempty"`
}

// Explain says what would be sent for a request with this method and target. The error says why it would be refused.
func (s *Snapshot) Explain(method, target string) (Explanation, error) {
	x := &exchange{gateway: new(Gateway), snapshot: s, record: &usage.Record{}, course: course{r: &http.Request{Method: method, Header: make(http.Header)}}}
	t, ok := parseTarget(target)
	if !ok {
		return Explanation{}, badRequest("bad_target", "a request target begins with /")
	}
	if refused := x.admit(t); refused != nil {
		return Explanation{}, refused
	}
	out, refused := x.address(t)
	if refused != nil {
		return Explanation{}, refused
	}
	e := Explanation{
		Provider: x.provider.name,
		Route:    "/" + x.provider.name + x.match.route.pattern,
		Params:   x.match.scope.params(),
		Method:   method,
		URL:      x.provider.mask.hide(out.Scheme + "://" + out.Host + strings.TrimPrefix(out.RequestURI(), out.Scheme+":")),
		Auth:     x.provider.auth,
		Headers:  x.provider.request.explain(),
		Rules:    x.provider.rules.Applying(x.asked(http.StatusOK, make(http.Header))),
	}
	return e, nil
}

func (s *scope) params() map[string]string {
	params := make(map[string]string, len(s.keys))
	for i, key := range s.keys {
		params[key] = s.values[i]
	}
	return params
}

func (w *rewrite) explain() ExplainedHeaders {
	texts := func(settings []setting) map[string]string {
		m := make(map[string]string, len(settings))
		for _, x := range settings {
			m[x.name] = x.text
		}
		return m
	}
	return ExplainedHeaders{Remove: w.remove.names, Default: texts(w.defaults), Set: texts(w.set)}
}

// MatchUpstream finds the path variables with which a provider's route leads to this host and path: what a request that
// was sent to the provider itself would have had in the gateway's path. ok is false when none leads there.
func (s *Snapshot) MatchUpstream(provider, host, path string) (params map[string]string, ok bool) {
	p := s.provider(provider)
	if p == nil {
		return nil, false
	}
	for _, r := range p.routes {
		if params, ok := r.upstream.match(host + path); ok {
			return params, true
		}
	}
	return nil, false
}

// match is the inverse of address. A variable in an expression cannot be read back; it is found where it stands alone.
func (u upstream) match(address string) (map[string]string, bool) {
	pattern := regexp.MustCompile("^(?i:" + u.host.pattern() + ")" + u.path.pattern() + "(?:[/?].*)?$")
	found := pattern.FindStringSubmatch(address)
	if found == nil {
		return nil, false
	}
	params := make(map[string]string)
	for i, p := range slices.Concat(u.host.variables(), u.path.variables()) {
		params[p] = found[i+1]
	}
	return params, true
}

// pattern is a regular expression for what the template can yield, with a group for each variable that stands alone.
func (t template) pattern() string {
	var b strings.Builder
	for _, p := range t.parts {
		switch {
		case p.variable != "":
			b.WriteString("([^/]+?)")
		case p.program != nil:
			b.WriteString("[^/]*?")
		default:
			b.WriteString(regexp.QuoteMeta(p.literal))
		}
	}
	return b.String()
}

// variables are those that stand alone in a hole, in order.
func (t template) variables() []string {
	var names []string
	for _, p := range t.parts {
		if p.variable != "" {
			names = append(names, p.variable)
		}
	}
	return names
}
