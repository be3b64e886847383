package config

import (
	"testing"
	"time"
)

func TestParseDurationReadsTimesWithUnit(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]time.Duration{
		"0s": 0, "30s": 30 * time.Second, "15m": 15 * time.Minute, "1h30m": 90 * time.Minute, "250ms": 250 * time.Millisecond, "1.5s": 1500 * time.Millisecond,
	} {
		got, err := ParseDuration(in)
		if err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %v, %v, want %v", in, got, err, want)
		}
	}
}

func TestParseDurationSaysTheForm(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"30":        "30 has no unit; write 30s",
		"0":         "0 has no unit; write 0s",
		"1.5":       "1.5 has no unit; write 1.5s",
		"-5s":       "-5s is negative; write 0s to turn it off",
		"5 minutes": `"5 minutes" is no duration; write it as in 30s, 15m or 1h30m`,
		"1d":        "1d is no duration; write it as in 30s, 15m or 1h30m",
		"":          `"" is no duration; write it as in 30s, 15m or 1h30m`,
	} {
		if _, err := ParseDuration(in); err == nil || err.Error() != want {
			t.Errorf("ParseDuration(%q) = %v, want %v", in, err, want)
		}
	}
}

func TestDurationOrTellsZeroFromNothing(t *testing.T) {
	t.Parallel()
	if got := (Duration{}).Or(time.Minute); got != time.Minute {
		t.Errorf("Duration{}.Or(1m) = %v, want 1m", got)
	}
	if got := (Duration{Set: true}).Or(time.Minute); got != 0 {
		t.Errorf("Duration{Set: true}.Or(1m) = %v, want 0s", got)
	}
}
