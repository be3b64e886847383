package ledger

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"windhover/gateway/usage"
)

// Filter chooses records. A list that is empty chooses all; of those that are not, a record must be in each.
type Filter struct {
	// From and To are a half-open range of the time at which an attempt began: From is in it, To is not. They count in
	// milliseconds, as records do. A zero time is no limit.
	From, To time.Time

	Providers []string
	Models    []string // the model that answered, or else the one that was asked for; see ModelOf
	Statuses  []int    // of the answer; 0: there was none
	Keys      []string // an empty one: what has none
	Labels    []Label  // the values of one name are alternatives, different names must all fit; an empty value: what has none
}

// Chooses reports whether the filter chooses a record.
func (f *Filter) Chooses(r *usage.Record) bool {
	began := r.Time.UnixMilli()
	switch {
	case !f.From.IsZero() && began < f.From.UnixMilli(), !f.To.IsZero() && began >= f.To.UnixMilli():
		return false
	case !oneOf(f.Providers, ByProvider.Of(r)), !oneOf(f.Models, ByModel.Of(r)), !oneOf(f.Statuses, r.Status), !oneOf(f.Keys, ByKey.Of(r)):
		return false
	}
	for _, l := range f.Labels {
		fits := func(other Label) bool { return other.Name == l.Name && other.Value == ByLabel(l.Name).Of(r) }
		if !slices.ContainsFunc(f.Labels, fits) {
			return false
		}
	}
	return true
}

// oneOf reports whether a list holds a value. A list that is empty holds all.
func oneOf[T comparable](list []T, value T) bool {
	return len(list) == 0 || slices.Contains(list, value)
}

// Label is a label's name and one value.
type Label struct{ Name, Value string }

// Dimension is what records can be grouped by.
type Dimension string

// The dimensions.
const (
	ByProvider Dimension = "provider"
	ByModel    Dimension = "model"
	ByKey      Dimension = "key"
	ByStatus   Dimension = "status"
	ByHour     Dimension = "hour" // UTC
	ByDay      Dimension = "day"  // UTC
)

// ByLabel is the dimension of a label, as in label:team.
func ByLabel(name string) Dimension { return Dimension("label:" + name) }

// Label is the name of the label that the dimension stands for; empty if it is another dimension.
func (d Dimension) Label() string {
	const prefix = "label:"
	if len(d) > len(prefix) && d[:len(prefix)] == prefix {
		return string(d[len(prefix):])
	}
	return ""
}

// Of is the record's value in the dimension, as text: an hour or a day is the RFC 3339 time at which it begins, a status its
// number, 0 if there was none; what a record does not have is empty. It is how Filter and Row name it.
func (d Dimension) Of(r *usage.Record) string {
	switch d {
	case ByProvider:
		return text(r.Provider)
	case ByModel:
		return ModelOf(r)
	case ByKey:
		return text(r.Key)
	case ByStatus:
		return strconv.Itoa(r.Status)
	case ByHour:
		return r.Time.UTC().Truncate(time.Hour).Format(time.RFC3339)
	case ByDay:
		return r.Time.UTC().Truncate(24 * time.Hour).Format(time.RFC3339)
	}
	return text(r.Labels[d.Label()])
}

// text is a text from outside as every store can hold it: valid UTF-8, and without the NUL that PostgreSQL refuses.
func text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
}

// Question asks for sums over the records that a filter chooses, for each combination of what they are grouped by.
type Question struct {
	Filter
	GroupBy []Dimension // none: one row of totals
	MaxRows int         // more of them are ErrTooManyRows; 0: as many as there are
}

// Answer is the sums. Total is the sum of all rows, whatever they are grouped by.
type Answer struct {
	From, To time.Time // the range that was summed; zero: no limit. Where records have expired, it is widened to full hours or days.
	Total    Sums
	Rows     []Row // of groups whose sums are not all 0; by hour or day, in the order of time; then the most expensive first, then by Group
}

// Row is one group. Group holds a value for each dimension of the question, as Dimension.Of says.
type Row struct {
	Group []string
	Sums  Sums
}
