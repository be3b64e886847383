package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"windhover/gateway/ledger"
	"windhover/gateway/usage"
)

func TestDuplicatesChangeNothing(t *testing.T) {
	t.Parallel()
	s := open(t)
	mustWrite(t, s, plains(0, 10)...)
	other := plain(3)
	other.CostNanoUSD, other.Provider, other.Checkpoint = 5, "anthropic", true
	mustWrite(t, s, append(plains(0, 12), plain(11), other)...)
	a := mustSum(t, s, ledger.Question{GroupBy: []ledger.Dimension{ledger.ByProvider}})
	if len(a.Rows) != 1 || a.Total[ledger.Requests] != 12 || a.Total[ledger.CostNanoUSD] != 12_000 {
		t.Errorf("answer = %+v, want 12 requests at one provider for 12000", a)
	}
}

// The gateway makes the file before its tables.
func TestEmptyFileIsNoLedgerYet(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	want := "open ledger " + path + ": it has no tables of a ledger; start the gateway once, which makes them"
	if _, err := OpenReader(t.Context(), path); err == nil || err.Error() != want {
		t.Errorf("OpenReader = %v, want %s", err, want)
	}
}

func TestFilesAreNotForEverybody(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	mustWrite(t, s, plain(1))
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm()&0o007 != 0 {
			t.Errorf("%s: %v (%v), want nothing for others", name, info, err)
		}
	}
}

func TestCheckpointIsReplacedByWhatCameLater(t *testing.T) {
	t.Parallel()
	s := open(t)
	session := func(minutes int, checkpoint bool) *usage.Record {
		rec := plain(1)
		rec.Checkpoint, rec.Final, rec.Duration = checkpoint, !checkpoint, time.Duration(minutes)*time.Minute
		rec.CostNanoUSD = int64(minutes)
		return rec
	}
	for _, step := range []struct {
		rec  *usage.Record
		cost int64
	}{
		{session(1, true), 1}, {session(3, true), 3}, {session(2, true), 3}, // a spool is read again
		{session(4, false), 4}, {session(5, true), 4}, {session(6, false), 4},
	} {
		mustWrite(t, s, step.rec)
		for _, by := range []ledger.Dimension{ledger.ByKey, ledger.ByModel, ledger.ByHour} {
			a := mustSum(t, s, ledger.Question{GroupBy: []ledger.Dimension{by}})
			if a.Total[ledger.CostNanoUSD] != step.cost || a.Total[ledger.Attempts] != 1 {
				t.Errorf("after %v, checkpoint %t: by %s %+v, want a cost of %d", step.rec.Duration, step.rec.Checkpoint, by, a, step.cost)
			}
		}
	}
}

// TestCutWriteLeavesNothing gives writes more and more time, until some are done in it.
func TestCutWriteLeavesNothing(t *testing.T) {
	t.Parallel()
	s := open(t)
	cut, kept := 0, 0
	for patience := 100 * time.Microsecond; kept < 5 && patience < time.Minute; patience += patience / 4 {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		err := s.Write(ctx, plains(kept*500, kept*500+500))
		cancel()
		if err == nil {
			kept++
		} else if cut++; !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if got := requests(t, s); got != int64(kept)*500 {
			t.Fatalf("%d requests are counted after %d batches, want %d", got, kept, kept*500)
		}
	}
	if cut == 0 || kept == 0 {
		t.Errorf("%d writes were cut and %d kept, want some of both", cut, kept)
	}
}

func TestPriceOfAWriteThatFailedIsKeptByTheNext(t *testing.T) {
	t.Parallel()
	s := open(t)
	run := func(statement string) {
		t.Helper()
		if _, err := s.writer.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	run("CREATE TRIGGER full BEFORE INSERT ON rollups BEGIN SELECT raise(ABORT, 'no more'); END")
	rec := plain(1)
	rec.Price = &usage.Price{ID: "gpt-5#1", Row: []byte(`{"input": 1.25}`)}
	if err := s.Write(t.Context(), []*usage.Record{rec}); err == nil {
		t.Fatal("the write did not fail")
	}
	run("DROP TRIGGER full")
	mustWrite(t, s, rec)
	got, err := s.Record(t.Context(), rec.ID)
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Price.Row) != string(rec.Price.Row) {
		t.Errorf("row of the price = %q, want %q", got.Price.Row, rec.Price.Row)
	}
}

func TestLockedFileIsNamed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	holder := openAt(t, path)
	s, err := Open(t.Context(), path, Options{BusyTimeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = holder.transact(t.Context(), func() error {
		err := s.Write(t.Context(), plains(0, 3))
		want := "write 3 records: another program holds the file: database is locked (5) (SQLITE_BUSY)"
		if !errors.Is(err, ErrLocked) || err.Error() != want {
			t.Errorf("Write: %v, want %s", err, want)
		}
		if got := requests(t, s); got != 0 {
			t.Errorf("%d requests are counted, want none", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, s, plains(0, 3)...)
}

func TestWaitForALockEndsWithItsContext(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	holder, s := openAt(t, path), openAt(t, path)
	err := holder.transact(t.Context(), func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		began := time.Now()
		err := s.Write(ctx, plains(0, 3))
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > 4*time.Second {
			t.Errorf("Write: %v after %v, want the context's end at once", err, took)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, s, plains(0, 3)...)
}

func TestNewerTablesAreRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	s := openAt(t, path)
	if _, err := s.writer.ExecContext(t.Context(), `INSERT INTO schema_version (version) VALUES (9)`); err != nil {
		t.Fatal(err)
	}
	want := "open ledger " + path + ": it was written by a newer Windhover: its tables have version 9, and this one knows 1; run that version or a newer one"
	if _, err := Open(t.Context(), path, Options{}); err == nil || err.Error() != want {
		t.Errorf("Open: %v, want %s", err, want)
	}
	if _, err := OpenReader(t.Context(), path); err == nil || err.Error() != want {
		t.Errorf("OpenReader: %v, want %s", err, want)
	}
}

func TestFileThatIsNoLedgerIsNamed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	want := "open ledger " + path + ": the file is corrupt, or no ledger; move it away, with the -wal and -shm files beside it, and a new one is begun: file is not a database (26)"
	if _, err := Open(t.Context(), path, Options{}); !errors.Is(err, ErrCorrupt) || err.Error() != want {
		t.Errorf("Open: %v, want %s", err, want)
	}
	if _, err := OpenReader(t.Context(), path); !errors.Is(err, ErrCorrupt) || err.Error() != want {
		t.Errorf("OpenReader: %v, want %s", err, want)
	}
	if content, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(content), "not a database") {
		t.Errorf("the file was changed: %.20q, %v", content, err)
	}
}

func TestCorruptPagesAreNamed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, s, plains(0, 2000)...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	overwrite(t, path, 16<<10) // the tables are defined in the first page, which stays
	s, err = Open(t.Context(), path, Options{})
	if err == nil {
		defer s.Close()
		err = s.Write(t.Context(), plains(2000, 2010))
	}
	if !errors.Is(err, ErrCorrupt) {
		t.Errorf("Open and Write: %v, want %v", err, ErrCorrupt)
	}
}

// overwrite fills a file with nonsense from an offset on.
func overwrite(t *testing.T, path string, offset int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte(strings.Repeat("\xa5", int(info.Size()-offset))), offset); err != nil {
		t.Fatal(err)
	}
}

func TestFullFileIsNamedAndGoesOnWhenThereIsSpace(t *testing.T) {
	t.Parallel()
	s := open(t)
	pages := func(most int) {
		var now int
		if err := s.writer.QueryRowContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", most)).Scan(&now); err != nil {
			t.Fatal(err)
		}
	}
	pages(60)
	kept, err := fill(t, s)
	want := "write 100 records: the disk is full; free some space: database or disk is full (13)"
	if !errors.Is(err, ErrFull) || err.Error() != want {
		t.Errorf("Write: %v, want %s", err, want)
	}
	pages(1 << 20)
	mustWrite(t, s, plains(kept, kept+100)...)
	if got := requests(t, s); got != int64(kept+100) {
		t.Errorf("%d requests are counted, want %d", got, kept+100)
	}
}

// fill writes until that fails, and counts what was kept.
func fill(t *testing.T, s *Store) (kept int, err error) {
	t.Helper()
	for ; kept < 100_000; kept += 100 {
		if err := s.Write(t.Context(), plains(kept, kept+100)); err != nil {
			return kept, err
		}
	}
	return kept, nil
}

func TestFullDiskIsNamed(t *testing.T) {
	t.Parallel()
	folder := tmpfs(t, "size=2m")
	path := filepath.Join(folder, "ledger.db")
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	kept, err := fill(t, s)
	if !errors.Is(err, ErrFull) {
		t.Errorf("Write: %v, want %v", err, ErrFull)
	}
	if got := requests(t, s); got != int64(kept) {
		t.Errorf("%d requests are counted, want %d", got, kept)
	}
}

func TestFolderThatCannotBeWrittenIsReadAllTheSame(t *testing.T) {
	t.Parallel()
	folder := tmpfs(t, "size=8m")
	path := filepath.Join(folder, "ledger.db")
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, s, plains(0, 7)...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mount(t, "-o", "remount,ro", folder)
	r, err := OpenReader(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got := requests(t, r); got != 7 {
		t.Errorf("%d requests are counted, want 7", got)
	}
	if _, err := Open(t.Context(), path, Options{}); !errors.Is(err, ErrReadOnly) && !errors.Is(err, ErrNoAccess) {
		t.Errorf("Open: %v, want %v", err, ErrReadOnly)
	}
}

// tmpfs is a small file system of the test's own. It needs a user who may mount.
func tmpfs(t *testing.T, options string) string {
	t.Helper()
	folder := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", options, "tmpfs", folder).CombinedOutput(); err != nil {
		t.Skipf("no file system can be mounted here: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", folder).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return folder
}

func mount(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("mount", args...).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v: %s", err, out)
	}
}

func TestReaderSeesWhatAWriterCommits(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a # folder's 100 % ledger?.db")
	s := openAt(t, path)
	r, err := OpenReader(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for n := range 5 {
		mustWrite(t, s, plains(n*10, n*10+10)...)
		if got := requests(t, r); got != int64(n*10+10) {
			t.Errorf("%d requests are counted, want %d", got, n*10+10)
		}
	}
	if _, err := r.db.ExecContext(t.Context(), "DELETE FROM records"); err == nil {
		t.Error("the reader can delete records")
	}
}

func TestReaderNeedsNoWriter(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	_, err := OpenReader(t.Context(), path)
	if want := "open ledger " + path + ": stat " + path + ": no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("OpenReader: %v, want %s", err, want)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("OpenReader made the file: %v", err)
	}
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, s, plains(0, 3)...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := OpenReader(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got := requests(t, r); got != 3 {
		t.Errorf("%d requests are counted, want 3", got)
	}
}

func TestReadersSeeWholeBatchesWhileOneWrites(t *testing.T) {
	t.Parallel()
	s := open(t)
	writing, done := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 6 {
		readers.Go(func() {
			for writing.Err() == nil {
				a, err := s.Sum(t.Context(), ledger.Question{GroupBy: []ledger.Dimension{ledger.ByKey, ledger.ByHour}})
				if err != nil || a.Total[ledger.Requests]%50 != 0 {
					t.Errorf("Sum = %d requests, %v, want whole batches of 50", a.Total[ledger.Requests], err)
					return
				}
				if err := s.Scan(t.Context(), ledger.Filter{}, ledger.Cursor{}, func(*usage.Record) bool { return true }); err != nil {
					t.Errorf("Scan: %v", err)
					return
				}
			}
		})
	}
	for n := range 30 {
		mustWrite(t, s, plains(n*50, n*50+50)...)
	}
	done()
	readers.Wait()
}

func TestExpiredRecordsGiveTheirSpaceBack(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	s := openAt(t, path)
	mustWrite(t, s, plains(0, 5000)...)
	before := fileSize(t, s, path)
	for more := true; more; {
		var err error
		if more, err = s.Expire(t.Context(), epoch.Add(24*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if after := fileSize(t, s, path); after > before/4 {
		t.Errorf("the file has %d bytes, and had %d before its records expired", after, before)
	}
	if got := requests(t, s); got != 5000 {
		t.Errorf("%d requests are counted, want 5000", got)
	}
}

// fileSize is the file's size with all that is in the log written to it.
func fileSize(t *testing.T, s *Store, path string) int64 {
	t.Helper()
	if _, err := s.writer.ExecContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// TestKilledWriterLosesNothingThatItCommitted kills a process that writes, at any moment, and opens what it left.
func TestKilledWriterLosesNothingThatItCommitted(t *testing.T) {
	if path := os.Getenv("WINDHOVER_TEST_WRITER"); path != "" {
		writeUntilKilled(t, path)
	}
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	committed := 0
	for round := range 3 {
		committed = killWriter(t, path, 3+4*round)
		s, err := Open(t.Context(), path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		a := mustSum(t, s, ledger.Question{})
		found := 0
		err = s.Scan(t.Context(), ledger.Filter{}, ledger.Cursor{}, func(*usage.Record) bool { found++; return true })
		if err != nil || found < committed || found%20 != 0 || a.Total[ledger.Requests] != int64(found) {
			t.Errorf("%d records, %v, and %d requests are there, want %d or a batch more", found, err, a.Total[ledger.Requests], committed)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// killWriter lets a process of its own write some batches and kills it. It returns how many records are surely there.
func killWriter(t *testing.T, path string, batches int) (committed int) {
	t.Helper()
	writer := exec.Command(os.Args[0], "-test.run=^TestKilledWriterLosesNothingThatItCommitted$")
	writer.Env = append(os.Environ(), "WINDHOVER_TEST_WRITER="+path)
	out, err := writer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for range batches {
		if !lines.Scan() {
			break
		}
		if committed, err = strconv.Atoi(lines.Text()); err != nil {
			t.Errorf("the writer said %q", lines.Text())
		}
	}
	if err := writer.Process.Kill(); err != nil {
		t.Error(err)
	}
	_, _ = io.Copy(io.Discard, out)
	_ = writer.Wait() // it was killed
	return committed
}

// writeUntilKilled says after each commit how many records are there.
func writeUntilKilled(t *testing.T, path string) {
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for n := int(requests(t, s)); ; n += 20 {
		mustWrite(t, s, plains(n, n+20)...)
		fmt.Println(n + 20)
	}
}
