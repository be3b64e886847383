package config

import (
	"strconv"
	"unicode/utf8"
)

// maxQuoted bounds what a message repeats of a file's text, in bytes.
const maxQuoted = 80

// quoted is a file's text as a message shows it: as it stands where that cannot be misread, otherwise in double quotes
// with everything unprintable escaped; a long one is cut.
func quoted(s string) string {
	if len(s) > maxQuoted {
		cut := maxQuoted
		for cut > maxQuoted-utf8.UTFMax && !utf8.RuneStart(s[cut]) { // what is further from a character's start is none
			cut--
		}
		return strconv.Quote(s[:cut]) + "…"
	}
	if s == "" || !plain(s) {
		return strconv.Quote(s)
	}
	return s
}

// plain reports whether a text is one word that can stand in a sentence without quotes.
func plain(s string) bool {
	for _, r := range s {
		if r == ' ' || r == '"' || r == utf8.RuneError || !strconv.IsPrint(r) {
			return false
		}
	}
	return true
}
