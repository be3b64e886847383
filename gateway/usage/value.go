package usage

import (
	"math"
	"strconv"
	"strings"
)

// kind says what a value is.
type kind uint8

const (
	nothing kind = iota // unknown, which is never zero
	boolean
	integer
	decimal
	text
)

// value is what an expression yields. The zero value is nothing. It is passed by value, so that no evaluation allocates, and is
// four words long, which the compiler keeps in registers.
type value struct {
	kind kind
	n    int64  // of an integer; 1 is true; the bits of a decimal
	s    string // of a text
}

func ofInt(n int64) value { return value{kind: integer, n: n} }

// ofFloat is nothing for what is no number: NaN and the infinities, as of x/0.
func ofFloat(f float64) value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return value{}
	}
	return value{kind: decimal, n: int64(math.Float64bits(f))}
}

func ofText(s string) value { return value{kind: text, s: s} }

func ofBool(b bool) value {
	if b {
		return value{kind: boolean, n: 1}
	}
	return value{kind: boolean}
}

// maxNumeral bounds a number's text, in bytes.
const maxNumeral = 64

// parseNumber reads a decimal numeral: whole ones stay exact, all others are decimals. Anything else is nothing, also
// what strconv would take: Inf, NaN, hexadecimal, underscores.
func parseNumber(s string) value {
	if s == "" || len(s) > maxNumeral {
		return value{}
	}
	if n, ok := digits(s); ok {
		return ofInt(n)
	}
	whole := true
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9', c == '-', c == '+':
		case c == '.', c == 'e', c == 'E':
			whole = false
		default:
			return value{}
		}
	}
	if whole {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return ofInt(n)
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return value{}
	}
	return ofFloat(f)
}

// digits is a numeral of digits alone, as nearly all are, if it surely fits.
func digits(s string) (n int64, ok bool) {
	if len(s) > 18 {
		return 0, false
	}
	for i := range len(s) {
		if !isDigit(s[i]) {
			return 0, false
		}
		n = 10*n + int64(s[i]-'0')
	}
	return n, true
}

// there reports whether the value is not nothing.
func (v value) there() bool { return v.kind != nothing }

// truth is false for nothing, and for what is no truth value.
func (v value) truth() bool { return v.kind == boolean && v.n == 1 }

// number is the value as a number: numeric text, which is what a header holds, counts as one.
func (v value) number() value {
	switch v.kind {
	case integer, decimal:
		return v
	case text:
		return parseNumber(strings.TrimSpace(v.s))
	}
	return value{}
}

// text is the value as text; a truth value is none.
func (v value) text() string {
	switch v.kind {
	case integer:
		return strconv.FormatInt(v.n, 10)
	case decimal:
		return strconv.FormatFloat(v.float(), 'f', -1, 64)
	case text:
		return v.s
	}
	return ""
}

// float is a number's value as a decimal.
func (v value) float() float64 {
	if v.kind == integer {
		return float64(v.n)
	}
	return math.Float64frombits(uint64(v.n))
}

// add is a + b; a sum too large for an integer becomes a decimal.
func add(a, b value) value {
	if a.kind == integer && b.kind == integer {
		if sum := a.n + b.n; (sum > a.n) == (b.n > 0) {
			return ofInt(sum)
		}
	}
	return ofFloat(a.float() + b.float())
}

// subtract is a - b.
func subtract(a, b value) value {
	if a.kind == integer && b.kind == integer {
		if difference := a.n - b.n; (difference < a.n) == (b.n > 0) {
			return ofInt(difference)
		}
	}
	return ofFloat(a.float() - b.float())
}

// multiply is a * b.
func multiply(a, b value) value {
	if a.kind == integer && b.kind == integer {
		if a.n == 0 || b.n == 0 {
			return ofInt(0)
		}
		product := a.n * b.n
		if product/b.n == a.n && !(a.n == -1 && b.n == math.MinInt64) && !(b.n == -1 && a.n == math.MinInt64) {
			return ofInt(product)
		}
	}
	return ofFloat(a.float() * b.float())
}

// divide is a / b, a decimal always; nothing when b is 0.
func divide(a, b value) value { return ofFloat(a.float() / b.float()) }

// compare orders two numbers.
func compare(a, b value) int {
	if a.kind == integer && b.kind == integer {
		switch {
		case a.n < b.n:
			return -1
		case a.n > b.n:
			return 1
		}
		return 0
	}
	switch x, y := a.float(), b.float(); {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// equal compares two values that are there. Values of different kinds are not equal; a whole and a decimal number may be.
func equal(a, b value) bool {
	switch {
	case a.isNumber() && b.isNumber():
		return compare(a, b) == 0
	case a.kind != b.kind:
		return false
	case a.kind == text:
		return a.s == b.s
	}
	return a.n == b.n
}

func (v value) isNumber() bool { return v.kind == integer || v.kind == decimal }
