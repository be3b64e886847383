package ledger

import (
	"sync"
	"time"
)

// State says where records go.
type State string

// The states.
const (
	Starting State = "starting" // to the spool: the store is being opened
	Writing  State = "writing"  // to the store
	Spooling State = "spooling" // to the spool: the store fails or does not keep up
	Waiting  State = "waiting"  // to the spool, from where another gateway takes them in: it holds the lock
	Off      State = "off"      // nowhere: no ledger is kept
)

// States are all states.
func States() []State { return []State{Starting, Writing, Spooling, Waiting, Off} }

// Status is how a ledger does.
type Status struct {
	State  State
	Since  time.Time
	Reason string // why the state is not writing; empty: it is

	Queued        int // records that wait for the collector
	QueueCapacity int
	Held          int    // records that wait in memory, because the spool fails too
	SpoolError    string // why; empty: it does not
	SpoolBytes    int64  // of all segments, those of other gateways in the same folder included

	// These are counted since the start.
	Written int64 // records that the store has committed, duplicates included
	Spooled int64 // records that went to the spool
	Dropped int64 // records that are lost: the queue or the spool and its memory were full, or the store refuses them for good
	Damaged int64 // lines of the spool that were no records: a process was killed, or its disk filled, while it wrote them
}

// Status is how the ledger does at the moment.
func (l *Ledger) Status() Status {
	if l == nil {
		return Status{State: Off}
	}
	s := l.condition.status()
	l.spool.status(&s)
	s.Queued, _ = l.queue.waiting()
	s.QueueCapacity = queueRecords
	s.Written = l.written.Load()
	s.Dropped += l.dropped.Load()
	return s
}

// enter changes the state, and says so where it is news.
func (l *Ledger) enter(state State, reason error) {
	from, lasted, news := l.condition.enter(state, reason)
	if !news {
		return
	}
	switch state {
	case Writing:
		l.logger.Info("the ledger is being written", "before", string(from), "for", lasted.Round(time.Millisecond).String())
	case Waiting:
		l.logger.Warn("another gateway writes the ledger in this data folder; it takes in what this one records, until it stops",
			"folder", l.options.Folder, "reason", reason)
	case Spooling:
		if l.options.SpoolFirst {
			l.logger.Error("the ledger's database takes no records; they wait in the spool until it does: no restart is needed",
				"spool", l.spool.folder, "error", reason)
			return
		}
		l.logger.Error("the ledger cannot be written; records wait in the spool until it can. Free its disk, unlock it, mend it or move it away: no restart is needed",
			"spool", l.spool.folder, "error", reason)
	}
}

// condition is the state of a ledger, and since when and why it is in it.
type condition struct {
	mu     sync.Mutex
	state  State
	since  time.Time
	reason error
}

// enter changes the state, and reports whether that is news. Another reason for the same state is none.
func (c *condition) enter(state State, reason error) (from State, lasted time.Duration, news bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reason = reason
	if c.state == state {
		return state, 0, false
	}
	now := time.Now()
	from, lasted = c.state, now.Sub(c.since)
	c.state, c.since = state, now
	return from, lasted, true
}

func (c *condition) now() (State, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state, c.reason
}

func (c *condition) status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Status{State: c.state, Since: c.since}
	if c.reason != nil {
		s.Reason = c.reason.Error()
	}
	return s
}
