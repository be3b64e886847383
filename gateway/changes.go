package gateway

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"windhover/config"
)

// maxChanged bounds how many names a log line lists of each kind of change.
const maxChanged = 10

// changesBetween says what differs between two files, as the attributes of a log line: `providers_added`, a name or
// several, and so on. It is empty if they say the same, wherever it stands in them.
func changesBetween(before, after *config.File) []any {
	changes := sectionChanges("providers", before.Providers, after.Providers)
	changes = append(changes, sectionChanges("usage", before.Usage, after.Usage)...)
	changes = append(changes, sectionChanges("fields", before.Fields, after.Fields)...)
	changes = append(changes, sectionChanges("prices", before.Prices, after.Prices)...)
	return append(changes, sectionChanges("models", modelsOf(before), modelsOf(after))...)
}

// modelsOf is the models that a file names, as a section.
func modelsOf(f *config.File) map[string]config.PriceRows {
	names := make(map[string]config.PriceRows, len(f.Models))
	for _, m := range f.Models {
		names[m.Value] = nil
	}
	return names
}

func sectionChanges[T config.Provider | config.FieldGroup | config.RuleSet | config.PriceRows](section string, before, after map[string]T) []any {
	var added, removed, changed []string
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if old, ok := before[name]; !ok {
			added = append(added, name)
		} else if !config.SameContent(old, after[name]) {
			changed = append(changed, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, ok := after[name]; !ok {
			removed = append(removed, name)
		}
	}
	var attributes []any
	for _, kind := range []struct {
		name  string
		names []string
	}{{"added", added}, {"removed", removed}, {"changed", changed}} {
		if len(kind.names) > 0 {
			attributes = append(attributes, section+"_"+kind.name, bounded(kind.names))
		}
	}
	return attributes
}

// bounded is a list of names that stays readable however long it is.
func bounded(names []string) string {
	if len(names) <= maxChanged {
		return strings.Join(names, " ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:maxChanged], " "), len(names)-maxChanged)
}
