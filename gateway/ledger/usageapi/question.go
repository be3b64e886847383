package usageapi

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"windhover/config"
	"windhover/gateway/ledger"
)

// maxRows bounds the rows of an answer: what is grouped by hour and key, both over a year, has tens of millions.
const maxRows = 10_000

// maxDimensions is how many dimensions records can be grouped by at once.
const maxDimensions = 4

// ParseQuestion reads a question from the parameters of /api/usage. The error, if any, is a ParameterError.
func ParseQuestion(values url.Values, now time.Time) (ledger.Question, error) {
	if err := checkNames(namesOf(values), questionParameters()...); err != nil {
		return ledger.Question{}, err
	}
	filter, err := parseFilter(values, now)
	if err != nil {
		return ledger.Question{}, err
	}
	dimensions, err := parseDimensions(values)
	return ledger.Question{Filter: filter, GroupBy: dimensions, MaxRows: maxRows}, err
}

func questionParameters() []string { return append([]string{"group_by"}, filterParameters()...) }

// filterParameters are the names of what chooses records.
func filterParameters() []string { return append(spanParameters(), choiceParameters()...) }

// choiceParameters are the names of what chooses records by what they are, and not by when they were.
func choiceParameters() []string { return []string{"provider", "model", "key", "status", labelPrefix} }

// parseFilter reads what chooses records. The names of the parameters were checked before.
func parseFilter(values url.Values, now time.Time) (ledger.Filter, error) {
	s, err := parseSpan(values, now)
	if err != nil {
		return ledger.Filter{}, err
	}
	filter, err := parseChoice(values)
	filter.From, filter.To = s.from, s.to
	return filter, err
}

// parseChoice reads what chooses records by what they are.
func parseChoice(values url.Values) (f ledger.Filter, err error) {
	if f.Providers, err = list(values, "provider"); err != nil {
		return f, err
	}
	if f.Models, err = list(values, "model"); err != nil {
		return f, err
	}
	if f.Keys, err = list(values, "key"); err != nil {
		return f, err
	}
	if f.Statuses, err = parseStatuses(values); err != nil {
		return f, err
	}
	f.Labels, err = parseLabels(values)
	return f, err
}

func parseStatuses(values url.Values) ([]int, error) {
	texts, err := list(values, "status")
	if err != nil {
		return nil, err
	}
	var statuses []int
	for _, text := range texts {
		status, err := strconv.Atoi(text)
		if err != nil || status < 0 || status > 999 {
			return nil, wrong("status", "%q is no status; write it as in 200 or 429, and 0 for what got no answer", text)
		}
		statuses = append(statuses, status)
	}
	return statuses, nil
}

// parseLabels reads the parameters label.NAME. Names of labels are in small letters.
func parseLabels(values url.Values) ([]ledger.Label, error) {
	var labels []ledger.Label
	for _, parameter := range slices.Sorted(slices.Values(namesOf(values))) {
		if !isLabel(parameter) {
			continue
		}
		elements, err := list(values, parameter)
		if err != nil {
			return nil, err
		}
		for _, value := range elements {
			labels = append(labels, ledger.Label{Name: strings.ToLower(parameter[len(labelPrefix):]), Value: value})
		}
	}
	if len(labels) > maxValues {
		return nil, wrong(labelPrefix+"NAME", "there are %d values of labels; at most %d can be chosen at once", len(labels), maxValues)
	}
	return labels, nil
}

func parseDimensions(values url.Values) ([]ledger.Dimension, error) {
	names, err := list(values, "group_by")
	if err != nil || slices.Equal(names, []string{""}) {
		return nil, err
	}
	var dimensions []ledger.Dimension
	for _, name := range names {
		d, err := parseDimension(name)
		if err != nil {
			return nil, err
		}
		if slices.Contains(dimensions, d) {
			return nil, wrong("group_by", "%s is named twice", d)
		}
		dimensions = append(dimensions, d)
	}
	if len(dimensions) > maxDimensions {
		return nil, wrong("group_by", "it names %d dimensions; at most %d can be combined", len(dimensions), maxDimensions)
	}
	return dimensions, nil
}

func parseDimension(name string) (ledger.Dimension, error) {
	known := []ledger.Dimension{ledger.ByProvider, ledger.ByModel, ledger.ByKey, ledger.ByStatus, ledger.ByHour, ledger.ByDay}
	if d := ledger.Dimension(name); slices.Contains(known, d) {
		return d, nil
	}
	if label := ledger.Dimension(strings.ToLower(name)).Label(); label != "" {
		return ledger.ByLabel(label), nil
	}
	var names []string
	for _, d := range known {
		names = append(names, string(d))
	}
	if near := config.Nearest(name, names); near != "" {
		return "", wrong("group_by", "%q is no dimension; did you mean %s?", name, near)
	}
	return "", wrong("group_by", "%q is no dimension; there are %s, and label:NAME", name, strings.Join(names, ", "))
}
