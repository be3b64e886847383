package sqlstore

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"windhover/gateway/usage"
)

// Type is what a column holds. Every column but those of records that are always there may be NULL, which is how absent is
// kept: an empty text, a number that nobody reported.
type Type uint8

// The types, with what Values hands over for them.
const (
	ID      Type = iota // []byte: see EncodeID
	Whole               // int64; truth values are 0 and 1, times milliseconds since 1970 UTC, durations microseconds
	Decimal             // float64
	Text                // string of valid UTF-8 without U+0000
	JSON                // string
	Bytes               // []byte: JSON as a provider wrote it, which may not be valid
)

// Column is one column of the table of records.
type Column struct {
	Name     string
	Type     Type
	Required bool // it is never NULL; a whole number is 0 unless said otherwise

	value func(r *usage.Record, before any) any // before is the value of another record, to be handed over again if it is the same
	set   func(*usage.Record, *cell) error
}

// The columns that statements name.
const (
	colID           = "id"
	colTime         = "time"
	colProvider     = "provider"
	colModel        = "model"
	colRequestModel = "request_model"
	colStatus       = "status"
	colKey          = "key"
	colLabels       = "labels"
	colCheckpoint   = "checkpoint"
	colPriceID      = "price_id"
	colCostState    = "cost_state"
	colCostNanoUSD  = "cost_nano_usd"
)

// columns are the columns of the table of records, in order. They hold all of a record but what its JSON leaves out too:
// ModelLabel, and time beyond the milli- and microsecond.
func columns() []Column {
	all := []Column{
		identity(colID, func(r *usage.Record) *string { return &r.ID }),
		identity("request_id", func(r *usage.Record) *string { return &r.RequestID }),
		began(),
		whole("attempt", func(r *usage.Record) *int { return &r.Attempt }),
		truth("final", func(r *usage.Record) *bool { return &r.Final }),
		truth(colCheckpoint, func(r *usage.Record) *bool { return &r.Checkpoint }),
		text(colProvider, func(r *usage.Record) *string { return &r.Provider }),
		reported(usage.Model),
		text(colRequestModel, func(r *usage.Record) *string { return &r.RequestModel }),
		whole(colStatus, func(r *usage.Record) *int { return &r.Status }),
		text(colKey, func(r *usage.Record) *string { return &r.Key }),
		labels(),
		text(colCostState, func(r *usage.Record) *string { return (*string)(&r.CostState) }),
		whole(colCostNanoUSD, func(r *usage.Record) *int64 { return &r.CostNanoUSD }),
		{colPriceID, Text, false, priceID, setPriceID},
		text("usage_state", func(r *usage.Record) *string { return (*string)(&r.UsageState) }),
		micros("first_byte_us", func(r *usage.Record) *time.Duration { return &r.FirstByte }),
		micros("duration_us", func(r *usage.Record) *time.Duration { return &r.Duration }),
		whole("bytes_in", func(r *usage.Record) *int64 { return &r.BytesIn }),
		whole("bytes_out", func(r *usage.Record) *int64 { return &r.BytesOut }),
	}
	for f := range usage.Fields() {
		if f.Number() {
			all = append(all, number(f))
		}
	}
	return append(all,
		Column{"other_numbers", JSON, false, oddNumbers, setOddNumbers},
		reported(usage.ServiceTier),
		reported(usage.ResponseID),
		reported(usage.Region),
		text("client", func(r *usage.Record) *string { return &r.Client }),
		cut("method", maxText, func(r *usage.Record) *string { return &r.Method }),
		cut("path", maxPath, func(r *usage.Record) *string { return &r.Path }),
		truth("stream", func(r *usage.Record) *bool { return &r.Stream }),
		whole("resent", func(r *usage.Record) *int { return &r.Resent }),
		text("ended", func(r *usage.Record) *string { return (*string)(&r.End) }),
		text("stream_usage", func(r *usage.Record) *string { return (*string)(&r.StreamUsage) }),
		document("parts", func(r *usage.Record) *[]usage.Part { return &r.Parts }),
		document("doubts", func(r *usage.Record) *[]string { return &r.Doubts }),
		whole("events", func(r *usage.Record) *int64 { return &r.Events }),
		text("revision", func(r *usage.Record) *string { return &r.Revision }),
		text("error", func(r *usage.Record) *string { return &r.Error }),
		Column{"raw_usage", Bytes, false, rawUsage, func(r *usage.Record, c *cell) error { r.RawUsage = c.bytes; return nil }},
	)
}

// What is kept of a text that was not cut yet, in bytes: as much as the record's JSON keeps.
const (
	maxText = 256
	maxPath = 2 << 10
)

func identity(name string, at func(*usage.Record) *string) Column {
	return Column{name, ID, name == colID,
		func(r *usage.Record, _ any) any { return bytesOrNull(EncodeID(*at(r))) },
		func(r *usage.Record, c *cell) error { *at(r) = DecodeID(c.bytes); return nil }}
}

func began() Column {
	return Column{colTime, Whole, true,
		func(r *usage.Record, before any) any { return wholeOr(before, r.Time.UnixMilli()) },
		func(r *usage.Record, c *cell) error { r.Time = time.UnixMilli(c.whole).UTC(); return nil }}
}

func text(name string, at func(*usage.Record) *string) Column {
	return Column{name, Text, false,
		func(r *usage.Record, before any) any { return textOr(before, *at(r)) },
		func(r *usage.Record, c *cell) error { *at(r) = c.text; return nil }}
}

// reported is the column of a text that an answer reported.
func reported(f usage.Field) Column {
	return Column{f.String(), Text, false,
		func(r *usage.Record, before any) any { return textOr(before, r.Usage.Text(f)) },
		func(r *usage.Record, c *cell) error { r.Usage.SetText(f, c.text); return nil }}
}

// cut is a text that a client wrote, cut as the record's JSON cuts it.
func cut(name string, limit int, at func(*usage.Record) *string) Column {
	c := text(name, at)
	c.value = func(r *usage.Record, before any) any { return textOr(before, prefix(*at(r), limit)) }
	return c
}

func whole[N int | int64](name string, at func(*usage.Record) *N) Column {
	return Column{name, Whole, true,
		func(r *usage.Record, before any) any { return wholeOr(before, int64(*at(r))) },
		func(r *usage.Record, c *cell) error { *at(r) = N(c.whole); return nil }}
}

func truth(name string, at func(*usage.Record) *bool) Column {
	return Column{name, Whole, true,
		func(r *usage.Record, _ any) any {
			if *at(r) {
				return int64(1)
			}
			return int64(0)
		},
		func(r *usage.Record, c *cell) error { *at(r) = c.whole != 0; return nil }}
}

func micros(name string, at func(*usage.Record) *time.Duration) Column {
	return Column{name, Whole, true,
		func(r *usage.Record, before any) any {
			return wholeOr(before, at(r).Round(time.Microsecond).Microseconds())
		},
		func(r *usage.Record, c *cell) error { *at(r) = time.Duration(c.whole) * time.Microsecond; return nil }}
}

// labels are kept as one JSON object of texts.
func labels() Column {
	c := document(colLabels, func(r *usage.Record) *map[string]string { return &r.Labels })
	c.value = func(r *usage.Record, _ any) any {
		if kept := labelsOf(r); len(kept) > 0 {
			return jsonText(kept)
		}
		return nil
	}
	return c
}

// labelsOf are a record's labels as they are kept. What is empty is no label.
func labelsOf(r *usage.Record) map[string]string {
	kept := r.Labels
	for name, value := range r.Labels {
		if name != "" && value != "" && valid(name) == name && valid(value) == value {
			continue
		}
		if len(kept) == len(r.Labels) {
			kept = maps.Clone(kept)
		}
		delete(kept, name)
		if name, value = valid(name), valid(value); name != "" && value != "" {
			kept[name] = value
		}
	}
	return kept
}

// document is what is kept as JSON; NULL if it is empty.
func document[T map[string]string | []usage.Part | []string](name string, at func(*usage.Record) *T) Column {
	return Column{name, JSON, false,
		func(r *usage.Record, _ any) any {
			v := *at(r)
			if len(v) == 0 {
				return nil
			}
			return jsonText(v)
		},
		func(r *usage.Record, c *cell) error {
			if c.text == "" {
				return nil
			}
			return json.Unmarshal([]byte(c.text), at(r))
		}}
}

// number is the column of a number: of most, whole ones; of seconds and dollars, decimals. What a provider reported and its
// column cannot hold is kept among the other numbers.
func number(f usage.Field) Column {
	if isDecimal(f) {
		return Column{f.String(), Decimal, false,
			func(r *usage.Record, _ any) any {
				if n, ok := r.Usage.Number(f); ok && plain(f, n) {
					return n.Float()
				}
				return nil
			},
			func(r *usage.Record, c *cell) error {
				if !c.null {
					r.Usage.SetNumber(f, decimalOf(c.decimal))
				}
				return nil
			}}
	}
	return Column{f.String(), Whole, false,
		func(r *usage.Record, before any) any {
			if n, ok := r.Usage.Number(f); ok {
				if whole, fits := n.Int(); fits {
					return wholeOr(before, whole)
				}
			}
			return nil
		},
		func(r *usage.Record, c *cell) error {
			if !c.null {
				r.Usage.SetNumber(f, usage.Whole(c.whole))
			}
			return nil
		}}
}

func isDecimal(f usage.Field) bool { return f == usage.Seconds || f == usage.ReportedCostUSD }

// plain reports whether the column of a field holds that number exactly.
func plain(f usage.Field, n usage.Number) bool {
	whole, isWhole := n.Int()
	if !isDecimal(f) {
		return isWhole
	}
	return !isWhole || whole > -1<<53 && whole < 1<<53
}

// decimalOf is a number as its JSON would come back: whole if it has no fraction.
func decimalOf(f float64) usage.Number {
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return usage.Whole(int64(f))
	}
	return usage.Decimal(f)
}

// oddNumbers are the numbers that their columns cannot hold, as the JSON of a usage.
func oddNumbers(r *usage.Record, _ any) any {
	var odd *usage.Usage // as nearly no record has any
	for f := range usage.Fields() {
		if n, ok := r.Usage.Number(f); ok && !plain(f, n) {
			if odd == nil {
				odd = new(usage.Usage)
			}
			odd.SetNumber(f, n)
		}
	}
	if odd == nil {
		return nil
	}
	return jsonText(odd)
}

func setOddNumbers(r *usage.Record, c *cell) error {
	if c.null {
		return nil
	}
	var odd usage.Usage
	if err := odd.UnmarshalJSON([]byte(c.text)); err != nil {
		return err
	}
	for f := range usage.Fields() {
		if n, ok := odd.Number(f); ok {
			r.Usage.SetNumber(f, n)
		}
	}
	return nil
}

func priceID(r *usage.Record, before any) any {
	if r.Price == nil {
		return nil
	}
	return textOr(before, r.Price.ID)
}

func setPriceID(r *usage.Record, c *cell) error {
	if c.text != "" {
		r.Price = &usage.Price{ID: c.text}
	}
	return nil
}

func rawUsage(r *usage.Record, _ any) any { return bytesOrNull(r.RawUsage) }

// textOr is a text as a value, NULL if it is empty; the value before, if that is the same. Most texts are those of the record
// before, and a new value is memory to clean up.
func textOr(before any, s string) any {
	if s == "" {
		return nil
	}
	if b, ok := before.(string); ok && b == s {
		return before
	}
	return valid(s)
}

// wholeOr is a number as a value; the value before, if that is the same.
func wholeOr(before any, n int64) any {
	if b, ok := before.(int64); ok && b == n {
		return before
	}
	return n
}

// valid is a text from outside as every database can hold it: UTF-8, and without U+0000, which PostgreSQL refuses.
func valid(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s // as nearly all are
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
}

func bytesOrNull(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}

// prefix is at most limit bytes of a text, cut between two characters.
func prefix(s string, limit int) string {
	s = valid(s[:min(len(s), limit+utf8.UTFMax)])
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// jsonText is the JSON of what always encodes.
func jsonText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // our bug: nothing here can fail to encode
	}
	return string(b)
}

// cell is one value of a row, as a driver hands it over.
type cell struct {
	null    bool
	whole   int64
	decimal float64
	text    string
	bytes   []byte
}

// Scan takes a value over from database/sql.
func (c *cell) Scan(src any) error {
	*c = cell{null: src == nil}
	switch v := src.(type) {
	case nil:
	case int64:
		c.whole, c.decimal = v, float64(v)
	case float64:
		c.decimal = v
	case string:
		c.text = v
	case []byte:
		c.bytes = append([]byte(nil), v...) // it is only lent
		c.text = string(c.bytes)
	default:
		return fmt.Errorf("read column: unexpected %T", src)
	}
	return nil
}
