package config

import (
	"fmt"
	"strings"
	"time"
)

// Duration is a time with its unit, as in `30s`, `15m` or `1h30m`. Set tells 0s from nothing at all.
type Duration struct {
	time.Duration
	Set bool
}

// Or is the duration, or d where the file gives none.
func (x Duration) Or(d time.Duration) time.Duration {
	if x.Set {
		return x.Duration
	}
	return d
}

// ParseDuration reads a time as the files write it: a number with its unit, never below zero. A bare number is an
// error: Go would read 30 as 30 nanoseconds, and its reader meant seconds.
func ParseDuration(s string) (time.Duration, error) {
	if s != "" && strings.Trim(s, "0123456789.") == "" {
		return 0, fmt.Errorf("%s has no unit; write %ss", quoted(s), s)
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%s is no duration; write it as in 30s, 15m or 1h30m", quoted(s))
	}
	if d < 0 {
		return 0, fmt.Errorf("%s is negative; write 0s to turn it off", quoted(s))
	}
	return d, nil
}
