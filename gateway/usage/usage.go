// Package usage reads from an answer what was used: rules are compiled at load, observe the body as it passes, and fill
// the record.
package usage

import (
	"iter"
	"math"
	"math/bits"
	"strings"
	"unicode/utf8"
)

// Number is what a provider reported for a field: a whole number exactly, or a decimal. It is not checked and may be
// impossible; Result.Doubts says so then.
type Number struct{ v value }

// Whole makes a Number of a whole one.
func Whole(n int64) Number { return Number{ofInt(n)} }

// Decimal makes a Number of a decimal. NaN and infinities become 0.
func Decimal(f float64) Number {
	v := ofFloat(f)
	if !v.there() {
		v = ofInt(0)
	}
	return Number{v}
}

// Int is the number, if it is whole and fits.
func (n Number) Int() (int64, bool) {
	if n.v.kind != integer {
		return 0, false
	}
	return n.v.n, true
}

// Float is the number as a decimal, exact up to 2^53.
func (n Number) Float() float64 { return n.v.float() }

// String is the number in digits, as it stands in JSON.
func (n Number) String() string { return n.v.text() }

// Usage is the numbers and texts that an answer reported. What it did not report is not there, which is not the same as
// zero. The zero value holds nothing. A number takes a word, and two bits say what it is: a record has room for all numbers
// that there are, is made for every request, and is a third of what it would be with a value for each.
type Usage struct {
	reported numberSet
	decimals numberSet           // which of them are decimals
	numbers  [numberFields]int64 // of a decimal, its bits
	texts    [allFields - numberFields]string
}

// numberSet is a set of fields that hold numbers, a bit each.
type numberSet uint32

func (s numberSet) has(f Field) bool { return s&(1<<f) != 0 }

// all are the fields of the set, in their order.
func (s numberSet) all() iter.Seq[Field] {
	return func(yield func(Field) bool) {
		for ; s != 0; s &= s - 1 {
			if !yield(Field(bits.TrailingZeros32(uint32(s)))) {
				return
			}
		}
	}
}

// number is what was reported for a field that holds numbers; nothing if nothing was.
func (u *Usage) number(f Field) value {
	switch {
	case !u.reported.has(f):
		return value{}
	case u.decimals.has(f):
		return value{kind: decimal, n: u.numbers[f]}
	}
	return ofInt(u.numbers[f])
}

// setNumber reports a number, or nothing, for a field that holds numbers.
func (u *Usage) setNumber(f Field, v value) {
	u.reported &^= 1 << f
	u.decimals &^= 1 << f
	u.numbers[f] = v.n
	if v.there() {
		u.reported |= 1 << f
	}
	if v.kind == decimal {
		u.decimals |= 1 << f
	}
}

// Number is the field's number, and whether one was reported.
func (u *Usage) Number(f Field) (Number, bool) {
	if !f.Number() {
		return Number{}, false
	}
	return Number{u.number(f)}, u.reported.has(f)
}

// Text is the field's text; empty if none was reported.
func (u *Usage) Text(f Field) string {
	if f.Number() || f >= allFields {
		return ""
	}
	return u.texts[f-numberFields]
}

// SetNumber reports a number for a field that holds numbers.
func (u *Usage) SetNumber(f Field, n Number) {
	if f.Number() {
		u.setNumber(f, n.v)
	}
}

// SetText reports a text for a field that holds text, cut to 256 bytes of valid UTF-8.
func (u *Usage) SetText(f Field, s string) {
	if !f.Number() && f < allFields {
		u.texts[f-numberFields] = Clean(s, maxText)
	}
}

// set reports what a rule found, if the field can hold it.
func (u *Usage) set(f Field, v value) {
	switch {
	case !v.there():
	case f.Number():
		u.setNumber(f, v)
	default:
		u.texts[f-numberFields] = v.s
	}
}

// shapeFor is the value as the field holds it: a number, whole where the field counts and the value is; or a text, cut and
// copied, as what it came from may be lent. What the field cannot hold is nothing.
func shapeFor(f Field, v value) value {
	if !f.Number() {
		if s := v.text(); s != "" {
			return ofText(Clean(s, maxText))
		}
		return value{}
	}
	v = v.number()
	if f.whole() && v.kind == decimal {
		return whole(v)
	}
	return v
}

// whole is a decimal as an integer if it is one, as 12.0 is, which Cohere writes.
func whole(v value) value {
	if x := v.float(); math.Abs(x) < maxExact && x == math.Trunc(x) {
		return ofInt(int64(x))
	}
	return v
}

// HasNumbers reports whether any field holds a number.
func (u *Usage) HasNumbers() bool { return u.reported != 0 }

// MarshalJSON is one flat object of the fields that were reported.
func (u Usage) MarshalJSON() ([]byte, error) {
	o := newObject()
	o.text(Model.String(), u.Text(Model))
	u.write(o)
	return o.end(), nil
}

// write adds the fields to an object, but for the model, which records name in front.
func (u *Usage) write(o *object) {
	for f := range u.reported.all() {
		o.raw(f.String(), u.number(f).text())
	}
	o.text(ServiceTier.String(), u.Text(ServiceTier))
	o.text(ResponseID.String(), u.Text(ResponseID))
	o.text(Region.String(), u.Text(Region))
}

// maxText is how much is kept of a text that comes from outside, in bytes.
const maxText = 256

// Clean is a text from outside, safe to keep: valid UTF-8, at most limit bytes, cut between two characters.
func Clean(s string, limit int) string {
	s = strings.Clone(s[:min(len(s), limit+utf8.UTFMax)])
	s = strings.ToValidUTF8(s, "\ufffd")
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// Part is one of several parts that an answer was made of, each priced on its own, as Anthropic's `usage.iterations`. A
// part without a model was made by the answer's model.
type Part struct {
	Usage
}
