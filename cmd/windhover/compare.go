package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"

	"windhover/gateway/usage"
)

// absent is how a report shows what is not there.
const absent = "nothing"

// difference is a field that is not what it should be.
type difference struct {
	field     usage.Field
	value     any // what was read, as usage.json would list it
	got, want string
	by        string // what decided the value; empty if there is none
}

func (d difference) String() string {
	text := fmt.Sprintf("%s: got %s, want %s", d.field, d.got, d.want)
	if d.by != "" {
		text += " (" + d.by + ")"
	}
	return text
}

// blame says of each wrong value where it comes from.
func blame(differences []difference, tracer *usage.Tracer) {
	for i, d := range differences {
		if origin, ok := tracer.Origin(d.field); ok {
			differences[i].by = origin.String()
		}
	}
}

// expected is what usage.json lists. A value is a text, a json.Number, or nil for a field that must not be there.
type expected map[usage.Field]any

func readExpected(path string) (expected, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read expected usage: %w", err)
	}
	e, err := parseExpected(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", usageFile, err)
	}
	return e, nil
}

func parseExpected(data []byte) (expected, error) {
	var values map[string]any
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(&values); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("more follows after the object")
	}
	e := expected{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		field, ok := usage.ParseField(name)
		if !ok {
			return nil, unknownField(name)
		}
		if !fits(field, values[name]) {
			return nil, fmt.Errorf("%s cannot be %v", name, values[name])
		}
		e[field] = values[name]
	}
	return e, nil
}

func unknownField(name string) error {
	var known []string
	for field := range usage.Fields() {
		known = append(known, field.String())
	}
	return fmt.Errorf("unknown field %s%s", name, didYouMean(name, known))
}

// fits reports whether a value of usage.json is of the field's kind.
func fits(field usage.Field, value any) bool {
	switch value.(type) {
	case nil:
		return true
	case json.Number:
		return field.Number()
	case string:
		return !field.Number()
	}
	return false
}

// counted are the fields that must not be there unless they are listed: a number too many is as wrong as one too few.
func counted(f usage.Field) bool {
	switch f {
	case usage.InputTokens, usage.OutputTokens, usage.CacheReadTokens, usage.CacheWriteTokens, usage.ReasoningTokens,
		usage.InputAudioTokens, usage.OutputAudioTokens:
		return true
	}
	return false
}

// compareUsage is every field that differs, in the order of the fields. What is listed must match, and a listed 0 may be
// absent; of what is not listed only the counts of tokens must be absent or 0. Where want is nil nothing is known, and all
// that was read differs.
func compareUsage(got *usage.Usage, want expected) []difference {
	var differences []difference
	for field := range usage.Fields() {
		value, listed := want[field]
		if !listed && !counted(field) && want != nil {
			continue
		}
		if have := reported(got, field); !same(have, value) {
			differences = append(differences, difference{field: field, value: have, got: show(have), want: show(value)})
		}
	}
	return differences
}

// reported is a field as usage.json would list it.
func reported(u *usage.Usage, field usage.Field) any {
	if n, ok := u.Number(field); ok {
		return json.Number(n.String())
	}
	if s := u.Text(field); s != "" {
		return s
	}
	return nil
}

func same(got, want any) bool {
	if isZero(got) && isZero(want) || got == want {
		return true
	}
	g, gotNumber := got.(json.Number)
	w, wantNumber := want.(json.Number)
	return gotNumber && wantNumber && sameNumber(string(g), string(w))
}

// isZero reports whether nothing was used: 0 and nothing are the same where usage is compared.
func isZero(v any) bool {
	n, ok := v.(json.Number)
	if !ok {
		return v == nil
	}
	f, err := n.Float64()
	return err == nil && f == 0
}

// sameNumber compares whole numbers exactly, and decimals but for what their spelling in binary adds.
func sameNumber(got, want string) bool {
	g, err1 := strconv.ParseInt(got, 10, 64)
	w, err2 := strconv.ParseInt(want, 10, 64)
	if err1 == nil && err2 == nil {
		return g == w
	}
	x, err1 := strconv.ParseFloat(got, 64)
	y, err2 := strconv.ParseFloat(want, 64)
	return err1 == nil && err2 == nil && math.Abs(x-y) <= 1e-9*math.Max(math.Abs(x), math.Abs(y))
}

func show(v any) string {
	switch v := v.(type) {
	case nil:
		return absent
	case string:
		return strconv.Quote(v)
	}
	return fmt.Sprint(v)
}
