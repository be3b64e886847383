package gateway

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"windhover/config"
	"windhover/gateway/usage"
)

// fallback says which providers answer in one's place.
type fallback struct {
	to []fallbackTarget
	on *usage.Condition // nil: only when nothing was sent
}

// fallbackTarget is a provider, and the path that comes before what followed the name of the first.
type fallbackTarget struct{ provider, prefix string }

// compileFallback is nil where the file names nobody.
func compileFallback(c config.Fallback, variables []string) (*fallback, config.Problems) {
	if len(c.To) == 0 {
		return nil, nil
	}
	on, problems := usage.CompileOn(c.On, variables)
	f := &fallback{on: on}
	for _, t := range c.To {
		name, prefix := t.Value, ""
		if i := strings.IndexByte(name, '/'); i >= 0 {
			name, prefix = name[:i], strings.TrimSuffix(name[i:], "/")
		}
		if strings.ContainsAny(prefix, "?# \\") || climbs(prefix) {
			problems = append(problems, t.Problem("%q is no beginning of a path: it holds a space, a query, a backslash or a segment . or ..", prefix))
		}
		f.to = append(f.to, fallbackTarget{name, prefix})
	}
	return f, problems
}

// checkFallback finds providers that are not there.
func (s *Snapshot) checkFallback(c config.Provider) config.Problems {
	var problems config.Problems
	for _, t := range c.Fallback.To {
		name, prefix, _ := strings.Cut(t.Value, "/")
		switch _, known := s.file.Providers[name]; {
		case !known:
			message := "no provider " + name
			if near := config.Nearest(name, s.names); near != "" {
				message += "; did you mean " + near + "?"
			}
			problems = append(problems, t.Problem("%s", message))
		case name == c.Name && strings.Trim(prefix, "/") == "":
			problems = append(problems, t.Problem("%s falls back on itself; name another provider, or another path of it", name))
		}
	}
	return problems
}

// fallBack asks the providers that stand in for the first, each once and in order, until one gives what the client can have. Where
// none does, the client gets what came last.
func (x *exchange) fallBack(t target, got reached) reached {
	f := x.provider.fallback
	if f == nil {
		return got
	}
	first, tally := x.course, x.provider.tally
	for _, to := range f.to {
		if !(got.refusedByUs() || x.reason(got, f.on)) || x.ctx.Err() != nil || !x.replayable() {
			break
		}
		before := x.course
		out, asked := x.turnTo(first, to, t)
		if out == nil {
			x.course = before
			continue
		}
		before.ticket.tell(saysNothing, "")
		tally.toNext.Add(1)
		x.abandon(got)
		x.follow(first.provider, asked)
		got = x.askAlone(out)
	}
	return got
}

// refusedByUs reports whether a breaker or a throttle refused, so that nobody was asked.
func (r reached) refusedByUs() bool { return r.end == usage.EndRejected && r.failure != nil }

// course is where an exchange leads, and with what. A fallback changes it.
type course struct {
	provider *provider
	match    match
	r        *http.Request // as the provider may see it
	path     string        // of the upstream request, without query
	added    bool          // usage was asked for in the client's name
	upstream *breaker      // nil: nobody counts
	ticket   ticket
}

// turnTo builds the request for another provider, nil if it cannot go there: the path fits no route, the client may not use the
// provider, the body is larger than it takes, its breaker is open, or as many requests as it may have are open.
func (x *exchange) turnTo(first course, to fallbackTarget, t target) (out *http.Request, asked usage.StreamUsage) {
	before := x.record.StreamUsage
	defer func() { x.record.StreamUsage = before }() // it is still the last attempt's
	_, rest := t.first()
	p, m, refused := x.snapshot.match(to.provider, to.prefix+rest)
	if refused != nil || !p.admits(x.given) {
		return nil, ""
	}
	x.course = course{provider: p, match: m, r: first.r}
	if x.match.scope.decode() != nil || !x.bodyFits() {
		return nil, ""
	}
	if p != first.provider {
		x.r, t.query = x.snapshot.carriers.without(x.r, t.query)
		x.r.Header.Del(p.accessHeader())
	}
	x.record.StreamUsage = ""
	out, refused = x.request(t)
	if refused != nil || x.admitUpstream(out.URL.Host) != nil {
		return nil, ""
	}
	if !x.moveSlot() {
		x.ticket.tell(saysNothing, "")
		return nil, ""
	}
	return out, x.record.StreamUsage
}

// follow makes the course that of the record and of the timers.
func (x *exchange) follow(first *provider, asked usage.StreamUsage) {
	x.record.Provider, x.record.StreamUsage = x.provider.name, asked
	x.idle.limit, x.write.limit = x.provider.idle, x.provider.write
	x.turnTotal(first)
	x.errorBody, x.further = nil, true
}

// admits reports whether a client that sends this header may use the provider.
func (p *provider) admits(h http.Header) bool { return p.access == nil || p.access.admits(h) }

func (p *provider) accessHeader() string {
	if p.access == nil {
		return config.DefaultAccessHeader
	}
	return p.access.header
}

// without is a request less all that is known to carry credentials: the client sent its keys to one provider, and another
// one, which somebody else may run, has no business with them. It sends its own, or none.
func (c carriers) without(r *http.Request, query string) (*http.Request, string) {
	stripped := new(http.Request)
	*stripped = *r
	stripped.Header = r.Header.Clone()
	for name := range c.headers {
		delete(stripped.Header, name)
	}
	pairs := slices.DeleteFunc(strings.Split(query, "&"), func(pair string) bool {
		raw, _, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(raw)
		return err == nil && c.query[strings.ToLower(name)]
	})
	return stripped, strings.Join(pairs, "&")
}
