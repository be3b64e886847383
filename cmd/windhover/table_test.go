package main

import (
	"math"
	"strings"
	"testing"
)

func TestTableHasTextsOnTheLeftAndNumbersOnTheRight(t *testing.T) {
	t.Parallel()
	table := table{texts: 2, paint: func(row, column int, cell string) string {
		if row == 1 && column == 2 {
			return "[" + cell + "]"
		}
		return cell
	}}
	table.add("model", "team", "n")
	table.add("é", "(none)", "1,000")
	table.add("gpt-5", "", "7")
	var out strings.Builder
	table.write(&out)
	want := "model  team        n\né      (none)  [1,000]\ngpt-5              7\n"
	if out.String() != want {
		t.Errorf("table =\n%s, want\n%s", out.String(), want)
	}
}

func TestThousandsHaveCommas(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567", -999: "-999", math.MinInt64: "-9,223,372,036,854,775,808"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestPercentIsNothingOrAllOnlyWhereItIs(t *testing.T) {
	t.Parallel()
	for part, want := range map[int64]string{0: "0 %", 1: "<1 %", 99: "<1 %", 100: "1 %", 5000: "50 %", 9999: ">99 %", 10000: "100 %"} {
		if got := percent(part, 10000); got != want {
			t.Errorf("percent(%d, 10000) = %s, want %s", part, got, want)
		}
	}
	if got := percent(1, 0); got != "0 %" {
		t.Errorf("percent(1, 0) = %s, want 0 %%", got)
	}
}

// Clients choose the names of models: none may move the cursor of whoever looks at them.
func TestShownTextDoesNothingInATerminal(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                       "(none)",
		"gpt-5":                  "gpt-5",
		"\x1b[2J\a\r\n\u202ex":   "\ufffd[2J\ufffd\ufffd\ufffd\ufffdx",
		strings.Repeat("é", 100): strings.Repeat("é", 63) + "…",
	} {
		if got := shown(text); got != want {
			t.Errorf("shown(%q) = %q, want %q", text, got, want)
		}
	}
}
