package gateway

import (
	"maps"
	"slices"
	"strings"

	"windhover/config"
)

// checkCredential keeps a provider's credential from those whom it is not meant for. A provider that sets a header or a
// query parameter from a reference sends something that its clients need not have: to no host that a client chooses, and
// for no client whom the file does not name. What is broken has been reported, and what it lacks says nothing.
func (p *provider) checkCredential(c config.Provider, o CompileOptions) config.Problems {
	credential, holds := credentialOf(c.Request)
	if !holds || c.Broken {
		return nil
	}
	var problems config.Problems
	for _, r := range p.routes {
		if open := r.openInHost(); len(open) > 0 {
			problems = append(problems, credential.Problem("%s holds a credential, and %s in the host of %s can be anything; write its choices into the path, as in {%s:us|eu}",
				c.Name, strings.Join(open, " and "), r.upstream.text, open[0]))
		}
	}
	if !c.Access.Given() && !o.Loopback {
		problems = append(problems, credential.Problem("%s holds a credential that everybody who reaches the gateway could use; "+
			"give it access: {tokens: ['${file:PATH}']}, or listen on this machine alone, as with --listen 127.0.0.1:5501", c.Name))
	}
	return problems
}

// credentialOf is the first value of a request's rewrite that holds a reference.
func credentialOf(r config.RequestRewrite) (config.Text, bool) {
	for _, values := range []map[string]config.Template{r.Headers.Set, r.Headers.Default, r.Query.Set} {
		for _, name := range slices.Sorted(maps.Keys(values)) {
			if values[name].HoldsSecret() {
				return values[name].Text, true
			}
		}
	}
	return config.Text{}, false
}

// openInHost are the variables in the upstream's host that are not closed.
func (r *route) openInHost() []string {
	var open []string
	for _, part := range r.upstream.host.parts {
		for _, name := range part.uses {
			if !slices.Contains(r.closed, name) && !slices.Contains(open, name) {
				open = append(open, name)
			}
		}
	}
	return open
}
