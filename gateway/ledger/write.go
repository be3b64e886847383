package ledger

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"windhover/gateway/usage"
)

// slowCommit is how long a commit may take before the store counts as one that does not keep up.
const slowCommit = time.Second

// errSlow is the reason to spool where nothing fails.
var errSlow = errors.New("it takes too long to commit a batch")

// writer is what the writing goroutine knows. It alone calls the store, but for readers.
type writer struct {
	*Ledger
	unlock     func() // nil: the lock is not ours
	warned     bool   // of a network file system
	store      Store  // nil: it is not open
	file       fs.FileInfo
	unreadable bool // the spool is, which was said
	failures   int  // of the store, one after the other
	slow       bool // the last commit was
	expire     *time.Timer
}

// write brings batches to the store until the collector has ended and nothing is left.
func (l *Ledger) write() {
	defer close(l.ended)
	w := writer{Ledger: l, expire: time.NewTimer(expireFirst)}
	for w.rest(w.round()) {
	}
	w.finish()
}

// round does what there is to do and then serves the collector, as long as all goes well. It returns how long to wait
// before the next one.
func (w *writer) round() time.Duration {
	err := w.lock()
	if errors.Is(err, ErrLocked) {
		w.wait(err)
		return lookEvery
	}
	if err == nil {
		err = w.open()
	}
	if err == nil {
		err = w.takeIn()
	}
	switch {
	case err != nil:
		return w.fail(err)
	case w.slow:
		w.enter(Spooling, errSlow)
		return lookEvery
	}
	w.failures = 0
	w.enter(Writing, nil)
	if w.options.SpoolFirst {
		return shipEvery
	}
	if w.spool.goDirect() {
		if err := w.serve(); err != nil {
			return w.fail(err)
		}
	}
	return 0
}

// serve commits batches as the collector sends them, until the collector falls back to the spool or the store fails.
func (w *writer) serve() error {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case f := <-w.flights:
			err := w.commit(f.records)
			f.done <- err
			if err != nil {
				return err
			}
		case <-w.fellBack:
			return nil
		case j := <-w.jobs:
			w.do(j)
		case <-w.expire.C:
			w.expireSome()
		case <-look.C:
			if w.replaced() {
				w.spool.fallBack(nil)
				return nil
			}
			if _, err := w.takeSegments(); err != nil {
				return err
			}
			w.enter(Writing, nil) // the collector may have called the store slow a moment too late
		case <-w.collected:
			return nil
		}
	}
}

// rest waits, and does what else is asked meanwhile. It is false when the collector has ended.
func (w *writer) rest(d time.Duration) bool {
	over := time.NewTimer(d)
	defer over.Stop()
	for {
		var expire <-chan time.Time
		if state, _ := w.condition.now(); state == Writing {
			expire = w.expire.C
		}
		select {
		case <-w.collected:
			return false
		default:
		}
		select {
		case <-over.C:
			return true
		case j := <-w.jobs:
			w.do(j)
		case <-expire:
			w.expireSome()
		case <-w.collected:
			return false
		}
	}
}

// finish takes in what the spool has, if the store is at hand, and lets go of both.
func (w *writer) finish() {
	w.spool.close()
	if w.store == nil && len(w.spool.waiting()) > 0 && w.lock() == nil {
		_ = w.open() // the last chance of what only memory has
	}
	if w.store != nil {
		_ = w.takeIn() // Close says what is left
		w.closeStore()
	}
	w.spool.end()
	if w.unlock != nil {
		w.unlock()
	}
}

// lock makes this gateway the one that writes the store. If somebody has removed the file that says so, it begins anew.
func (w *writer) lock() error {
	if w.options.SpoolFirst {
		return nil
	}
	if w.unlock != nil {
		if _, err := os.Stat(filepath.Join(w.options.Folder, lockName)); !errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		w.unlock()
	}
	unlock, err := Lock(w.options.Folder)
	w.unlock = unlock
	if kind := networkFileSystem(w.options.Folder); kind != "" && !w.warned {
		w.warned = true
		w.logger.Warn("the data folder is on a network file system, where a ledger can break; choose a folder on a local disk with --data",
			"folder", w.options.Folder, "kind", kind)
	}
	return err
}

// wait leaves the store to the gateway that has locked it, and gives it what the spool holds.
func (w *writer) wait(reason error) {
	w.spool.close()
	_, _ = w.spool.segments() // to know how many are left
	w.enter(Waiting, reason)
	w.readBeside()
}

// readBeside answers questions from a store that this gateway cannot write, if it can be read.
func (w *writer) readBeside() {
	if w.options.OpenReader == nil || w.reading.current() != nil {
		return
	}
	if r, err := w.options.OpenReader(w.calls); err == nil {
		w.reading.set(r, r.Close)
	}
}

// open opens the store if it is not open, or if its file is another one now.
func (w *writer) open() error {
	if w.store != nil && w.replaced() {
		w.logger.Info("the ledger's file is another one now; it is opened again", "file", w.options.File)
		w.closeStore()
	}
	if w.store != nil {
		return nil
	}
	s, err := w.options.Open(w.calls)
	if err != nil {
		return err
	}
	w.store = s
	w.file, _ = os.Stat(w.options.File)
	w.reading.set(s, nil)
	return nil
}

// replaced reports whether the file that is open has no name any more, or another one has its name.
func (w *writer) replaced() bool {
	if w.options.File == "" || w.file == nil {
		return false
	}
	now, err := os.Stat(w.options.File)
	return errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(now, w.file)
}

func (w *writer) closeStore() {
	w.reading.set(nil, nil)
	if err := w.store.Close(); err != nil && w.calls.Err() == nil {
		w.logger.Warn("the ledger did not close well", "error", err)
	}
	w.store = nil
}

// commit has the store keep a batch.
func (w *writer) commit(batch []*usage.Record) error {
	ctx, cancel := context.WithTimeout(w.calls, callTimeout)
	defer cancel()
	began := time.Now()
	err := w.store.Write(ctx, batch)
	w.slow = time.Since(began) > slowCommit
	if err == nil {
		w.written.Add(int64(len(batch)))
	}
	return err
}

// fail falls back to the spool, and returns after what time to try again. From the second failure on, the store is opened
// again, too: what is wrong may be mended by another file in its place.
func (w *writer) fail(err error) time.Duration {
	w.spool.fallBack(nil)
	w.failures++
	if w.store != nil && w.failures > 1 {
		w.closeStore()
	}
	if w.calls.Err() == nil {
		w.enter(Spooling, err)
		w.readBeside()
	}
	return min(firstBackoff<<min(w.failures-1, 10), lastBackoff)
}

// do does a job of somebody else's with the store.
func (w *writer) do(j job) {
	if w.store == nil {
		j.done <- w.unavailable()
		return
	}
	ctx, cancel := context.WithCancel(j.ctx)
	defer cancel()
	defer context.AfterFunc(w.calls, cancel)()
	j.done <- j.do(ctx, w.store)
}

// expireSome deletes some of the records that are too old, and soon some more if there are.
func (w *writer) expireSome() {
	w.expire.Reset(expireEvery)
	if w.options.Retention == 0 || w.store == nil {
		return
	}
	ctx, cancel := context.WithTimeout(w.calls, callTimeout)
	defer cancel()
	more, err := w.store.Expire(ctx, time.Now().Add(-w.options.Retention))
	if err != nil {
		w.logger.Warn("records that are older than --retention cannot be deleted; trying again in an hour", "retention", w.options.Retention.String(), "error", err)
		return
	}
	if more {
		w.expire.Reset(batchAge)
	}
}
