package sqlstore

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"windhover/gateway/ledger"
)

// span is a half-open range of milliseconds since 1970. An end that is no limit is beyond all records.
type span struct{ from, to int64 }

const (
	always = math.MinInt64 / 4
	never  = math.MaxInt64 / 4
)

func rangeOf(f ledger.Filter) span {
	s := span{always, never}
	if !f.From.IsZero() {
		s.from = f.From.UnixMilli()
	}
	if !f.To.IsZero() {
		s.to = f.To.UnixMilli()
	}
	return s
}

func (s span) empty() bool { return s.from >= s.to }

// time is an end of a span; zero if it is no limit.
func timeOf(ms int64) time.Time {
	if ms == always || ms == never {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// where collects the conditions of a query, and their parameters.
type where struct {
	*Schema
	conditions []string
	args       []any
}

func (s *Schema) where() *where { return &where{Schema: s} }

// String is the clause, with a space before it.
func (w *where) String() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

// arg adds a parameter, and is its placeholder.
func (w *where) arg(v any) string {
	w.args = append(w.args, v)
	return w.dialect.Placeholder(len(w.args))
}

func (w *where) add(format string, args ...any) {
	w.conditions = append(w.conditions, fmt.Sprintf(format, args...))
}

// in limits an expression that is never NULL to some values; none is no limit.
func (w *where) in(expression string, values []any) {
	if len(values) == 0 {
		return
	}
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = w.arg(v)
	}
	w.add("%s IN (%s)", expression, strings.Join(list, ", "))
}

// inOrNull is in for a column in which NULL stands for the empty text. Only where that is asked for, no index can help.
func (w *where) inOrNull(column string, values []string) {
	if slices.Contains(values, "") {
		column = "coalesce(" + column + ", '')"
	}
	w.in(column, anys(values))
}

// within limits a column of milliseconds.
func (w *where) within(column string, s span) {
	if s.from != always {
		w.add("%s >= %s", column, w.arg(s.from))
	}
	if s.to != never {
		w.add("%s < %s", column, w.arg(s.to))
	}
}

// filter limits records to those that a filter chooses in a span of time.
func (w *where) filter(f ledger.Filter, s span) {
	w.within(colTime, s)
	w.inOrNull(colProvider, f.Providers)
	w.in(fmt.Sprintf("coalesce(%s, %s, '')", colModel, colRequestModel), anys(f.Models))
	w.in(colStatus, anys(f.Statuses))
	w.inOrNull(colKey, f.Keys)
	byName := labelValues(f)
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		w.in("coalesce("+w.dialect.Label(w.arg(name))+", '')", anys(byName[name]))
	}
}

// labelValues are the values that a filter asks for, by the label's name.
func labelValues(f ledger.Filter) map[string][]string {
	values := map[string][]string{}
	for _, l := range f.Labels {
		values[l.Name] = append(values[l.Name], l.Value)
	}
	return values
}

func anys[T any](values []T) []any {
	all := make([]any, len(values))
	for i, v := range values {
		all[i] = v
	}
	return all
}
