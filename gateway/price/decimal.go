package price

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
)

const (
	million = 1_000_000
	// picoDigits is the finest that a rate may be: a pico-dollar a unit.
	picoDigits = 12
	// factorDigits is the finest that a factor may be: a millionth.
	factorDigits = 6
	// maxFactor bounds a factor: no service tier costs a hundred times as much.
	maxFactor = 100
)

// maxRate bounds a rate, in atto-dollars a unit: 9 dollars. It keeps the sum of a record within 128 bits.
const maxRate = 9_000_000_000_000_000_000

// scaled is a decimal times 10^digits, exactly; ok is false where that leaves a fraction. The text is digits with or
// without a point.
func scaled(text string, digits int) (n *big.Int, ok bool) {
	whole, fraction, _ := strings.Cut(text, ".")
	fraction = strings.TrimRight(fraction, "0")
	if len(fraction) > digits {
		return nil, false
	}
	return new(big.Int).SetString(whole+fraction+strings.Repeat("0", digits-len(fraction)), 10)
}

// plain is a decimal as it is written in a row's JSON: the same number is the same text.
func plain(text string) string {
	whole, fraction, _ := strings.Cut(text, ".")
	whole = strings.TrimLeft(whole, "0")
	fraction = strings.TrimRight(fraction, "0")
	if whole == "" {
		whole = "0"
	}
	if fraction == "" {
		return whole
	}
	return whole + "." + fraction
}

// rate is what a unit costs in pico-dollars, of the number that the file gives: dollars for a million tokens, or for one
// of anything else.
func rate(u Unit, text string) (*big.Int, error) {
	digits, noun := picoDigits, "dollar a unit"
	if u.tokens() {
		digits, noun = picoDigits-6, "dollar for a million tokens"
	}
	n, ok := scaled(text, digits)
	if !ok {
		return nil, fmt.Errorf("%s %s is finer than 0.%s1 %s", u, text, strings.Repeat("0", digits-1), noun)
	}
	return n, nil
}

// factor is a factor in millionths.
func factor(text string) (*big.Int, error) {
	n, ok := scaled(text, factorDigits)
	switch {
	case !ok:
		return nil, fmt.Errorf("factor %s is finer than 0.000001", text)
	case n.Cmp(big.NewInt(maxFactor*million)) > 0:
		return nil, fmt.Errorf("factor %s is above %d; a factor is as in 0.5 for half the price", text, maxFactor)
	}
	return n, nil
}

// atto is a rate with its factors, in atto-dollars for what the unit is counted in: seconds are counted in millionths.
func atto(u Unit, pico *big.Int, factors ...*big.Int) (uint64, error) {
	n := new(big.Int).Set(pico)
	divisor := big.NewInt(1)
	if u != Second {
		n.Mul(n, big.NewInt(million))
	}
	for _, f := range factors {
		n.Mul(n, f)
		divisor.Mul(divisor, big.NewInt(million))
	}
	n, rest := n.QuoRem(n, divisor, new(big.Int))
	switch {
	case rest.Sign() != 0:
		return 0, fmt.Errorf("%s times its factors has no exact value; write a rate or a factor with fewer digits", u)
	case n.Cmp(new(big.Int).SetUint64(maxRate)) > 0:
		return 0, errors.New(u.String() + " is above 9 dollars a unit")
	}
	return n.Uint64(), nil
}
