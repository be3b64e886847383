package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// table prints rows in columns: texts from the left, and behind them numbers from the right.
type table struct {
	texts int // how many columns hold texts
	rows  [][]string
	paint func(row, column int, cell string) string // colours a cell that is as wide as its column; nil: none
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) write(w io.Writer) {
	var widths []int
	for _, cells := range t.rows {
		for i, cell := range cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for n, cells := range t.rows {
		var line strings.Builder
		for i, cell := range cells {
			blank := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i < t.texts {
				cell += blank
			} else {
				cell = blank + cell
			}
			if t.paint != nil {
				cell = t.paint(n, i, cell)
			}
			if i > 0 {
				line.WriteString("  ")
			}
			line.WriteString(cell)
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
}

// thousands is a number with commas.
func thousands(n int64) string {
	sign, digits := "", strconv.FormatInt(n, 10)
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// percent is a part of a whole. It is 0 or 100 only where that is exactly so.
func percent(part, whole int64) string {
	switch share := float64(part) / float64(whole) * 100; {
	case part == 0 || whole == 0:
		return "0 %"
	case share < 1:
		return "<1 %"
	case share > 99 && part < whole:
		return ">99 %"
	default:
		return strconv.FormatFloat(share, 'f', 0, 64) + " %"
	}
}

// maxShown is how much is shown of a text that clients choose.
const maxShown = 64

// shown is a text from outside as a terminal can have it: no sign in it does anything there.
func shown(text string) string {
	if text == "" {
		return "(none)"
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return utf8.RuneError
	}, text)
	if utf8.RuneCountInString(text) > maxShown {
		text = string([]rune(text)[:maxShown-1]) + "…"
	}
	return text
}
