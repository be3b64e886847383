package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"windhover/config"
)

// breaker counts how one upstream does: a model of a provider at one host. When too many attempts fail, it opens, and after a
// while lets one at a time try again. Whether anybody is refused meanwhile is the provider's to say: the state is the same.
//
// It is our own because of streams. An answer counts as a good one when its header is there, however long the rest takes, and
// as a failure in its place when the rest breaks off; what is decided long after an attempt began counts when it is decided.
// Breakers for calls know one outcome, in the window in which the call began.
type breaker struct {
	key      upstreamKey
	shown    upstreamKey // without secrets
	settings breakerSettings
	log      *slog.Logger
	opened   func()
	throttle throttle
	refused  atomic.Int64
	enforced atomic.Bool // the newest file has requests refused while it is open

	mu     sync.Mutex
	state  breakerState
	since  time.Time // when the state began
	recent window
	trial  int       // number of the newest trial
	tried  time.Time // when that began; zero: nobody is trying
	reason string    // of the newest failure
	failed time.Time // when that was
}

// breakerSettings say when a breaker opens, and for how long.
type breakerSettings struct {
	failures     int
	ratio        float64
	window, open time.Duration
}

// The settings of a breaker for which the file gives none.
const (
	defaultFailures = 5
	defaultRatio    = 0.5
	defaultWindow   = time.Minute
	defaultOpen     = 30 * time.Second
)

func newBreakerSettings(c config.Breaker) breakerSettings {
	return breakerSettings{
		failures: c.Failures.Or(defaultFailures),
		ratio:    c.Ratio.Or(defaultRatio),
		window:   c.Window.Or(defaultWindow),
		open:     c.Open.Or(defaultOpen),
	}
}

type breakerState string

const (
	breakerClosed   breakerState = "closed"    // everything passes
	breakerOpen     breakerState = "open"      // nothing does
	breakerHalfOpen breakerState = "half_open" // one at a time does
)

// verdict is what an attempt says about its upstream.
type verdict uint8

const (
	saysNothing verdict = iota // nothing: the client left, or the fault is its own
	saysGood
	saysFault
)

func newBreaker(key, shown upstreamKey, s breakerSettings, log *slog.Logger, opened func()) *breaker {
	return &breaker{key: key, shown: shown, settings: s, log: log, opened: opened, state: breakerClosed, since: time.Now(), recent: newWindow(s.window)}
}

// ticket is the leave of one attempt to go upstream.
type ticket struct {
	breaker *breaker // nil: nobody counts
	trial   int      // 0: it is none
	good    bool     // so it was told
}

// admit lets an attempt through. ok is false where the breaker is open; the ticket is of use all the same where nobody is refused.
func (b *breaker) admit() (t ticket, ok bool) {
	b.change(func(now time.Time) {
		t, ok = ticket{breaker: b}, true
		if b.state != breakerClosed {
			t.trial, ok = b.try(now)
		}
	})
	return t, ok
}

// try makes an attempt the trial, if it is time for one.
func (b *breaker) try(now time.Time) (trial int, ok bool) {
	if b.state == breakerOpen {
		if now.Sub(b.since) < b.settings.open {
			return 0, false
		}
		b.become(breakerHalfOpen, now)
	}
	// A trial that has no answer for as long as the breaker was open lets the next one try.
	if !b.tried.IsZero() && now.Sub(b.tried) < b.settings.open {
		return 0, false
	}
	b.tried = now
	b.trial++
	return b.trial, true
}

// tell says what is known of the attempt. It counts once; only that it is good can be taken back later.
func (t *ticket) tell(v verdict, reason string) {
	b := t.breaker
	if b == nil || v == saysGood && t.good {
		return
	}
	b.change(func(now time.Time) {
		if v == saysFault {
			b.reason, b.failed = reason, now
		}
		switch {
		case b.state == breakerClosed:
			b.count(v, t.good, now)
		case b.state == breakerHalfOpen && t.trial == b.trial:
			b.settle(v, now)
		}
	})
	if t.good = v == saysGood; !t.good {
		t.breaker = nil
	}
}

// change lets f look at the breaker and write it, and says outside of the lock what became of its state: a log may be slow.
func (b *breaker) change(f func(now time.Time)) {
	now := time.Now()
	b.mu.Lock()
	was := b.state
	f(now)
	is, reason := b.state, b.reason
	b.mu.Unlock()
	if is == was {
		return
	}
	level := slog.LevelInfo
	if is == breakerOpen {
		level = slog.LevelWarn
	}
	b.log.Log(context.Background(), level, "the breaker of an upstream is "+string(is), "provider", b.shown.provider, "host", b.shown.host,
		"model", b.shown.model, "was", string(was), "last_failure", reason, "refuses", is != breakerClosed && b.enforced.Load())
}

// count takes note of an attempt, and opens the breaker if it is one failure too many.
func (b *breaker) count(v verdict, counted bool, now time.Time) {
	if v == saysNothing {
		return
	}
	c := b.recent.at(now)
	if !counted {
		c.attempts++
	}
	if v == saysGood {
		return
	}
	c.failures++
	sum := b.recent.sum(now)
	if sum.failures >= b.settings.failures && float64(sum.failures) >= b.settings.ratio*float64(sum.attempts) {
		b.become(breakerOpen, now)
	}
}

// settle ends a trial.
func (b *breaker) settle(v verdict, now time.Time) {
	b.tried = time.Time{}
	switch v {
	case saysGood:
		b.become(breakerClosed, now)
	case saysFault:
		b.become(breakerOpen, now)
	}
}

func (b *breaker) become(s breakerState, now time.Time) {
	b.state, b.since, b.tried, b.recent = s, now, time.Time{}, newWindow(b.settings.window)
	if s == breakerOpen {
		b.opened()
	}
}

// refusal is the answer to a request that the breaker holds back.
func (b *breaker) refusal() *failure {
	b.refused.Add(1)
	b.mu.Lock()
	defer b.mu.Unlock()
	wait := time.Second // somebody is trying
	if b.state == breakerOpen {
		wait = max(wait, time.Until(b.since.Add(b.settings.open)))
	}
	return &failure{
		status: http.StatusServiceUnavailable, kind: "unavailable", code: "breaker_open", retryAfter: wholeSeconds(wait),
		message: fmt.Sprintf("%s gets no requests for now: too many failed, the last one %s ago with %s (breaker)", b.shown, time.Since(b.failed).Round(time.Second), b.reason),
	}
}

// patience is the answer to a request that the throttle holds back.
func (b *breaker) patience(rest time.Duration) *failure {
	b.refused.Add(1)
	return &failure{
		status: http.StatusTooManyRequests, kind: "throttled", code: "throttled", retryAfter: wholeSeconds(rest),
		message: fmt.Sprintf("%s gets no requests for now: it has asked for time (throttle)", b.shown),
	}
}

// wholeSeconds rounds up: who comes a moment too early has come for nothing.
func wholeSeconds(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}
