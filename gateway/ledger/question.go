package ledger

import "time"

// Filter chooses records. A list that is empty chooses all; of those that are not, a record must be in each.
type Filter struct {
	// From and To are a half-open range of the time at which an attempt began: From is in it, To is not. They count in
	// milliseconds, as records do. A zero time is no limit.
	From, To time.Time

	Providers []string
	Models    []string // the model that answered, or else the one that was asked for; see ModelOf
	Statuses  []int    // of the answer; 0: there was none
	Keys      []string
	Labels    []Label // the values of one name are alternatives, different names must all fit
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

// Question asks for sums over the records that a filter chooses, for each combination of what they are grouped by.
type Question struct {
	Filter
	GroupBy []Dimension // none: one row of totals
}

// Answer is the sums. Total is the sum of all rows, whatever they are grouped by.
type Answer struct {
	From, To time.Time // the range that was summed; zero: no limit. Where records have expired, it is widened to full hours.
	Total    Sums
	Rows     []Row // the most expensive first, then by Group; by hour or day, in the order of time
}

// Row is one group. Group holds a value for each dimension of the question, as text: an hour or a day is the RFC 3339 time at
// which it begins, a status its number; what a record does not have is empty.
type Row struct {
	Group []string
	Sums  Sums
}
