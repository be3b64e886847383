package main

import (
	"io"
	"sync/atomic"
	"time"
)

const (
	outboxLines = 8192     // lines that may wait
	outboxBatch = 64 << 10 // bytes after which a write is due, though more lines wait
	outboxClose = 5 * time.Second
	outboxSay   = time.Minute // at most this often it is said that lines were lost
)

// outbox writes lines in order without ever holding up who hands them in: a goroutine of its own does the writing, and
// when it cannot keep up (a pipe that nobody reads, a full disk), lines are dropped and counted.
type outbox struct {
	lines  chan []byte
	lost   atomic.Int64  // in all
	said   atomic.Int64  // of them
	closed chan struct{} // Close was called
	idle   chan struct{} // the writer has ended
	torn   bool          // the last write broke off, perhaps within a line
}

// newOutbox starts an outbox to out. Say is told of lost lines, at most once in every interval.
func newOutbox(out io.Writer, say func(lost int64), interval time.Duration) *outbox {
	o := &outbox{
		lines:  make(chan []byte, outboxLines),
		closed: make(chan struct{}),
		idle:   make(chan struct{}),
	}
	go o.write(out)
	go o.sayLost(say, interval)
	return o
}

// Put hands in one line with its line break. It must not be changed afterwards.
func (o *outbox) Put(line []byte) {
	select {
	case o.lines <- line:
	default:
		o.lost.Add(1)
	}
}

// Close writes what waits, unless that takes too long, and ends the outbox. It returns the number of lines that were lost
// and not said yet.
func (o *outbox) Close() (lost int64) {
	close(o.closed)
	select {
	case <-o.idle:
	case <-time.After(outboxClose):
		o.lost.Add(int64(len(o.lines)))
	}
	return o.unsaid()
}

// Lost is the number of lines that were lost so far.
func (o *outbox) Lost() int64 { return o.lost.Load() }

// unsaid is the number of lines that were lost since it was asked last.
func (o *outbox) unsaid() int64 {
	lost := o.lost.Load()
	return lost - o.said.Swap(lost)
}

func (o *outbox) write(out io.Writer) {
	defer close(o.idle)
	for {
		select {
		case line := <-o.lines:
			o.batch(out, line)
		case <-o.closed:
			for len(o.lines) > 0 {
				o.batch(out, <-o.lines)
			}
			return
		}
	}
}

// batch writes a line and those that wait behind it in one go.
func (o *outbox) batch(out io.Writer, first []byte) {
	var batch []byte
	if o.torn {
		batch = append(batch, '\n')
	}
	batch = append(batch, first...)
	count := int64(1)
	for len(batch) < outboxBatch && len(o.lines) > 0 {
		batch = append(batch, <-o.lines...)
		count++
	}
	n, err := out.Write(batch)
	if err != nil {
		o.lost.Add(count)
		o.torn = o.torn || n > 0
		return
	}
	o.torn = false
}

// sayLost has a goroutine of its own because the writer may be stuck.
func (o *outbox) sayLost(say func(lost int64), interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if lost := o.unsaid(); lost > 0 {
				say(lost)
			}
		case <-o.closed:
			return
		}
	}
}
