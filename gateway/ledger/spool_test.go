package ledger

import (
	"log/slog"
	"testing"
)

// The writer may look through the spool while a batch waits for it that has a copy there.
func TestCopyThatIsTakenInFirstIsLeftToTheWriter(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := newSpool(Options{Folder: folder, SpoolLimit: 1 << 30, Logger: slog.New(slog.DiscardHandler)})
	defer s.end()
	if !s.goDirect() || !s.insure(records(0, 10)) {
		t.Fatal("a spool that holds nothing takes no copy")
	}
	s.close() // for what it holds to be taken in
	s.landed()
	var got Status
	s.status(&got)
	if spooled(t, folder) != 10 || got.Spooled != 10 || got.SpoolBytes == 0 {
		t.Errorf("%d records in the spool, status %+v; want that all 10 are spooled", spooled(t, folder), got)
	}
}
