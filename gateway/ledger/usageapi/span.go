package usageapi

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"windhover/config"
)

// span is a half-open range of time: from is in it, to is not.
type span struct{ from, to time.Time }

// lastDay is how far back a range reaches that no beginning was given for.
const lastDay = 24 * time.Hour

// spanParameters are the names of a range: since and until, or from and to, which mean the same.
func spanParameters() []string { return []string{"since", "until", "from", "to"} }

// parseSpan reads a range. Without an end it ends now, without a beginning it begins a day before its end.
func parseSpan(values url.Values, now time.Time) (span, error) {
	s := span{to: roundUp(now)}
	since, begins, err := either(values, "since", "from")
	if err != nil {
		return s, err
	}
	until, ends, err := either(values, "until", "to")
	if err != nil {
		return s, err
	}
	if ends {
		if s.to, err = parseTime(until, now); err != nil {
			return s, &ParameterError{until.name, err.Error()}
		}
	}
	s.from = s.to.Add(-lastDay)
	if begins {
		if s.from, err = parseTime(since, now); err != nil {
			return s, &ParameterError{since.name, err.Error()}
		}
	}
	if !s.from.Before(s.to) {
		begin := "since"
		if begins {
			begin = since.name
		}
		return s, wrong(begin, "the range is empty: %s is not before its end, %s, which is not in it", stamp(s.from), stamp(s.to))
	}
	return s, nil
}

// named is a value and the parameter that it comes from.
type named struct{ name, value string }

// either is the value of a parameter that has two names.
func either(values url.Values, name, other string) (named, bool, error) {
	value, given, err := one(values, name)
	if err != nil {
		return named{}, false, err
	}
	second, both, err := one(values, other)
	switch {
	case err != nil:
		return named{}, false, err
	case given && both:
		return named{}, false, wrong(other, "it means the same as %s; give one of them", name)
	case both:
		return named{other, second}, true, nil
	}
	return named{name, value}, given, nil
}

// parseTime reads a point in time: an RFC 3339 time in any zone, the beginning of a date in UTC, or how long ago it was.
func parseTime(x named, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, repaired(x.value)); err == nil {
		return roundUp(t), nil
	}
	if t, err := time.Parse(time.DateOnly, x.value); err == nil {
		return t, nil
	}
	if x.value == "now" {
		return roundUp(now), nil
	}
	ago, err := parseAgo(x.value)
	return roundUp(now.Add(-ago)), err
}

// repaired is a time whose zone's + was read as a blank, as a query means it where the + was not encoded.
func repaired(text string) string {
	if strings.Contains(text, "T") {
		return strings.Replace(text, " ", "+", 1)
	}
	return text
}

// roundUp is a time in whole milliseconds, as records have theirs: the records from t on are those from roundUp(t) on.
func roundUp(t time.Time) time.Time {
	whole := t.UTC().Truncate(time.Millisecond)
	if whole.Before(t) {
		whole = whole.Add(time.Millisecond)
	}
	return whole
}

// stamp is a time as it is shown.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999Z07:00") }

// longestAgo is how long ago something can be said to have been: a century.
const longestAgo = 100 * 365 * lastDay

// parseAgo reads how long ago something was: what Go reads, behind a number of days if there is one, as in 7d or 1d12h.
func parseAgo(text string) (time.Duration, error) {
	number, rest, found := strings.Cut(text, "d")
	if !found {
		number, rest = "0", text
	}
	days, err := strconv.ParseUint(number, 10, 15)
	ago := time.Duration(days) * lastDay
	if err == nil && (rest != "" || !found) {
		var more time.Duration
		more, err = config.ParseDuration(rest)
		ago += more
	}
	switch {
	case strings.Trim(text, "0123456789") == "" && text != "":
		return 0, &unreadable{text, " has no unit; write it as in " + text + "h or " + text + "d"}
	case err != nil || text == "":
		return 0, &unreadable{text, " is no time; write it as in 2026-11-24, 2026-11-24T10:00:00Z, or 24h or 7d for that long ago"}
	case ago < 0 || ago > longestAgo: // below 0: the sum of both was too long even for Go
		return 0, &unreadable{text, " is more than a hundred years"}
	}
	return ago, nil
}

// unreadable is a text that says no time.
type unreadable struct{ text, problem string }

func (e *unreadable) Error() string { return strconv.Quote(e.text) + e.problem }
