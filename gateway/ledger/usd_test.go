package ledger

import (
	"math"
	"testing"
)

func TestUSDIsExact(t *testing.T) {
	t.Parallel()
	for nano, want := range map[int64]string{
		0: "0", 1: "0.000000001", -1: "-0.000000001", 10: "0.00000001", 125_000: "0.000125", 1e9: "1", 12e9: "12", 100e9: "100",
		1_234_567_891: "1.234567891", -1_500_000_000: "-1.5", math.MaxInt64: "9223372036.854775807", math.MinInt64: "-9223372036.854775808",
	} {
		if got := USD(nano); got != want {
			t.Errorf("USD(%d) = %s, want %s", nano, got, want)
		}
	}
}

func TestFixedUSDHasAsManyDecimalsAsAskedFor(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		nano     int64
		decimals int
		want     string
	}{{1e9, 2, "1.00"}, {0, 1, "0.0"}, {-1_234_567_891, 9, "-1.234567891"}, {1_999_999_999, 3, "1.999"}} {
		if got := FixedUSD(x.nano, x.decimals); got != x.want {
			t.Errorf("FixedUSD(%d, %d) = %s, want %s", x.nano, x.decimals, got, x.want)
		}
	}
}

func TestUSDDecimalsAreThoseThatAnAmountNeeds(t *testing.T) {
	t.Parallel()
	for nano, want := range map[int64]int{0: 0, 1: 9, 10: 8, 125_000: 6, 1_500_000_000: 1, 12e9: 0, 100e9: 0, -10: 8, math.MinInt64: 9} {
		if got := USDDecimals(nano); got != want {
			t.Errorf("USDDecimals(%d) = %d, want %d", nano, got, want)
		}
	}
}
