package ledger

import (
	"time"

	"windhover/gateway/usage"
)

// flight is a batch on its way to the store.
type flight struct {
	records []*usage.Record
	since   time.Time  // when its first record came
	done    chan error // what the store said of it
	insured bool       // the spool has a copy
}

// collector is what the collecting goroutine knows.
type collector struct {
	*Ledger
	due *time.Timer // when what waits is old enough to go

	flight  *flight     // nil: none
	overdue *time.Timer // when it is too old, or what has come since then is
	slow    *time.Timer // when it is worth a word that the store has not come back to batches
}

// slowSay is how long the store may be busy until that is logged: every disk takes a second now and then.
const slowSay = 2 * time.Second

// collect gathers records until Close, and then until none is left.
func (l *Ledger) collect() {
	defer close(l.collected)
	c := collector{Ledger: l, due: stoppedTimer(), overdue: stoppedTimer(), slow: stoppedTimer()}
	for c.step() {
	}
	c.finish()
}

// step waits for the next thing to happen. It is false when nothing more will come.
func (c *collector) step() bool {
	var landed chan error
	if c.flight != nil {
		landed = c.flight.done
	}
	select {
	case <-c.queue.wake:
		c.dispatch()
	case <-c.due.C:
		c.dispatch()
	case err := <-landed:
		c.land(err)
	case <-c.overdue.C:
		if !c.insure() {
			c.slow.Reset(slowSay)
			c.fallBack()
		}
	case <-c.slow.C:
		c.saySlow()
	case <-c.closing:
		return false
	}
	return true
}

// dispatch sends what waits to where batches go at the moment, if it is a whole batch or old enough, and otherwise comes back
// when it is. While another batch is in flight, it waits on.
func (c *collector) dispatch() {
	for c.flight == nil {
		n, since := c.queue.waiting()
		early := batchAge - time.Duration(n)*commitTime - time.Since(since)
		switch {
		case n == 0:
			return
		case n < batchRecords && early > 0:
			c.due.Reset(early)
			return
		}
		c.send(c.queue.take())
	}
}

// send sends a batch.
func (c *collector) send(batch []*usage.Record, since time.Time) {
	if c.spool.keep(batch) {
		return
	}
	c.flight = &flight{records: batch, since: since, done: make(chan error, 1)}
	c.overdue.Reset(time.Until(since.Add(commitAge)))
	c.flights <- c.flight
}

// land takes note of what became of the batch in flight.
func (c *collector) land(err error) {
	if err != nil {
		c.fallBack()
		return
	}
	c.spool.landed()
	c.flight = nil
	c.overdue.Stop()
	c.dispatch()
}

// insure gives the spool a copy of the batch in flight, so that the store may take its time with it: as long as what has come
// since is not too old either. A gateway with more to do than its processors can is late with every batch, and to spool and
// take in all of them would keep it busier still. It is false if there is a copy already, or cannot be one.
func (c *collector) insure() bool {
	if c.flight.insured || !c.spool.insure(c.flight.records) {
		return false
	}
	c.flight.insured = true
	since := time.Now()
	if n, first := c.queue.waiting(); n > 0 {
		since = first
	}
	c.overdue.Reset(time.Until(since.Add(commitAge)))
	return true
}

// fallBack gives the batch in flight to the spool, and all that follow. If the store takes it all the same, it has it twice
// and keeps it once.
func (c *collector) fallBack() {
	select {
	case <-c.flights: // the writer did not come to it
	default:
	}
	if c.flight.insured {
		c.spool.fallBack(nil)
	} else {
		c.spool.fallBack(c.flight.records)
	}
	c.flight = nil
	c.overdue.Stop()
	c.dispatch()
	select {
	case c.fellBack <- struct{}{}:
	default:
	}
}

// saySlow says that the store does not keep up, unless it is known by now, or it does.
func (c *collector) saySlow() {
	if state, _ := c.condition.now(); state == Writing && !c.spool.isDirect() && !c.options.SpoolFirst {
		c.enter(Spooling, errSlow)
	}
}

// finish sends on what is in the queue when the ledger is closed.
func (c *collector) finish() {
	for {
		if c.flight != nil {
			select {
			case err := <-c.flight.done:
				c.land(err)
			case <-c.overdue.C:
				c.fallBack()
			}
			continue
		}
		if n, _ := c.queue.waiting(); n == 0 {
			return
		}
		batch, _ := c.queue.take()
		c.send(batch, time.Now())
	}
}

func stoppedTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}
