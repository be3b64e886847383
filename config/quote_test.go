package config

import (
	"strings"
	"testing"
)

func TestQuotedShowsWordsAsTheyAre(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"upstraem":                    "upstraem",
		"X-Schlüssel":                 "X-Schlüssel",
		"":                            `""`,
		"two words":                   `"two words"`,
		"a\nb":                        `"a\nb"`,
		"\u202e":                      `"\u202e"`,
		"a\xffb":                      `"a\xffb"`,
		strings.Repeat("a", 100):      `"` + strings.Repeat("a", 80) + `"…`,
		"a" + strings.Repeat("é", 60): `"a` + strings.Repeat("é", 39) + `"…`,
		strings.Repeat("\xb3", 81):    `"` + strings.Repeat(`\xb3`, 76) + `"…`,
	} {
		if got := quoted(in); got != want {
			t.Errorf("quoted(%q) = %s, want %s", in, got, want)
		}
	}
}
