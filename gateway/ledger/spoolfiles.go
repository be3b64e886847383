package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"windhover/gateway/usage"
)

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
	s.keepCopy() // whoever takes the segment in finds it there
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

// plain is a host's name as a part of a file's.
func plain(host string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' {
			return r
		}
		return '_'
	}, host)
}
