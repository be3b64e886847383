package gateway

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"windhover/config"
	"windhover/gateway/price"
	"windhover/gateway/usage"
)

// Snapshot is a providers file, compiled: every decision that a request needs. It is never written after it is stored,
// and a request that has loaded one keeps it to its end.
type Snapshot struct {
	Revision string // of the file

	file      *config.File // what it was compiled from
	since     time.Time    // when it came into use
	providers map[string]*provider
	names     []string // sorted
	prices    *price.Table
	carriers  carriers // of credentials, of all providers
}

// provider is one entry of the file, compiled.
type provider struct {
	name     string
	routes   []*route
	access   *access  // nil: everybody may use it
	auth     []string // as it stands in the file
	request  rewrite
	response rewrite
	rules    *usage.Rules
	pricing  string // the name that its models' prices are found by
	mask     mask   // of what its file keeps secret

	faults   faultPolicy
	retry    *retry         // nil: none
	fallback *fallback      // nil: none
	keeps    int64          // up to which size a request's body is read before it is sent, in bytes
	health   *healthCheck   // nil: none
	tally    *providerTally // given by breakers.connect before the snapshot is stored

	asksUsage bool // in streams that do not report it by themselves

	drain                      *drainage // nil: the client's leaving ends an exchange
	limits                     config.Limits
	idle, total, write, upload time.Duration // 0: no limit
}

// The timeouts of a provider that gives none. None is shorter than the official SDKs' own, so that the client's fires first.
const (
	defaultConnect        = 10 * time.Second
	defaultResponseHeader = 15 * time.Minute
	defaultIdle           = 15 * time.Minute
	defaultWrite          = 5 * time.Minute
	defaultUpload         = 5 * time.Minute
	defaultIdleConnection = 30 * time.Second // shorter than the providers' own, so that it is we who close
)

// CompileOptions are what a file's meaning depends on beside the file.
type CompileOptions struct {
	// Loopback says that nobody but programs on this machine can reach the gateway: a provider that holds a credential
	// then needs no access.
	Loopback bool
}

// Compile gives the file its meaning: patterns, templates, rules. The error is config.Problems, every one that there is.
func Compile(f *config.File, o CompileOptions) (*Snapshot, error) {
	s := &Snapshot{Revision: f.Revision, file: f, providers: make(map[string]*provider), names: slices.Sorted(maps.Keys(f.Providers)), carriers: carriersOf(f)}
	sets, problems := usage.Compile(f)
	var more config.Problems
	s.prices, more = price.Compile(f)
	problems = append(problems, more...)
	for _, name := range s.names {
		p, more := compileProvider(f.Providers[name], sets)
		problems = append(problems, more...)
		problems = append(problems, p.checkCredential(f.Providers[name])...)
		problems = append(problems, checkAuth(f.Providers[name].Auth)...)
		p.request.foreign = s.carriers.foreign(f.Providers[name].Auth)
		s.providers[name] = p
		problems = append(problems, s.checkFallback(f.Providers[name])...)
	}
	if !o.Loopback {
		problems = append(problems, checkAccess(f)...)
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return s, nil
}

func compileProvider(c config.Provider, sets *usage.Sets) (*provider, config.Problems) {
	p := &provider{
		name:      c.Name,
		pricing:   cmp.Or(c.Pricing.Value, c.Name),
		asksUsage: c.StreamUsage.Value == streamUsageOpenAI,

		access: newAccess(c.Access),
		auth:   c.Auth.Values(),
		mask:   maskOf(c),
		idle:   c.Timeouts.Idle.Or(defaultIdle),
		total:  c.Timeouts.Total.Or(0),
		write:  c.Timeouts.Write.Or(defaultWrite),
		upload: c.Timeouts.Upload.Or(defaultUpload),
		limits: c.Limits,
		drain:  newDrainage(c.OnClientDisconnect),
	}
	var problems config.Problems
	routes := c.Routes
	if len(routes) == 0 {
		routes = []config.Route{{Path: c.Path, Upstream: c.Upstream}}
	}
	for _, r := range routes {
		compiled, more := compileRoute(r)
		problems = append(problems, more...)
		compiled.link, more = newLink(c, compiled.upstream)
		problems = append(problems, more...)
		p.routes = append(p.routes, compiled)
	}
	variables := p.variables()
	var more config.Problems
	p.request, more = compileRequestRewrite(c.Request, variables)
	problems = append(problems, more...)
	p.response, more = compileResponseRewrite(c.Response, variables)
	problems = append(problems, more...)
	p.rules, more = sets.Bind(c.Usage)
	problems = append(problems, more...)
	return p, append(problems, p.compileResilience(c, variables)...)
}

// compileResilience is what the file says about an upstream that fails.
func (p *provider) compileResilience(c config.Provider, variables []string) (problems config.Problems) {
	var more config.Problems
	p.faults, problems = compileFaults(c, variables)
	p.retry, more = compileRetry(c.Retry, variables)
	problems = append(problems, more...)
	p.fallback, more = compileFallback(c.Fallback, variables)
	problems = append(problems, more...)
	p.health, more = compileHealth(c.Health, p.routes)
	problems = append(problems, more...)
	p.keeps = smallBody
	if p.retry != nil || p.fallback != nil {
		p.keeps = max(p.keeps, int64(c.RetryBuffer.Or(defaultKept)))
	}
	return problems
}

// variables are those that every route of the provider has: what its rewrites may read.
func (p *provider) variables() []string {
	common := slices.Clone(p.routes[0].variables)
	for _, r := range p.routes[1:] {
		common = slices.DeleteFunc(common, func(v string) bool { return !slices.Contains(r.variables, v) })
	}
	return common
}

// match finds the provider that a raw path names, and the first of its routes that fits what follows. One that fits but
// for an empty variable is the last choice.
func (s *Snapshot) match(name, rest string) (*provider, match, *failure) {
	p := s.provider(name)
	if p == nil {
		return nil, match{}, s.unknown(name, rest)
	}
	var last match
	for _, r := range p.routes {
		m, ok := r.match(rest)
		switch {
		case ok && !slices.Contains(m.scope.raw, ""):
			return p, m, nil
		case ok && last.route == nil:
			last = m
		}
	}
	if last.route != nil {
		return p, last, nil
	}
	return p, match{}, notFound("no_route", fmt.Sprintf("no route of %s fits this path; it has %s", p.name, p.patterns()))
}

// provider matches without regard to case.
func (s *Snapshot) provider(name string) *provider {
	if p := s.providers[name]; p != nil {
		return p
	}
	return s.providers[strings.ToLower(name)]
}

// unknown says what a path leads to that begins with no provider's name.
func (s *Snapshot) unknown(name, rest string) *failure {
	if ownPage(name, "") && (name != "" || rest == "") {
		return notFound("no_page", fmt.Sprintf("/%s is a page of the gateway's own and leads to no provider", name))
	}
	message := fmt.Sprintf("unknown provider %q", name)
	if near := config.Nearest(strings.ToLower(name), s.names); near != "" {
		message += fmt.Sprintf("; did you mean %s?", near)
	}
	f := notFound("unknown_provider", message)
	f.providers = s.names
	return f
}

// patterns are the provider's paths, as a client writes them.
func (p *provider) patterns() string {
	paths := make([]string, len(p.routes))
	for i, r := range p.routes {
		paths[i] = "/" + p.name + r.pattern
	}
	return strings.Join(paths, " and ")
}

// Rules are the compiled usage rules of a provider; nil if there is no such provider.
func (s *Snapshot) Rules(name string) *usage.Rules {
	if p := s.provider(name); p != nil {
		return p.rules
	}
	return nil
}
