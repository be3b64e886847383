package ledger

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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
	direct  bool     // batches go to the store, and nothing is kept here
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

// plain is a host's name as a part of a file's.
func plain(host string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' {
			return r
		}
		return '_'
	}, host)
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
	s.take(batch)
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

func (s *spool) append(records []*usage.Record) error {
	if s.current != nil && s.current.size >= segmentBytes {
		s.rotate()
	}
	if s.current == nil {
		if err := s.begin(); err != nil {
			return err
		}
	}
	if used := s.others + s.current.size; used >= s.limit {
		return fmt.Errorf("the spool has reached its limit of %d bytes", s.limit)
	}
	return s.current.append(records)
}

// begin begins the next segment.
func (s *spool) begin() error {
	next := s.spare
	s.spare = nil
	if next == nil || !owned(next.file) { // somebody may have removed it
		made, err := s.make()
		if err != nil {
			return err
		}
		next = made
	}
	s.current = next
	_, err := s.list() // the limit is on all of them
	return err
}

// prepare makes the next segment in advance, so that who keeps a batch has nothing to do but to write it: a busy disk can
// take tenths of a second to make a file. What goes wrong here shows when the segment is needed.
func (s *spool) prepare() {
	s.mu.Lock()
	ready := s.spare != nil || s.failure != nil
	s.mu.Unlock()
	if ready {
		return
	}
	next, err := s.make()
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spare = next // only the writer prepares
}

// make makes a segment that others leave alone.
func (s *spool) make() (*segment, error) {
	if err := os.MkdirAll(s.folder, folderMode); err != nil {
		return nil, fmt.Errorf("make the spool's folder: %w", err)
	}
	for {
		// The names of one gateway, and mostly those of several, are in the order of time.
		name := fmt.Sprintf("%019d-%s-%d%s", time.Now().UnixNano(), s.owner, s.made.Add(1), segmentExtension)
		f, err := os.OpenFile(filepath.Join(s.folder, name), os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, fileMode)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("begin a segment of the spool: %w", err)
		}
		if owned(f) {
			return &segment{file: f, prices: map[string]bool{}}, nil
		}
		f.Close() // somebody has taken it in between the two calls, empty as it was
	}
}

// owned locks a segment, unless somebody else has, or has removed it.
func owned(f *os.File) bool {
	free, err := flock(f)
	if err != nil || !free {
		return false
	}
	opened, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(f.Name())
	return err == nil && os.SameFile(opened, named)
}

// close ends the current segment, so that it can be taken in.
func (s *spool) close() {
	s.prepare()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rotate()
}

func (s *spool) rotate() {
	if s.current == nil || s.current.size == 0 {
		return
	}
	s.others += s.current.size
	_ = s.current.file.Close() // what was written has been seen to; nothing is buffered here
	s.current = nil
}

// end closes the current segment, and leaves none that is empty.
func (s *spool) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rotate()
	for _, empty := range []*segment{s.current, s.spare} {
		if empty != nil {
			_ = os.Remove(empty.file.Name())
			_ = empty.file.Close()
		}
	}
	s.current, s.spare = nil, nil
}

// segments are the paths of all segments, the oldest first.
func (s *spool) segments() ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list()
}

// list lists the segments, and counts their bytes.
func (s *spool) list() ([]string, error) {
	entries, err := os.ReadDir(s.folder)
	if errors.Is(err, os.ErrNotExist) {
		s.others = 0
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the spool: %w", err)
	}
	var paths []string
	s.others = 0
	if s.current != nil {
		s.others = -s.current.size
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), segmentExtension) {
			continue
		}
		if info, err := e.Info(); err == nil { // it is gone otherwise
			s.others += info.Size()
			paths = append(paths, filepath.Join(s.folder, e.Name()))
		}
	}
	slices.Sort(paths)
	return paths, nil
}

// removed takes note of a segment that was taken in.
func (s *spool) removed(size, damaged int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.others = max(0, s.others-size)
	s.damaged += damaged
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
	if s.current != nil {
		to.SpoolBytes += s.current.size
	}
	if s.failure != nil {
		to.SpoolError = s.failure.Error()
	}
	to.Spooled, to.Dropped, to.Damaged = s.kept, s.dropped, s.damaged
}
