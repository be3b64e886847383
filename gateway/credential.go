package gateway

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"windhover/config"
)

// A provider that sets a header or a query parameter from a reference sends something that its clients need not have: a
// credential. It goes to no host that a client chooses, and is used for no client whom the file does not name.

// checkCredential keeps a provider's credential from hosts that it is not meant for. What is broken has been reported, and
// what it lacks says nothing.
func (p *provider) checkCredential(c config.Provider) config.Problems {
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
	return problems
}

// checkAccess keeps the file's credentials from clients that they are not meant for. One that stands in the defaults is
// that of many providers, and still one problem.
func checkAccess(f *config.File) config.Problems {
	holders := map[config.Text][]string{}
	for _, name := range slices.Sorted(maps.Keys(f.Providers)) {
		c := f.Providers[name]
		if credential, holds := credentialOf(c.Request); holds && !c.Broken && !c.Access.Given() {
			holders[credential] = append(holders[credential], name)
		}
	}
	var problems config.Problems
	for credential, names := range holders {
		problems = append(problems, credential.Problem("%s a credential that everybody who reaches the gateway could use; "+
			"give %s access: {tokens: ['${file:PATH}']}, or listen on this machine alone, as with --listen 127.0.0.1:5501",
			hold(names), itOrThem(names)))
	}
	return problems
}

// maxNamed is how many names one message lists.
const maxNamed = 3

// hold is the beginning of a sentence about what the named hold.
func hold(names []string) string {
	last := len(names) - 1
	switch {
	case last == 0:
		return names[0] + " holds"
	case last < maxNamed:
		return strings.Join(names[:last], ", ") + " and " + names[last] + " hold"
	}
	return fmt.Sprintf("%s and %d more hold", strings.Join(names[:maxNamed], ", "), len(names)-maxNamed)
}

func itOrThem(names []string) string {
	if len(names) == 1 {
		return "it"
	}
	return "them"
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
