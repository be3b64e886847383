package gateway

import (
	"time"

	"windhover/gateway/usage"
)

// clock tells an exchange's own time from the time in which it waits for one of its sides: for the upstream to be reached,
// to answer and to send, for the client to send its body and to take the answer. For every piece of an answer it is read
// twice; what lies between a read that returns and the write of what it brought, a few timers, counts as waiting.
type clock struct {
	began   time.Time
	own     time.Duration // up to since
	since   time.Duration // when own time began to run, counted from began
	waiting bool

	last time.Duration // when the newest piece had passed; 0: none has
	gaps *usage.Gaps   // nil: no second piece has passed
}

func (c *clock) now() time.Duration { return time.Since(c.began) }

// wait says that from here on, which is now, the exchange waits.
func (c *clock) wait() (now time.Duration) {
	now = c.now()
	if !c.waiting {
		c.own, c.waiting = c.own+now-c.since, true
	}
	return now
}

// resume says that it does no longer.
func (c *clock) resume() {
	if c.waiting {
		c.since, c.waiting = c.now(), false
	}
}

// piece is resume when a piece of the answer has passed. It takes the time since the one before.
func (c *clock) piece() {
	now := c.now()
	if c.waiting {
		c.since, c.waiting = now, false
	}
	if c.last > 0 {
		if c.gaps == nil {
			c.gaps = new(usage.Gaps)
		}
		c.gaps.Add(now - c.last)
	}
	c.last = now
}

// stop is the exchange's own time at its end.
func (c *clock) stop() time.Duration {
	c.wait()
	return c.own
}
