package gateway

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"sync"

	"windhover/config"
	"windhover/gateway/usage"
)

// The bounds on the values of labels, beside those on their names.
const (
	maxLabelValue  = 64   // bytes of one
	maxLabelValues = 1000 // of each name
)

const (
	ownPrefix   = "X-Windhover-"       // of header names that are between a client and the gateway
	labelPrefix = ownPrefix + "Label-" // of those that label a request
)

// label is one that a request came with.
type label struct{ name, value string }

// labels are those that records keep.
type labels struct {
	off   bool
	names *room // by way of values; nil: those that the settings name, all of them in values

	values sync.Map // by name: *room
}

// newLabels takes the names that records keep: config.LabelsAny, config.LabelsOff, or a list of them.
func newLabels(names []string) *labels {
	switch {
	case slices.Equal(names, []string{config.LabelsOff}):
		return &labels{off: true}
	case len(names) == 0 || slices.Contains(names, config.LabelsAny):
		return &labels{names: newRoom(config.MaxLabelNames)}
	}
	l := new(labels)
	for _, name := range names {
		l.values.Store(strings.ToLower(name), newRoom(maxLabelValues))
	}
	return l
}

// read are the labels in a request's header, by name. What is no label's name is left out.
func (l *labels) read(h http.Header) []label {
	if l.off {
		return nil
	}
	var found []label
	for header, values := range h {
		if name, ok := strings.CutPrefix(header, labelPrefix); ok && config.IsLabelName(name) {
			if value := usage.Clean(strings.TrimSpace(values[0]), maxLabelValue); value != "" {
				found = append(found, label{strings.ToLower(strings.Clone(name)), value})
			}
		}
	}
	slices.SortFunc(found, func(a, b label) int { return cmp.Compare(a.name, b.name) })
	return found
}

// admit is what a record keeps of a request's labels. A name for which there is no room, or that was not accepted yet, is
// Other, and so is such a value; a name that the settings do not list is nothing.
func (l *labels) admit(found []label, fresh bool) map[string]string {
	var kept map[string]string
	for _, x := range found {
		name, value := x.name, usage.Other
		if values := l.valuesOf(name, fresh); values != nil {
			value = values.admit(x.value, fresh)
		} else if name = usage.Other; l.names == nil {
			continue
		}
		if kept == nil {
			kept = make(map[string]string, len(found))
		}
		kept[name] = value
	}
	return kept
}

// valuesOf are the known values of a label; nil if the label itself is not known.
func (l *labels) valuesOf(name string, fresh bool) *room {
	if values, known := l.values.Load(name); known {
		return values.(*room)
	}
	if l.names == nil || name == usage.Other || l.names.admit(name, fresh) != name {
		return nil
	}
	values, _ := l.values.LoadOrStore(name, newRoom(maxLabelValues))
	return values.(*room)
}

// isOwn reports whether a header is between a client and the gateway: it says who asks, and is nobody else's business.
func isOwn(name string) bool {
	return len(name) > len(ownPrefix) && strings.EqualFold(name[:len(ownPrefix)], ownPrefix)
}
