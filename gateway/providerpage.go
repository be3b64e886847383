package gateway

import (
	_ "embed" // for the page
	htmltemplate "html/template"
	"net/http"
	"regexp"
	"strings"
)

//go:embed page.html
var pageHTML string

// providerPage is what `/` shows.
type providerPage struct {
	Providers []shownProvider
	Full      bool // with where they lead
	Example   *shownExample
	Revision  string
}

type shownProvider struct {
	Name   string
	Routes []shownRoute
}

type shownRoute struct{ Address, Upstream []span }

// shownExample is an address of a provider and the one to use in its place.
type shownExample struct{ Theirs, Ours string }

// span is a run of text that is, or is not, to be replaced by who reads it.
type span struct {
	Text     string
	Variable bool
}

// serveProviderPage lists each provider with the address to use in place of its own.
func (g *Gateway) serveProviderPage() http.HandlerFunc {
	page := htmltemplate.Must(htmltemplate.New("page").Parse(pageHTML))
	return func(w http.ResponseWriter, r *http.Request) {
		if g.options.Page == PageOff {
			noPage(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		h.Set("X-Content-Type-Options", "nosniff")
		_ = page.Execute(w, g.snapshot.Load().page(g.base(r), g.options.Page == PageFull)) // fails only if the client has left
	}
}

// base is the gateway's address: the public one, or else as this client wrote it.
func (g *Gateway) base(r *http.Request) string {
	if g.options.PublicURL != "" {
		return g.options.PublicURL
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + g.options.Prefix
}

func (s *Snapshot) page(base string, full bool) providerPage {
	p := providerPage{Full: full, Revision: s.Revision}
	for _, name := range s.names {
		shown := shownProvider{Name: name}
		for _, r := range s.providers[name].routes {
			shown.Routes = append(shown.Routes, shownRoute{
				Address:  append([]span{{Text: base + "/" + name}}, patternSpans(strings.TrimSuffix(r.pattern, "/*"))...),
				Upstream: spans(r.upstream.text, func(expression string) string { return "{" + expression + "}" }),
			})
		}
		p.Providers = append(p.Providers, shown)
	}
	if openai := s.providers["openai"]; openai != nil && full && openai.routes[0].pattern == "/*" {
		const path = "/v1/chat/completions"
		p.Example = &shownExample{openai.routes[0].upstream.text + path, base + "/openai" + path}
	}
	return p
}

// plainChoices is a regular expression that people can read.
var plainChoices = regexp.MustCompile(`^[A-Za-z0-9|._-]+$`)

// patternSpans is a pattern as people write it: variables by their names, or the choices where there are but a few.
func patternSpans(pattern string) []span {
	return spans(pattern, func(variable string) string {
		name, choice, _ := strings.Cut(variable, ":")
		if plainChoices.MatchString(choice) {
			name = choice
		}
		return "{" + name + "}"
	})
}

// spans cuts a text at its braces. A reference is text like any other: the gateway replaces it, not who reads it.
func spans(text string, show func(inside string) string) []span {
	var all []span
	var plain string
	for {
		before, inside, after, found := cutBraces(text)
		plain += before
		if found && strings.HasSuffix(before, "$") {
			plain, text = plain+"{"+inside+"}", after
			continue
		}
		if plain != "" {
			all, plain = append(all, span{Text: plain}), ""
		}
		if !found {
			return all
		}
		all = append(all, span{show(inside), true})
		text = after
	}
}
