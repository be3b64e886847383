package price

import (
	"math"
	"math/bits"
	"strconv"
)

// nano is how many atto-dollars a nano-dollar has.
const nano = 1_000_000_000

// amount is a sum of money in atto-dollars. It is exact as long as it has not overflowed.
type amount struct {
	hi, lo   uint64
	overflow bool
}

// add adds what count units cost at a rate.
func (a *amount) add(count, rate uint64) {
	hi, lo := bits.Mul64(count, rate)
	var carry uint64
	a.lo, carry = bits.Add64(a.lo, lo, 0)
	a.hi, carry = bits.Add64(a.hi, hi, carry)
	a.overflow = a.overflow || carry != 0
}

// nanoUSD is the amount in nano-dollars, half a one to the even side. ok is false where that is more than 64 bits can hold.
func (a *amount) nanoUSD() (n int64, ok bool) {
	if a.overflow || a.hi >= nano {
		return 0, false
	}
	q, rest := bits.Div64(a.hi, a.lo, nano)
	if rest > nano/2 || rest == nano/2 && q&1 == 1 {
		q++
	}
	if q > math.MaxInt64 {
		return 0, false
	}
	return int64(q), true
}

// nanoOf is a number of dollars in nano-dollars, half a one to the even side. The number is taken as its shortest digits:
// what a provider wrote, and not the binary fraction that it became.
func nanoOf(usd float64) (n int64, ok bool) {
	var buffer [400]byte
	text := strconv.AppendFloat(buffer[:0], usd, 'f', -1, 64)
	digits, rest, behind := -1, 0, false // fraction digits taken; what the digit behind them is, and whether more follow
	for _, c := range text {
		switch {
		case c == '.':
			digits = 0
		case c < '0' || c > '9':
			return 0, false
		case digits < 9:
			if n > (math.MaxInt64-9)/10 {
				return 0, false
			}
			n = n*10 + int64(c-'0')
			if digits >= 0 {
				digits++
			}
		case digits == 9:
			rest, digits = int(c-'0'), 10
		default:
			behind = behind || c != '0'
		}
	}
	for digits = max(digits, 0); digits < 9; digits++ {
		if n > math.MaxInt64/10 {
			return 0, false
		}
		n *= 10
	}
	if rest > 5 || rest == 5 && (behind || n&1 == 1) {
		n++
	}
	return n, true
}
