package usageapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"windhover/gateway/ledger"
)

// Report is an answer as it is shown: by /api/usage, and by the command that prints the same.
type Report struct {
	From    time.Time          `json:"from"` // the range that was summed
	To      time.Time          `json:"to"`
	Asked   *Range             `json:"asked,omitempty"` // what was asked for, where the range had to be widened
	GroupBy []ledger.Dimension `json:"group_by"`
	Total   Sums               `json:"total"`
	Rows    []ReportRow        `json:"rows"`
}

// Range is a half-open range of time: From is in it, To is not.
type Range struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// NewReport is the report of the answer to a question.
func NewReport(q ledger.Question, a *ledger.Answer) Report {
	r := Report{From: a.From.UTC(), To: a.To.UTC(), GroupBy: append([]ledger.Dimension{}, q.GroupBy...), Total: Sums(a.Total), Rows: []ReportRow{}}
	if !a.From.Equal(q.From) || !a.To.Equal(q.To) {
		r.Asked = &Range{q.From.UTC(), q.To.UTC()}
	}
	for _, row := range a.Rows {
		r.Rows = append(r.Rows, ReportRow{Group: group{q.GroupBy, row.Group}, Sums: Sums(row.Sums)})
	}
	return r
}

// ReportRow is the sums of one group.
type ReportRow struct {
	Group group
	Sums  Sums
}

// Values are the group's values, in the order of the report's GroupBy.
func (r ReportRow) Values() []string { return r.Group.values }

// MarshalJSON is the sums, with the group in front of them.
func (r ReportRow) MarshalJSON() ([]byte, error) {
	names, err := r.Group.MarshalJSON()
	if err != nil {
		return nil, err
	}
	return append(append([]byte(`{"group":`), names...), append([]byte(","), r.Sums.members()...)...), nil
}

// group is a value for each dimension.
type group struct {
	dimensions []ledger.Dimension
	values     []string
}

// MarshalJSON is an object with the dimensions as keys, in their order.
func (g group) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, d := range g.dimensions {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, quoted(string(d))...), ':')
		b = append(b, quoted(g.values[i])...)
	}
	return append(b, '}'), nil
}

// quoted is text as JSON. Signs that mean something in HTML stay what they are.
func quoted(text string) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text) // text always encodes
	return bytes.TrimRight(b.Bytes(), "\n")
}

// Sums are sums as they are shown: each measure by its name, money also as a decimal text in dollars (a program that reads
// numbers as floats would spoil it), and what share of the attempts the sums do not tell all of.
type Sums ledger.Sums

// MarshalJSON is one flat object.
func (s Sums) MarshalJSON() ([]byte, error) { return append([]byte{'{'}, s.members()...), nil }

// members are the members of the object, with its closing brace.
func (s Sums) members() []byte {
	var b []byte
	for _, m := range ledger.Measures() {
		b = append(b, '"')
		b = append(b, m.String()...)
		b = append(b, `":`+cmp.Or(s.number(m), "null")+`,`...)
		if name, ok := inUSD(m); ok {
			b = append(b, `"`+name+`":`...)
			if dollars := s.dollars(m); dollars != "" {
				b = append(b, `"`+dollars+`",`...)
			} else {
				b = append(b, `null,`...)
			}
		}
	}
	return append(b, `"shares":{"unpriced":`+s.share(ledger.Unpriced)+`,"missing":`+s.share(ledger.Missing)+`,"partial":`+s.share(ledger.Partial)+`}}`...)
}

// number is a measure in digits; empty if it is a cost of which nothing is known.
func (s Sums) number(m ledger.Measure) string {
	if m == ledger.CostNanoUSD && !ledger.CostKnown(s[m], s[ledger.Unpriced]) {
		return ""
	}
	return strconv.FormatInt(s[m], 10)
}

// dollars is a measure in billionths of a dollar, in dollars; empty likewise.
func (s Sums) dollars(m ledger.Measure) string {
	if s.number(m) == "" {
		return ""
	}
	return ledger.USD(s[m])
}

// inUSD is the name of a measure in dollars, if it is one in billionths of them.
func inUSD(m ledger.Measure) (name string, ok bool) {
	switch m {
	case ledger.CostNanoUSD:
		return "cost_usd", true
	case ledger.ReportedCostNanoUSD:
		return "reported_cost_usd", true
	}
	return "", false
}

// share is the part of the attempts that a measure counts, from 0 to 1; null where there were none.
func (s Sums) share(m ledger.Measure) string {
	if s[ledger.Attempts] == 0 {
		return "null"
	}
	return strconv.FormatFloat(float64(s[m])/float64(s[ledger.Attempts]), 'f', -1, 64)
}

// CSV is a line of names, and a line for each row: its group, and all measures.
func (r Report) CSV() []byte {
	var b []byte
	for _, d := range r.GroupBy {
		b = append(appendText(b, string(d)), ',')
	}
	var names []string
	for _, m := range ledger.Measures() {
		names = append(names, m.String())
		if name, ok := inUSD(m); ok {
			names = append(names, name)
		}
	}
	b = append(append(b, strings.Join(names, ",")...), "\r\n"...)
	for _, row := range r.Rows {
		for _, value := range row.Group.values {
			b = append(appendText(b, value), ',')
		}
		b = append(append(b, strings.Join(row.Sums.cells(), ",")...), "\r\n"...)
	}
	return b
}

// cells are the measures, money also in dollars.
func (s Sums) cells() []string {
	var cells []string
	for _, m := range ledger.Measures() {
		cells = append(cells, s.number(m))
		if _, ok := inUSD(m); ok {
			cells = append(cells, s.dollars(m))
		}
	}
	return cells
}
