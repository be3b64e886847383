package config

import (
	"testing"
	"time"
)

func TestResilienceIsRead(t *testing.T) {
	t.Parallel()
	file := loadGood(t, "resilience.yaml")
	primary, secondary, tertiary := file.Providers["primary"], file.Providers["secondary"], file.Providers["tertiary"]

	equal(t, "primary.Fault", primary.Fault.Value, `status >= 500 or first("error.type") == "overloaded_error"`)
	equal(t, "primary.Retry.Attempts", primary.Retry.Attempts.Or(0), 3)
	equal(t, "primary.Retry.On", primary.Retry.On.Value, "status == 429 or status == 503")
	equal(t, "primary.Retry.Backoff", primary.Retry.Backoff.Or(0), 250*time.Millisecond)
	equal(t, "primary.Retry.MaxWait", primary.Retry.MaxWait.Or(0), 20*time.Second)
	equal(t, "primary.RetryBuffer", primary.RetryBuffer, ByteSize{4 << 20, true})
	equal(t, "primary.Health.Check", primary.Health.Check.Value, "GET /v1/models")
	equal(t, "secondary.Health.Interval", secondary.Health.Interval.Or(0), 10*time.Second)
	equal(t, "secondary.Fallback.On", secondary.Fallback.On.Value, "status == 529 and elapsed < 10")
	equal(t, "secondary.RetryBuffer", secondary.RetryBuffer.Or(7), Size(7))
	equal(t, "tertiary.Fallback.To", len(tertiary.Fallback.To), 0)
}

// A provider's own keys lie over the defaults one by one, also where a text alone gives the mode.
func TestBreakersLieOverTheDefaultsKeyByKey(t *testing.T) {
	t.Parallel()
	file := loadGood(t, "resilience.yaml")
	type breaker struct {
		mode         string
		failures     int
		ratio        float64
		window, open time.Duration
		throttle     string
		max          time.Duration
	}
	for name, want := range map[string]breaker{
		"primary":   {ModeEnforce, 3, .25, 2 * time.Minute, 15 * time.Second, ModeEnforce, 5 * time.Minute},
		"secondary": {ModeWatch, 3, .25, 0, 0, "", 5 * time.Minute},
		"tertiary":  {ModeOff, 3, .25, 0, 0, ModeOff, 5 * time.Minute},
	} {
		b, th := file.Providers[name].Breaker, file.Providers[name].Throttle
		got := breaker{b.Mode.Value, b.Failures.Or(0), b.Ratio.Or(0), b.Window.Or(0), b.Open.Or(0), th.Mode.Value, th.Max.Or(0)}
		equal(t, name, got, want)
	}
}
