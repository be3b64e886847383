package usageapi

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"windhover/config"
)

// ParameterError says what is wrong with a parameter, and what would be right.
type ParameterError struct {
	Name    string
	Problem string
}

func (e *ParameterError) Error() string { return e.Name + ": " + e.Problem }

func wrong(name, format string, args ...any) error {
	return &ParameterError{name, fmt.Sprintf(format, args...)}
}

// labelPrefix begins the name of a parameter that chooses by a label.
const labelPrefix = "label."

// checkNames refuses parameters that are not among the known ones: one that is passed over would make an answer look like
// something that it is not. labelPrefix stands for all that begin with it.
func checkNames(given []string, known ...string) error {
	for _, name := range slices.Sorted(slices.Values(given)) {
		labels := slices.Contains(known, labelPrefix)
		if name == labelPrefix && labels {
			return wrong(name, "it names no label; write it as label.team=search")
		}
		if slices.Contains(known, name) || labels && isLabel(name) {
			continue
		}
		if near := config.Nearest(name, known); near != "" && near != labelPrefix {
			return wrong(name, "there is no such parameter; did you mean %s?", near)
		}
		if len(known) == 0 {
			return wrong(name, "there is no such parameter; this page takes none")
		}
		return wrong(name, "there is no such parameter; there are %s", strings.ReplaceAll(strings.Join(known, ", "), labelPrefix, "label.NAME"))
	}
	return nil
}

func isLabel(name string) bool {
	return strings.HasPrefix(name, labelPrefix) && len(name) > len(labelPrefix)
}

func namesOf(values url.Values) []string { return slices.Collect(maps.Keys(values)) }

// one is the value of a parameter that may be given once.
func one(values url.Values, name string) (value string, given bool, err error) {
	switch list := values[name]; len(list) {
	case 0:
		return "", false, nil
	case 1:
		return list[0], true, nil
	default:
		return "", true, wrong(name, "it is given %d times; give it once", len(list))
	}
}

// maxValues bounds how many values a parameter can have.
const maxValues = 100

// list is all values of a parameter that may be repeated, each of them a list with commas; a comma that is part of a value
// stands behind a backslash. A parameter without a value stands for the empty one.
func list(values url.Values, name string) ([]string, error) {
	var all []string
	for _, text := range values[name] {
		elements, err := split(text)
		if err != nil {
			return nil, &ParameterError{name, err.Error()}
		}
		all = append(all, elements...)
	}
	if len(all) > maxValues {
		return nil, wrong(name, "it has %d values; at most %d can be chosen at once", len(all), maxValues)
	}
	return all, nil
}

func split(text string) ([]string, error) {
	if text == "" {
		return []string{""}, nil
	}
	var all []string
	var element strings.Builder
	escaped := false
	for _, r := range text + "," {
		switch {
		case !escaped && r == '\\':
			escaped = true
			continue
		case !escaped && r == ',':
			if element.Len() == 0 {
				return nil, errors.New("a value between its commas is empty; give the parameter once more, without a value, to choose what has none")
			}
			all = append(all, element.String())
			element.Reset()
			continue
		case escaped && r != ',' && r != '\\':
			element.WriteByte('\\') // it stands before nothing that needs it
		}
		element.WriteRune(r)
		escaped = false
	}
	if escaped || element.Len() > 0 { // the comma that was added belongs to a backslash at the end
		return nil, errors.New(`a backslash at its end stands before nothing; write \\ for one that is meant`)
	}
	return all, nil
}
