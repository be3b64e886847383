package ledger

import (
	"strconv"
	"strings"
)

// USD is an amount in billionths of a dollar as dollars: exact, without zeros at its end, as in 0.000125 or 12.
func USD(nano int64) string { return strings.TrimRight(strings.TrimRight(FixedUSD(nano, 9), "0"), ".") }

// FixedUSD is an amount in billionths of a dollar with a number of decimals, 1 to 9, so that amounts can stand under one
// another. It is cut, not rounded: whoever wants all of it asks USDDecimals before.
func FixedUSD(nano int64, decimals int) string {
	digits := strconv.FormatUint(magnitude(nano), 10)
	if len(digits) < 10 {
		digits = strings.Repeat("0", 10-len(digits)) + digits
	}
	sign := ""
	if nano < 0 {
		sign = "-"
	}
	point := len(digits) - 9
	return sign + digits[:point] + "." + digits[point:point+decimals]
}

// USDDecimals is how many decimals an amount in billionths of a dollar needs.
func USDDecimals(nano int64) int {
	decimals := 9
	for n := magnitude(nano); decimals > 0 && n%10 == 0; n /= 10 {
		decimals--
	}
	return decimals
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n) // the smallest int64 has no positive of its own
	}
	return uint64(n)
}
