package config

import (
	"reflect"
	"strings"
)

// maxProviderName bounds a provider's name, in bytes.
const maxProviderName = 63

// providerName checks a name that becomes the first part of a path, a metric's label and a column's value.
func (d *decoder) providerName(n *node, e entry) {
	switch {
	case isReserved(e.key):
		d.rejectKey(n, e, "%s is taken: the gateway itself answers there", e.key)
	case len(e.key) > maxProviderName:
		d.rejectKey(n, e, "a provider's name has at most %d characters", maxProviderName)
	case !isProviderName(e.key):
		d.rejectKey(n, e, "%s is no provider name; it may hold a-z, 0-9 and, not at its start, . _ -", quoted(e.key))
	}
}

func isReserved(name string) bool {
	return name == "health" || name == "providers" || name == "favicon.ico"
}

func isProviderName(name string) bool {
	for i, r := range name {
		letter := 'a' <= r && r <= 'z' || '0' <= r && r <= '9'
		if !letter && (i == 0 || !strings.ContainsRune("._-", r)) {
			return false
		}
	}
	return name != ""
}

// checkProviders finds what is wrong with a provider as a whole. It asks which keys stand in the file: a value that is
// wrong in itself is there all the same.
func (d *decoder) checkProviders(section *node) {
	if section == nil {
		return
	}
	known := keysOf(d.fieldsOf(reflect.TypeFor[Provider]()))
	for _, e := range section.entries {
		if e.value.kind != mappingKind {
			continue
		}
		upstream, path, routes := e.value.find("upstream"), e.value.find("path"), e.value.find("routes")
		switch {
		case routes != nil && upstream != nil:
			d.reject(routes, "upstream stands beside routes; move it into a route")
		case routes != nil && path != nil:
			d.reject(routes, "path stands beside routes; move it into a route")
		case !e.value.gives("routes", known) && !e.value.gives("upstream", known):
			d.reject(e.value, "upstream is missing: where do requests go?")
		}
	}
}
