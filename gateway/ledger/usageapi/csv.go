package usageapi

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"windhover/gateway/ledger"
	"windhover/gateway/usage"
)

// csvColumn is a column of an export. A cell is a number as it is, or text.
type csvColumn struct {
	name string
	cell func(r *usage.Record) cell
}

// recordTime is a time as records write it: always as wide, so that its text sorts as it does.
const recordTime = "2006-01-02T15:04:05.000Z07:00"

// cell is what stands in a column: something of ours, a number in most cases, that is written as it is; or text, which may
// come from anywhere.
type cell struct{ own, text string }

func own(s string) cell       { return cell{own: s} }
func number(n int64) cell     { return own(strconv.FormatInt(n, 10)) }
func truth(b bool) cell       { return own(strconv.FormatBool(b)) }
func text(s string) cell      { return cell{text: s} }
func asJSON(v any) cell       { b, _ := json.Marshal(v); return text(string(b)) }
func moment(t time.Time) cell { return own(t.UTC().Format(recordTime)) }
func positive(n int) cell     { return unless(n == 0, number(int64(n))) }
func seconds(d time.Duration) cell {
	return unless(d == 0, own(strconv.FormatFloat(d.Round(time.Microsecond).Seconds(), 'f', -1, 64)))
}

// unless is a cell, or an empty one where there is nothing to say.
func unless(nothing bool, c cell) cell {
	if nothing {
		return cell{}
	}
	return c
}

// csvColumns are the columns of an export, named as the keys of records are. raw_usage is left out: it is no table.
func csvColumns() []csvColumn {
	columns := []csvColumn{
		{"time", func(r *usage.Record) cell { return moment(r.Time) }},
		{"id", func(r *usage.Record) cell { return text(r.ID) }},
		{"request_id", func(r *usage.Record) cell { return text(r.RequestID) }},
		{"attempt", func(r *usage.Record) cell { return number(int64(r.Attempt)) }},
		{"final", func(r *usage.Record) cell { return truth(r.Final) }},
		{"checkpoint", func(r *usage.Record) cell { return unless(!r.Checkpoint, truth(true)) }},
		{"provider", func(r *usage.Record) cell { return text(r.Provider) }},
		{"model", func(r *usage.Record) cell { return text(r.Usage.Text(usage.Model)) }},
		{"request_model", func(r *usage.Record) cell { return text(r.RequestModel) }},
		{"key", func(r *usage.Record) cell { return text(r.Key) }},
		{"labels", func(r *usage.Record) cell { return unless(len(r.Labels) == 0, asJSON(r.Labels)) }},
		{"status", func(r *usage.Record) cell { return positive(r.Status) }},
		{"end", func(r *usage.Record) cell { return text(string(r.End)) }},
		{"error", func(r *usage.Record) cell { return text(r.Error) }},
		{"usage_state", func(r *usage.Record) cell { return text(string(r.UsageState)) }},
		{"doubts", func(r *usage.Record) cell { return text(strings.Join(r.Doubts, "; ")) }},
		{"cost_state", func(r *usage.Record) cell { return text(string(r.CostState)) }},
		{"cost_nano_usd", func(r *usage.Record) cell { cost, known := r.CostKnown(); return unless(!known, number(cost)) }},
		{"cost_usd", func(r *usage.Record) cell { cost, known := r.CostKnown(); return unless(!known, own(ledger.USD(cost))) }},
		{"price_id", func(r *usage.Record) cell { return text(priceID(r)) }},
	}
	for f := range usage.Fields() {
		if f != usage.Model {
			columns = append(columns, csvColumn{f.String(), func(r *usage.Record) cell { return fieldCell(r, f) }})
		}
	}
	return append(columns,
		csvColumn{"parts", func(r *usage.Record) cell { return unless(len(r.Parts) == 0, asJSON(r.Parts)) }},
		csvColumn{"first_byte", func(r *usage.Record) cell { return seconds(r.FirstByte) }},
		csvColumn{"duration", func(r *usage.Record) cell { return seconds(r.Duration) }},
		csvColumn{"bytes_in", func(r *usage.Record) cell { return number(r.BytesIn) }},
		csvColumn{"bytes_out", func(r *usage.Record) cell { return number(r.BytesOut) }},
		csvColumn{"events", func(r *usage.Record) cell { return number(r.Events) }},
		csvColumn{"stream", func(r *usage.Record) cell { return truth(r.Stream) }},
		csvColumn{"stream_usage", func(r *usage.Record) cell { return text(string(r.StreamUsage)) }},
		csvColumn{"resent", func(r *usage.Record) cell { return positive(r.Resent) }},
		csvColumn{"client", func(r *usage.Record) cell { return text(r.Client) }},
		csvColumn{"method", func(r *usage.Record) cell { return text(r.Method) }},
		csvColumn{"path", func(r *usage.Record) cell { return text(r.Path) }},
		csvColumn{"revision", func(r *usage.Record) cell { return text(r.Revision) }},
	)
}

func fieldCell(r *usage.Record, f usage.Field) cell {
	if !f.Number() {
		return text(r.Usage.Text(f))
	}
	n, there := r.Usage.Number(f)
	return unless(!there, own(n.String()))
}

func priceID(r *usage.Record) string {
	if r.Price == nil {
		return ""
	}
	return r.Price.ID
}

// newCSV is the format of RFC 4180: lines end in CR and LF.
func newCSV() format {
	columns := csvColumns()
	var names []string
	for _, c := range columns {
		names = append(names, c.name)
	}
	return format{
		name: "csv", contentType: "text/csv; charset=utf-8; header=present", header: []byte(strings.Join(names, ",") + "\r\n"),
		append: func(b []byte, r *usage.Record) []byte {
			for i, c := range columns {
				if i > 0 {
					b = append(b, ',')
				}
				b = appendCell(b, c.cell(r))
			}
			return append(b, "\r\n"...)
		},
	}
}

func appendCell(b []byte, c cell) []byte {
	if c.own != "" {
		return append(b, c.own...)
	}
	return appendText(b, c.text)
}

// appendText appends a text as a cell of a CSV file. What a spreadsheet would take for a formula, and run, gets an
// apostrophe in front, which makes it text there: whoever sends requests through the gateway chooses what stands in records.
// https://owasp.org/www-community/attacks/CSV_Injection
func appendText(b []byte, text string) []byte {
	if strings.IndexAny(text, "=+-@\t\r\n＝＋－＠") == 0 {
		text = "'" + text
	}
	if !strings.ContainsAny(text, "\",;\t\r\n") {
		return append(b, text...)
	}
	b = append(b, '"')
	b = append(b, strings.ReplaceAll(text, `"`, `""`)...)
	return append(b, '"')
}
