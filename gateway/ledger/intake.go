package ledger

import (
	"errors"
	"io"
	"os"

	"windhover/gateway/usage"
)

// unreadableExtension is put behind the name of a segment that the disk does not give back, so that it is not in the way.
const unreadableExtension = ".unreadable"

// openSegments is how many segments may be open at a time: their locks have to last until their records are committed.
const openSegments = 64

// intake reads segments that nobody writes, one after the other as if they were one. A segment is removed when all of it
// has been committed.
type intake struct {
	spool *spool
	paths []string // yet to be read, the oldest first

	reading *claimed   // nil: none
	read    []*claimed // to the end, but not committed
}

// claimed is a segment that only we take in: its lock is ours.
type claimed struct {
	*segmentReader
	file *os.File
}

// ended reports whether all has been read.
func (in *intake) ended() bool { return in.reading == nil && len(in.paths) == 0 }

// next is the next records, up to n.
func (in *intake) next(n int) []*usage.Record {
	batch := make([]*usage.Record, 0, n)
	for len(batch) < n && len(in.read) < openSegments {
		if in.reading == nil && !in.claim() {
			break
		}
		r, err := in.reading.next()
		if err == nil {
			batch = append(batch, r)
			continue
		}
		if errors.Is(err, io.EOF) {
			in.read = append(in.read, in.reading)
		} else {
			in.setAside(err)
		}
		in.reading = nil
	}
	return batch
}

// claim opens the next segment that is not being written or taken in.
func (in *intake) claim() bool {
	for len(in.paths) > 0 {
		path := in.paths[0]
		in.paths = in.paths[1:]
		f, err := os.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			continue // somebody else took it in
		}
		if err != nil {
			in.spool.logger.Error("a segment of the ledger's spool cannot be read; it stays where it is", "segment", path, "error", err)
			continue
		}
		if owned(f) {
			in.reading = &claimed{newSegmentReader(f), f}
			return true
		}
		f.Close()
	}
	return false
}

// setAside gives up the rest of a segment that cannot be read, and keeps it for somebody who can mend the disk.
func (in *intake) setAside(err error) {
	path := in.reading.file.Name()
	in.spool.logger.Error("a segment of the ledger's spool cannot be read to its end; it is kept under another name",
		"segment", path+unreadableExtension, "error", err)
	_ = os.Rename(path, path+unreadableExtension)
	in.reading.file.Close()
}

// committed removes the segments of which everything that next returned is in the store.
func (in *intake) committed() {
	for _, c := range in.read {
		var size int64
		if info, err := c.file.Stat(); err == nil {
			size = info.Size()
		}
		path := c.file.Name()
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			in.spool.logger.Error("a segment of the ledger's spool was taken in, but cannot be removed", "segment", path, "error", err)
		}
		if c.damaged > 0 {
			in.spool.logger.Warn("the spool held lines that are no records: a process was killed, or its disk full, when it wrote them",
				"segment", path, "lines", c.damaged)
		}
		c.file.Close()
		in.spool.removed(size, c.damaged)
	}
	in.read = nil
}

// close lets go of what was not committed.
func (in *intake) close() {
	if in.reading != nil {
		in.reading.file.Close()
	}
	for _, c := range in.read {
		c.file.Close()
	}
}
