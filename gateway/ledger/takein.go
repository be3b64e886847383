package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"windhover/gateway/usage"
)

const (
	// siftAfter is after how many failures in a row single records are suspected: a store that refuses one of them would
	// otherwise refuse every batch that it is in, for ever.
	siftAfter = 3

	// siftFailures is after how many further ones it is the store that is at fault. Halving a batch down to some bad
	// records in a row takes fewer.
	siftFailures = 50

	// refusedName is the spool's file for what the store refuses for good. Nothing reads it again.
	refusedName = "refused.json-lines"
)

// takeIn brings what the spool holds to the store, the oldest first. Where batches can go to the store directly, it goes on
// until nothing is left; where the spool always comes first, until what was there has been taken in.
func (w *writer) takeIn() error {
	w.slow = false
	for {
		w.spool.close()
		segments, err := w.takeSegments()
		if err != nil {
			return err
		}
		held, err := w.takeHeld()
		if err != nil {
			return err
		}
		if w.options.SpoolFirst || segments+held == 0 || w.slow {
			return nil
		}
	}
}

// takeSegments takes in all segments that nobody writes, and returns how many records they had.
func (w *writer) takeSegments() (records int, err error) {
	paths, err := w.spool.segments()
	if err != nil { // it is not the store that fails
		if !w.unreadable {
			w.logger.Error("the ledger's spool cannot be read", "spool", w.spool.folder, "error", err)
		}
		w.unreadable = true
		return 0, nil
	}
	w.unreadable = false
	in := intake{spool: w.spool, paths: paths}
	defer in.close()
	for !in.ended() {
		batch := in.next(intakeRecords)
		if len(batch) > 0 {
			if err := w.commitOrSift(batch); err != nil {
				return records, err
			}
		}
		in.committed()
		records += len(batch)
		select {
		case j := <-w.jobs:
			w.do(j)
		default:
		}
	}
	return records, nil
}

// takeHeld takes in what waits in memory.
func (w *writer) takeHeld() (records int, err error) {
	for {
		batch := w.spool.waiting()
		if len(batch) == 0 {
			return records, nil
		}
		if err := w.commitOrSift(batch); err != nil {
			return records, err
		}
		w.spool.committed(batch)
		records += len(batch)
	}
}

// commitOrSift has the store keep a batch, in pieces if it has refused the whole too often.
func (w *writer) commitOrSift(batch []*usage.Record) error {
	if w.failures < siftAfter {
		return w.commit(batch)
	}
	s := sifting{writer: w}
	s.sift(batch)
	if s.gaveUp || s.good == nil {
		return s.last
	}
	var refused []*usage.Record
	for _, r := range s.refused {
		if s.last = w.commit([]*usage.Record{r}); s.last != nil { // the store may have failed only until now
			refused = append(refused, r)
		}
	}
	if len(refused) == 0 {
		return nil
	}
	if err := w.commit([]*usage.Record{s.good}); err != nil { // it changes nothing, but shows that the store works
		return err
	}
	return w.refuse(refused, s.last)
}

// sifting finds the records of a batch that the store refuses, by halving it.
type sifting struct {
	*writer
	good    *usage.Record // one that the store took; nil: none
	failed  int           // in a row
	last    error
	refused []*usage.Record
	gaveUp  bool // it is the store that fails
}

func (s *sifting) sift(batch []*usage.Record) {
	if s.gaveUp {
		return
	}
	err := s.commit(batch)
	switch {
	case err == nil:
		s.good, s.failed = batch[0], 0
		return
	case len(batch) == 1:
		s.refused = append(s.refused, batch[0])
	}
	s.failed++
	s.last = err
	s.gaveUp = s.failed >= siftFailures || s.calls.Err() != nil
	if len(batch) > 1 {
		s.sift(batch[:len(batch)/2])
		s.sift(batch[len(batch)/2:])
	}
}

// refuse keeps what the store refuses in a file of its own, for a person to look at.
func (w *writer) refuse(records []*usage.Record, reason error) error {
	path := filepath.Join(w.spool.folder, refusedName)
	if err := os.MkdirAll(w.spool.folder, folderMode); err != nil {
		return fmt.Errorf("keep refused records: %w", errors.Join(reason, err))
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, fileMode)
	if err != nil {
		return fmt.Errorf("keep refused records: %w", errors.Join(reason, err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("keep refused records: %w", errors.Join(reason, err))
	}
	s := segment{file: f, size: info.Size(), prices: map[string]bool{}}
	if err := s.append(records); err != nil {
		return fmt.Errorf("keep refused records: %w", errors.Join(reason, err))
	}
	w.spool.refused(len(records))
	w.logger.Error("the ledger refuses records for good; they are kept in a file beside it and counted as lost",
		"file", path, "records", len(records), "first", records[0].ID, "error", reason)
	return nil
}
