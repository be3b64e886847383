package usage

import "testing"

func TestCountableTakesWhatCannotBeAsZeroAndAPartAsNoMoreThanItsTotal(t *testing.T) {
	t.Parallel()
	u := new(Usage)
	u.SetNumber(InputTokens, Whole(100))
	u.SetNumber(CacheReadTokens, Whole(120))
	u.SetNumber(CacheWriteTokens, Whole(40))
	u.SetNumber(CacheWrite5mTokens, Whole(50))
	u.SetNumber(OutputTokens, Whole(-7))
	u.SetNumber(ReasoningTokens, Whole(3))
	u.SetNumber(Images, Whole(1<<60))
	u.SetNumber(Searches, Decimal(1.5))
	u.SetNumber(Seconds, Decimal(1.5))
	for f, want := range map[Field]string{
		InputTokens:        "100",
		CacheReadTokens:    "100",
		CacheWriteTokens:   "40",
		CacheWrite5mTokens: "40",
		CacheWrite1hTokens: "0",
		OutputTokens:       "0",
		ReasoningTokens:    "0",
		Images:             "0",
		Searches:           "0",
		Seconds:            "1.5",
		Pages:              "0",
		Model:              "0",
	} {
		if got := u.Countable(f).String(); got != want {
			t.Errorf("Countable(%v) = %s, want %s", f, got, want)
		}
	}
}

func TestCountableTakesAPartWithoutItsTotalAsItIs(t *testing.T) {
	t.Parallel()
	u := new(Usage)
	u.SetNumber(ReasoningTokens, Whole(3))
	if got := u.Countable(ReasoningTokens).String(); got != "3" {
		t.Errorf("Countable = %s, want 3", got)
	}
}

func TestANumberTakesThePlaceOfTheOneBefore(t *testing.T) {
	t.Parallel()
	var u, want Usage
	u.SetNumber(Seconds, Decimal(1.5))
	u.SetNumber(Seconds, Whole(2))
	u.SetNumber(ReportedCostUSD, Whole(1))
	u.SetNumber(ReportedCostUSD, Decimal(0.25))
	u.SetNumber(Pages, Whole(7))
	u.SetNumber(Pages, Number{})
	want.SetNumber(Seconds, Whole(2))
	want.SetNumber(ReportedCostUSD, Decimal(0.25))
	if u != want {
		t.Errorf("usage = %+v, want %+v", u, want)
	}
	if n, _ := u.Number(ReportedCostUSD); n.Float() != 0.25 {
		t.Errorf("reported_cost_usd = %v, want 0.25", n)
	}
}
