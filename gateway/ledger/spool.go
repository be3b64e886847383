package ledger

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"windhover/gateway/usage"
)

const (
	spoolName        = "spool"
	segmentExtension = ".jsonl"

	folderMode = 0o750
	fileMode   = 0o640

	// heldRecords may wait in memory while neither the store nor the spool takes them.
	heldRecords = 10_000

	// spoolRetry is how long the spool's disk is left alone after it has failed.
	spoolRetry = time.Second
)

// spool keeps batches in files until the store takes them: append-only segments in a folder that several gateways may
// share. What the disk does not take waits in memory.
type spool struct {
	folder string
	limit  int64 // bytes of all segments together
	owner  string
	logger *slog.Logger
	made   atomic.Int64 // segments

	mu      sync.Mutex
	direct  bool     // batches go to the store, and nothing is kept here but a copy
	insured int      // records of that copy, which is all of the current segment
	current *segment // nil: none is being written
	spare   *segment // what is written next; nil: it has to be made
	others  int64    // bytes of all other segments, when they were counted last
	held    []*usage.Record
	failure error     // why the disk took nothing last time; nil: it did
	retry   time.Time // when it is asked again
	losing  bool      // it was said that records are lost
	kept    int64     // records that went to a segment, in all
	dropped int64
	damaged int64
}

func newSpool(o Options) *spool {
	host, _ := os.Hostname()
	return &spool{
		folder: filepath.Join(o.Folder, spoolName),
		limit:  o.SpoolLimit,
		owner:  plain(host) + "-" + strconv.Itoa(os.Getpid()),
		logger: o.Logger,
	}
}

// keep keeps a batch, unless batches go to the store.
func (s *spool) keep(batch []*usage.Record) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.direct {
		return false
	}
	s.take(batch)
	return true
}

// fallBack keeps a batch, and from now on each one that follows.
func (s *spool) fallBack(batch []*usage.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.direct = false
	s.keepCopy()
	s.take(batch)
}

// insure keeps a copy of a batch that is on its way to the store, which may not get there before this process ends. It is false if
// it cannot.
func (s *spool) insure(batch []*usage.Record) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.direct || s.failure != nil || s.append(batch) != nil {
		return false
	}
	s.insured = len(batch)
	return true
}

// keepCopy makes the copy a part of the spool like any other.
func (s *spool) keepCopy() {
	s.kept += int64(s.insured)
	s.insured = 0
}

// landed lets go of the copy, as the store has the batch.
func (s *spool) landed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.insured == 0 {
		return
	}
	s.insured = 0
	if s.current.clear() != nil {
		s.rotate() // it is taken in with what is spooled next, and changes nothing
	}
}

// goDirect lets batches go to the store, if nothing is kept that has to go before them.
func (s *spool) goDirect() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if (s.current == nil || s.current.size == 0) && len(s.held) == 0 {
		s.direct = true
	}
	return s.direct
}

func (s *spool) isDirect() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.direct
}

// take keeps a batch behind what is held: in memory, from there on the disk, and what has no room in either is lost.
func (s *spool) take(batch []*usage.Record) {
	s.held = append(s.held, batch...)
	if s.failure == nil || !time.Now().Before(s.retry) {
		s.flush()
	}
	if over := len(s.held) - heldRecords; over > 0 {
		clear(s.held[heldRecords:])
		s.held = s.held[:heldRecords]
		s.lose(over)
	}
}

// flush writes what is held to the disk.
func (s *spool) flush() {
	for len(s.held) > 0 {
		some := s.held[:min(len(s.held), batchRecords)]
		if err := s.append(some); err != nil {
			s.fail(err)
			return
		}
		s.kept += int64(len(some))
		s.forget(len(some))
	}
	s.recover()
}

// forget lets go of the first n records that are held.
func (s *spool) forget(n int) {
	clear(s.held[:n]) // the array may live on
	s.held = s.held[n:]
	if len(s.held) == 0 {
		s.held = nil
	}
}

// waiting are the first records that are held in memory.
func (s *spool) waiting() []*usage.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.held[:min(len(s.held), batchRecords)])
}

// committed takes note that the store has what waiting returned. Where the disk has taken some of it meanwhile, the
// rest stays: the store keeps it once.
func (s *spool) committed(batch []*usage.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.held) >= len(batch) && s.held[0] == batch[0] {
		s.forget(len(batch))
	}
	if len(s.held) == 0 {
		s.losing = false
	}
}

func (s *spool) fail(err error) {
	news := s.failure == nil
	s.failure, s.retry = err, time.Now().Add(spoolRetry)
	if news {
		s.logger.Error("the ledger's spool cannot be written; records wait in memory, where there is room for some: free its disk, or make the folder writable",
			"spool", s.folder, "room", heldRecords, "error", err)
	}
}

func (s *spool) recover() {
	if s.failure == nil {
		return
	}
	s.failure = nil
	s.losing = false
	s.logger.Info("the ledger's spool works again", "spool", s.folder, "lost", s.dropped)
}

func (s *spool) lose(n int) {
	s.dropped += int64(n)
	if !s.losing {
		s.losing = true
		s.logger.Error("records are lost: neither the ledger, nor its spool, nor its memory has room for them", "spool", s.folder)
	}
}

// refused takes note of records that the store refuses for good.
func (s *spool) refused(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped += int64(n)
}

func (s *spool) status(to *Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	to.Held = len(s.held)
	to.SpoolBytes = s.others
	if s.current != nil && s.insured == 0 { // a copy waits for nothing
		to.SpoolBytes += s.current.size
	}
	if s.failure != nil {
		to.SpoolError = s.failure.Error()
	}
	to.Spooled, to.Dropped, to.Damaged = s.kept, s.dropped, s.damaged
}
