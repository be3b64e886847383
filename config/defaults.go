package config

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// defaults lays the `defaults` of all levels over each other, the most general first.
func (l *loader) defaults(levels []level) Defaults {
	var all Defaults
	for _, level := range levels {
		all = l.lay(all, level.head.Defaults)
	}
	l.checkKeyPair(all.TLS)
	return all
}

// layUnder lays the defaults under a provider's own keys.
func (l *loader) layUnder(p *Provider, base Defaults) {
	merged := l.lay(base, Defaults{Request: p.Request, Response: p.Response, Timeouts: p.Timeouts, TLS: p.TLS, HTTP: p.HTTP, Proxy: p.Proxy, Breaker: p.Breaker, Throttle: p.Throttle})
	p.Request, p.Response, p.Timeouts = merged.Request, merged.Response, merged.Timeouts
	p.TLS, p.HTTP, p.Proxy = merged.TLS, merged.HTTP, merged.Proxy
	p.Breaker, p.Throttle = merged.Breaker, merged.Throttle
	if p.TLS != base.TLS {
		l.checkKeyPair(p.TLS)
	}
}

// lay is over laid on base: maps key by key, lists add up, of single values the upper one counts.
func (l *loader) lay(base, over Defaults) Defaults {
	var x Defaults
	x.Request.Headers.Set = layMap(base.Request.Headers.Set, over.Request.Headers.Set)
	x.Request.Headers.Default = layMap(base.Request.Headers.Default, over.Request.Headers.Default)
	x.Request.Headers.Remove = l.layList(base.Request.Headers.Remove, over.Request.Headers.Remove, strings.EqualFold)
	x.Request.Query.Set = layMap(base.Request.Query.Set, over.Request.Query.Set)
	x.Request.Query.Remove = l.layList(base.Request.Query.Remove, over.Request.Query.Remove, sameText)
	x.Response.Headers.Set = layMap(base.Response.Headers.Set, over.Response.Headers.Set)
	x.Response.Headers.Remove = l.layList(base.Response.Headers.Remove, over.Response.Headers.Remove, strings.EqualFold)
	x.TLS = TLS{
		Broken:     base.TLS.Broken || over.TLS.Broken,
		CA:         cmp.Or(over.TLS.CA, base.TLS.CA),
		Cert:       cmp.Or(over.TLS.Cert, base.TLS.Cert),
		Key:        cmp.Or(over.TLS.Key, base.TLS.Key),
		ServerName: cmp.Or(over.TLS.ServerName, base.TLS.ServerName),
	}
	x.HTTP = cmp.Or(over.HTTP, base.HTTP)
	x.Proxy = cmp.Or(over.Proxy, base.Proxy)
	x.Breaker = layBreaker(base.Breaker, over.Breaker)
	x.Throttle = layThrottle(base.Throttle, over.Throttle)
	x.Timeouts = Timeouts{
		Connect:        layDuration(base.Timeouts.Connect, over.Timeouts.Connect),
		ResponseHeader: layDuration(base.Timeouts.ResponseHeader, over.Timeouts.ResponseHeader),
		Idle:           layDuration(base.Timeouts.Idle, over.Timeouts.Idle),
		Total:          layDuration(base.Timeouts.Total, over.Timeouts.Total),
		Write:          layDuration(base.Timeouts.Write, over.Timeouts.Write),
		Upload:         layDuration(base.Timeouts.Upload, over.Timeouts.Upload),
		IdleConnection: layDuration(base.Timeouts.IdleConnection, over.Timeouts.IdleConnection),
	}
	return x
}

func layMap(base, over map[string]Template) map[string]Template {
	if len(over) == 0 {
		return base
	}
	x := maps.Clone(over)
	for name, value := range base {
		if _, ok := x[name]; !ok {
			x[name] = value
		}
	}
	return x
}

func layDuration(base, over Duration) Duration {
	if over.Set {
		return over
	}
	return base
}

// layList adds the items of over to those of base. One that starts with ! takes that of base out instead; where there is
// none, its author relies on something that does not happen.
func (l *loader) layList(base, over TextList, same func(a, b string) bool) TextList {
	if len(over) == 0 {
		return base
	}
	x := slices.Clone(base)
	for _, item := range over {
		name, out := strings.CutPrefix(item.Value, "!")
		at := func(t Text) bool { return same(t.Value, name) }
		switch found := slices.ContainsFunc(x, at); {
		case out && found:
			x = slices.DeleteFunc(x, at)
		case out && !l.incomplete:
			l.add(item.Problem("%s takes nothing out: %s", quoted(item.Value), defaultsHold(base)))
		case !out && !found:
			x = append(x, item)
		}
	}
	return x
}

func defaultsHold(list TextList) string {
	if len(list) == 0 {
		return "the defaults hold nothing here"
	}
	names := make([]string, len(list))
	for i, t := range list {
		names[i] = quoted(t.Value)
	}
	return "the defaults hold " + strings.Join(names, ", ")
}

func sameText(a, b string) bool { return a == b }
