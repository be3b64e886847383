package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"windhover/gateway/usage"
)

// memory is a store that does as a test says.
type memory struct {
	mu      sync.Mutex
	order   []string // IDs, as they were kept first
	rows    map[string]*usage.Record
	batches []int // sizes, of what was committed
	err     error // what every call says; nil: it works
	takes   time.Duration
	refuses string // the ID of a record that makes a batch fail
	old     int    // what Expire has to delete
	opened  int
	closed  int
}

func (m *memory) Write(ctx context.Context, batch []*usage.Record) error {
	m.mu.Lock()
	err, takes := m.err, m.takes
	m.mu.Unlock()
	if takes > 0 {
		select {
		case <-time.After(takes):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range batch {
		if r.ID == m.refuses {
			return errors.New("refused")
		}
	}
	for _, r := range batch {
		if m.rows[r.ID] == nil {
			m.order = append(m.order, r.ID)
			m.rows[r.ID] = r
		}
	}
	m.batches = append(m.batches, len(batch))
	return nil
}

func (m *memory) Reprice(context.Context, []Repriced) error { return m.err }

func (m *memory) Expire(context.Context, time.Time) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.old = max(0, m.old-1)
	return m.old > 0, m.err
}

func (m *memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed++
	return nil
}

func (m *memory) Sum(context.Context, Question) (*Answer, error) { return nil, m.err }

func (m *memory) Scan(context.Context, Filter, Cursor, func(*usage.Record) bool) error { return m.err }

func (m *memory) Record(_ context.Context, id string) (*usage.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.rows[id]; r != nil {
		return r, nil
	}
	return nil, ErrNotFound
}

// set changes what the store does.
func (m *memory) set(change func(*memory)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

func (m *memory) ids() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.order)
}

func (m *memory) batchSizes() []int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.batches)
}

// counted is how often it was opened and closed, and what is left for Expire.
func (m *memory) counted() (opened, closed, old int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.opened, m.closed, m.old
}

func newMemory() *memory { return &memory{rows: map[string]*usage.Record{}} }

// open is how a ledger opens it: it fails as the store does.
func (m *memory) open(context.Context) (Store, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.opened++
	if m.err != nil {
		return nil, m.err
	}
	return m, nil
}

// log is what was logged, without the time and what is the machine's.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := regexp.MustCompile(`(?m)^time=\S+ `).ReplaceAllString(l.text.String(), "")
	text = regexp.MustCompile(`process ID \d+`).ReplaceAllString(text, "process ID N")
	return regexp.MustCompile(`=\S*/spool`).ReplaceAllString(text, "=SPOOL")
}

// begin starts a ledger with a store, and with options that a test changes.
func begin(t *testing.T, folder string, m *memory, change func(*Options)) (*Ledger, *log) {
	t.Helper()
	logged := new(log)
	o := Options{Open: m.open, Folder: folder, Logger: slog.New(slog.NewTextHandler(logged, nil))}
	if change != nil {
		change(&o)
	}
	l := Start(o)
	t.Cleanup(func() { end(l) })
	return l, logged
}

func end(l *Ledger) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	l.Close(ctx)
}

// records are n records from number first on.
func records(first, n int) []*usage.Record {
	var all []*usage.Record
	for i := first; i < first+n; i++ {
		all = append(all, &usage.Record{ID: fmt.Sprintf("r%06d", i), Time: time.Unix(1_700_000_000, 0).UTC(), Provider: "openai", Attempt: 1})
	}
	return all
}

func add(l *Ledger, all []*usage.Record) {
	for _, r := range all {
		l.Add(r)
	}
}

func wantStored(t *testing.T, m *memory, want []*usage.Record) {
	t.Helper()
	got := m.ids()
	slices.Sort(got)
	var ids []string
	for _, r := range want {
		ids = append(ids, r.ID)
	}
	if !slices.Equal(got, ids) {
		t.Errorf("the store has %d records, want %d", len(got), len(ids))
	}
}

// spooled are the lines of all segments.
func spooled(t *testing.T, folder string) (lines int) {
	t.Helper()
	for _, path := range segmentsIn(t, folder) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines += bytes.Count(text, []byte("\n"))
	}
	return lines
}

func segmentsIn(t *testing.T, folder string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, spoolName, "*"+segmentExtension))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// sizes are those of all segments.
func sizes(t *testing.T, folder string) (all []int64) {
	t.Helper()
	for _, path := range segmentsIn(t, folder) {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, info.Size())
	}
	return all
}

// pass lets fake time pass, and everything happen that is due then.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestRecordsReachTheStoreInBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		l, logged := begin(t, t.TempDir(), m, nil)
		pass(0)
		all := records(0, 2500)
		add(l, all)
		pass(batchAge)
		wantStored(t, m, all)
		if want := []int{1000, 1000, 500}; !slices.Equal(m.batchSizes(), want) {
			t.Errorf("batches = %v, want %v", m.batchSizes(), want)
		}
		got := l.Status()
		want := Status{State: Writing, Since: got.Since, QueueCapacity: queueRecords, Written: 2500}
		if got != want {
			t.Errorf("Status() = %+v, want %+v", got, want)
		}
		if want := "level=INFO msg=\"the ledger is being written\" before=starting for=0s\n"; logged.String() != want {
			t.Errorf("log:\n%swant:\n%s", logged, want)
		}
	})
}

func TestRecordsWaitForABatchNoLongerThanItsAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		l, _ := begin(t, t.TempDir(), m, nil)
		pass(0)
		add(l, records(0, 1))
		pass(batchAge - commitTime - 1)
		if got := m.ids(); len(got) != 0 {
			t.Errorf("the store has %v before the batch is complete", got)
		}
		pass(1)
		wantStored(t, m, records(0, 1))
	})
}

func TestCloseLosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, folder := newMemory(), t.TempDir()
		l, _ := begin(t, folder, m, nil)
		pass(0)
		m.set(func(m *memory) { m.takes = 30 * time.Millisecond })
		all := records(0, 5500)
		add(l, all)
		end(l)
		wantStored(t, m, all)
		if _, closed, _ := m.counted(); len(segmentsIn(t, folder)) != 0 || closed != 1 {
			t.Errorf("segments %q are left, closed %d times; want none and once", segmentsIn(t, folder), closed)
		}
		l.Add(all[0])
		if got := l.Status().Dropped; got != 1 {
			t.Errorf("%d records dropped after Close, want 1", got)
		}
	})
}

func TestCloseLeavesToTheSpoolWhatTheStoreDoesNotTakeInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, folder := newMemory(), t.TempDir()
		l, logged := begin(t, folder, m, nil)
		pass(0)
		m.set(func(m *memory) { m.takes = time.Hour })
		add(l, records(0, 1500))
		began := time.Now()
		end(l)
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("Close took %v, want no more than its context gives", took)
		}
		if got := spooled(t, folder); got != 1500 {
			t.Errorf("%d records in the spool, want all 1500", got)
		}
		if !strings.Contains(logged.String(), `level=WARN msg="records are left in the spool; the next gateway with this data folder takes them in" spool=SPOOL bytes=`) {
			t.Errorf("the log says nothing of what is left:\n%s", logged)
		}
	})
}

func TestSpoolHasARecordSoonWhereTheStoreIsSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, folder := newMemory(), t.TempDir()
		l, logged := begin(t, folder, m, nil)
		pass(0)
		m.set(func(m *memory) { m.takes = 5 * time.Second })
		all := records(0, 1000)
		for i := range 10 { // over a second
			add(l, all[i*100:(i+1)*100])
			pass(100 * time.Millisecond)
			if got, want := spooled(t, folder), (i+1)*100; got != want {
				t.Errorf("%d records in the spool after %d ms, want %d", got, (i+1)*100, want)
			}
		}
		pass(2 * time.Second)
		if got := l.Status(); got.State != Spooling || got.Reason != "it takes too long to commit a batch" {
			t.Errorf("Status() = %+v, want that it spools", got)
		}
		m.set(func(m *memory) { m.takes = 0 })
		pass(20 * time.Second)
		wantStored(t, m, all)
		if got := spooled(t, folder); got != 0 || l.Status().State != Writing {
			t.Errorf("%d records in the spool, state %s; want 0 and writing", got, l.Status().State)
		}
		want := `level=INFO msg="the ledger is being written" before=starting for=0s
level=ERROR msg="the ledger cannot be written; records wait in the spool until it can. Free its disk, unlock it, mend it or move it away: no restart is needed" spool=SPOOL error="it takes too long to commit a batch"
level=INFO msg="the ledger is being written" before=spooling for=`
		if !strings.HasPrefix(logged.String(), want) || strings.Count(logged.String(), "\n") != 3 {
			t.Errorf("log:\n%swant:\n%s", logged, want)
		}
	})
}

// A copy in the spool is what a killed process would leave. The store gets the records from memory all the same.
func TestStoreThatIsLateWithEveryBatchGetsNoneByTheSpool(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, folder := newMemory(), t.TempDir()
		l, logged := begin(t, folder, m, nil)
		pass(0)
		m.set(func(m *memory) { m.takes = 80 * time.Millisecond })
		all := records(0, 2000)
		copied := 0
		for i := range 200 { // in two seconds
			add(l, all[i*10:(i+1)*10])
			pass(10 * time.Millisecond)
			copied = max(copied, spooled(t, folder))
			if i >= 10 && len(m.ids())+spooled(t, folder) < (i-10)*10 {
				t.Fatalf("after %d ms, the store has %d records and the spool %d, want all that are older than 100 ms", (i+1)*10, len(m.ids()), spooled(t, folder))
			}
		}
		pass(time.Second)
		wantStored(t, m, all)
		if got := l.Status(); got.State != Writing || got.Spooled != 0 || got.SpoolBytes != 0 || copied == 0 {
			t.Errorf("Status() = %+v, and at most %d copies; want that nothing was spooled, but some was copied", got, copied)
		}
		if want := "level=INFO msg=\"the ledger is being written\" before=starting for=0s\n"; logged.String() != want {
			t.Errorf("log:\n%swant:\n%s", logged, want)
		}
	})
}

func TestCopyThatTheStoreDoesNotTakeIsTakenIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, folder := newMemory(), t.TempDir()
		l, _ := begin(t, folder, m, nil)
		pass(0)
		m.set(func(m *memory) { m.takes, m.err = 95*time.Millisecond, errors.New("broken") })
		add(l, records(0, 100))
		pass(140 * time.Millisecond)
		if got := l.Status(); spooled(t, folder) != 100 || got.Spooled != 0 || got.SpoolBytes != 0 {
			t.Errorf("%d records in the spool, %d in %d bytes counted as spooled; want a copy of 100, and none", spooled(t, folder), got.Spooled, got.SpoolBytes)
		}
		pass(20 * time.Millisecond) // it has failed
		if got := l.Status(); spooled(t, folder) != 100 || got.Spooled != 100 {
			t.Errorf("%d records in the spool, %d counted as spooled; want 100, and all of them", spooled(t, folder), got.Spooled)
		}
		m.set(func(m *memory) { m.takes, m.err = 0, nil })
		pass(time.Minute)
		wantStored(t, m, records(0, 100))
		if got := spooled(t, folder); got != 0 {
			t.Errorf("%d records are left in the spool", got)
		}
	})
}

func TestShortHiccupOfTheStoreIsNotLogged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, folder := newMemory(), t.TempDir()
		l, logged := begin(t, folder, m, nil)
		pass(0)
		m.set(func(m *memory) { m.takes = 700 * time.Millisecond })
		add(l, records(0, 10))
		pass(100 * time.Millisecond)
		m.set(func(m *memory) { m.takes = 0 })
		pass(5 * time.Second)
		wantStored(t, m, records(0, 10))
		if got := strings.Count(logged.String(), "\n"); got != 1 || spooled(t, folder) != 0 {
			t.Errorf("%d lines in the log, %d in the spool; want that of the start, and none:\n%s", got, spooled(t, folder), logged)
		}
	})
}

func TestSpoolIsTakenInWhenTheStoreWorksAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, folder := newMemory(), t.TempDir()
		l, logged := begin(t, folder, m, nil)
		pass(0)
		m.set(func(m *memory) { m.err = errors.New("disk I/O error") })
		all := records(0, 3000)
		for i := range 30 {
			add(l, all[i*100:(i+1)*100])
			pass(time.Second)
		}
		if got := l.Status(); got.State != Spooling || got.Reason != "disk I/O error" || got.Spooled != 3000 || got.SpoolBytes == 0 || got.Dropped != 0 {
			t.Errorf("Status() = %+v, want 3000 records in the spool", got)
		}
		if got := spooled(t, folder); got != 3000 {
			t.Errorf("%d records in the spool, want 3000", got)
		}
		m.set(func(m *memory) { m.err = nil })
		pass(lastBackoff)
		wantStored(t, m, all)
		if !slices.IsSorted(m.ids()) {
			t.Error("the spool was not taken in in the order of time")
		}
		if got := sizes(t, folder); !slices.Equal(got, []int64{0}) || l.Status().SpoolBytes != 0 {
			t.Errorf("the spool still has segments of %d bytes, %d in all; want one that is empty, for the next time", got, l.Status().SpoolBytes)
		}
		add(l, records(3000, 1))
		pass(batchAge)
		wantStored(t, m, records(0, 3001))
		want := `level=INFO msg="the ledger is being written" before=starting for=0s
level=ERROR msg="the ledger cannot be written; records wait in the spool until it can. Free its disk, unlock it, mend it or move it away: no restart is needed" spool=SPOOL error="disk I/O error"
level=INFO msg="the ledger is being written" before=spooling for=`
		if !strings.HasPrefix(logged.String(), want) || strings.Count(logged.String(), "\n") != 3 {
			t.Errorf("log:\n%swant:\n%s…", logged, want)
		}
		if opened, closed, _ := m.counted(); opened < 2 || closed != 1 { // while it fails, it cannot be opened either
			t.Errorf("opened %d times, closed %d times; want that it was closed once and opened again", opened, closed)
		}
	})
}

func TestStoreThatCannotBeOpenedDelaysNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, folder := newMemory(), t.TempDir()
		m.err = errors.New("file is not a database")
		l, _ := begin(t, folder, m, nil)
		add(l, records(0, 10))
		pass(time.Second)
		if _, err := l.Reader(); err == nil || err.Error() != "the ledger cannot be used: file is not a database" {
			t.Errorf("Reader() = %v, want why there is none", err)
		}
		err := l.Do(t.Context(), func(context.Context, Store) error { return nil })
		if err == nil || err.Error() != "the ledger cannot be used: file is not a database" {
			t.Errorf("Do() = %v, want why it cannot", err)
		}
		m.set(func(m *memory) { m.err = nil })
		pass(lastBackoff)
		wantStored(t, m, records(0, 10))
		if r, err := l.Reader(); r != m || err != nil {
			t.Errorf("Reader() = %v, %v, want the store", r, err)
		}
	})
}

func TestRecordsAreCountedThatNothingTakes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, folder := newMemory(), t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, spoolName), nil, 0o600); err != nil { // a folder cannot be made there
			t.Fatal(err)
		}
		m.err = errors.New("read-only")
		l, logged := begin(t, folder, m, nil)
		for i := range 15 {
			add(l, records(i*1000, 1000))
			pass(batchAge)
		}
		pass(0)
		got := l.Status()
		if got.Held != heldRecords || got.Dropped != 15_000-heldRecords || !strings.HasPrefix(got.SpoolError, "make the spool's folder: ") {
			t.Errorf("Status() = %+v, want %d held and the others dropped", got, heldRecords)
		}
		m.set(func(m *memory) { m.err = nil })
		pass(2 * lastBackoff)
		wantStored(t, m, records(0, heldRecords))
		if got := l.Status(); got.Held != 0 || got.State != Writing {
			t.Errorf("Status() = %+v, want that nothing waits", got)
		}
		for _, once := range []string{
			`level=ERROR msg="the ledger's spool cannot be written; records wait in memory, where there is room for some: free its disk, or make the folder writable" spool=SPOOL room=10000 error="make the spool's folder: `,
			`level=ERROR msg="the ledger's spool cannot be read" spool=SPOOL`,
			`level=ERROR msg="records are lost: neither the ledger, nor its spool, nor its memory has room for them" spool=SPOOL`,
		} {
			if n := strings.Count(logged.String(), once); n != 1 {
				t.Errorf("the log says %d times, want once: %s\n%s", n, once, logged)
			}
		}
	})
}

func TestSpoolIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, folder := newMemory(), t.TempDir()
		m.err = errors.New("locked")
		l, _ := begin(t, folder, m, func(o *Options) { o.SpoolLimit = 100_000 })
		for i := range 20 {
			add(l, records(i*1000, 1000))
			pass(time.Second)
		}
		got := l.Status()
		if want := "the spool has reached its limit of 100000 bytes"; got.SpoolError != want || got.SpoolBytes > 100_000+500_000 {
			t.Errorf("Status() = %+v, want %s", got, want)
		}
		if sum := got.Spooled + int64(got.Held) + got.Dropped; sum != 20_000 || got.Dropped == 0 {
			t.Errorf("%d spooled, %d held, %d dropped; want 20000 in all", got.Spooled, got.Held, got.Dropped)
		}
		m.set(func(m *memory) { m.err = nil })
		pass(lastBackoff)
		if got, want := int64(len(m.ids())), 20_000-l.Status().Dropped; got != want {
			t.Errorf("the store has %d records, want all that were not dropped: %d", got, want)
		}
	})
}

func TestRecordThatTheStoreRefusesHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, folder := newMemory(), t.TempDir()
		m.refuses = "r000700"
		l, logged := begin(t, folder, m, nil)
		pass(0)
		add(l, records(0, 2500))
		pass(time.Minute)
		if got := len(m.ids()); got != 2499 {
			t.Errorf("the store has %d records, want all but one of 2500", got)
		}
		if got := l.Status(); got.State != Writing || got.Dropped != 1 || got.SpoolBytes != 0 {
			t.Errorf("Status() = %+v, want that it writes, and one dropped", got)
		}
		text, err := os.ReadFile(filepath.Join(folder, spoolName, refusedName))
		if err != nil || !strings.HasPrefix(string(text), `{"id":"r000700",`) || strings.Count(string(text), "\n") != 1 {
			t.Errorf("refused records = %q, %v, want the one", text, err)
		}
		if n := strings.Count(logged.String(), `msg="the ledger refuses records for good; they are kept in a file beside it and counted as lost"`); n != 1 {
			t.Errorf("the log says %d times that a record is refused, want once:\n%s", n, logged)
		}
	})
}

func TestJobsRunBetweenBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, folder := newMemory(), t.TempDir()
		l, _ := begin(t, folder, m, nil)
		pass(0)
		failed := errors.New("failed")
		err := l.Do(t.Context(), func(_ context.Context, s Store) error {
			add(l, records(0, 10))
			pass(10 * time.Second) // the records do not wait for it
			if s != m || spooled(t, folder) != 10 {
				t.Errorf("the job has the store %v, and the spool %d records; want 10", s, spooled(t, folder))
			}
			return failed
		})
		if !errors.Is(err, failed) {
			t.Errorf("Do() = %v, want the job's error", err)
		}
		pass(time.Second)
		wantStored(t, m, records(0, 10))
		end(l)
		if err := l.Do(t.Context(), nil); !errors.Is(err, errClosed) {
			t.Errorf("Do() after Close = %v, want %v", err, errClosed)
		}
	})
}

func TestOldRecordsAreDeletedInBatchesEveryHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		m.old = 5
		begin(t, t.TempDir(), m, func(o *Options) { o.Retention = time.Hour })
		pass(expireFirst + time.Second)
		if _, _, old := m.counted(); old != 0 {
			t.Errorf("%d batches of old records are left, want none", old)
		}
		m.set(func(m *memory) { m.old = 1 })
		pass(expireEvery - time.Minute)
		if _, _, old := m.counted(); old != 1 {
			t.Error("old records were deleted before an hour had passed")
		}
		pass(time.Minute)
		if _, _, old := m.counted(); old != 0 {
			t.Error("old records were not deleted after an hour")
		}
	})
}

func TestRecordsAreKeptForEverWithoutRetention(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		m.old = 5
		begin(t, t.TempDir(), m, nil)
		pass(5 * time.Hour)
		if _, _, old := m.counted(); old != 5 {
			t.Error("records were deleted")
		}
	})
}

func TestStoreIsOpenedAgainWhenAnotherFileTakesItsPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, folder := newMemory(), t.TempDir()
		file := filepath.Join(folder, "ledger.db")
		l, _ := begin(t, folder, m, func(o *Options) {
			o.File = file
			o.Open = func(ctx context.Context) (Store, error) {
				if err := os.WriteFile(file, nil, 0o600); err != nil {
					return nil, err
				}
				return m.open(ctx)
			}
		})
		pass(5 * time.Second)
		if opened, _, _ := m.counted(); opened != 1 {
			t.Errorf("opened %d times, want once", opened)
		}
		if err := os.Rename(file, file+".away"); err != nil {
			t.Fatal(err)
		}
		pass(2 * lookEvery)
		add(l, records(0, 1))
		pass(batchAge)
		wantStored(t, m, records(0, 1))
		if opened, closed, _ := m.counted(); opened != 2 || closed != 1 {
			t.Errorf("opened %d times, closed %d times; want 2 and 1", opened, closed)
		}
	})
}

func TestNoLedgerKeepsNothing(t *testing.T) {
	t.Parallel()
	var l *Ledger
	l.Add(records(0, 1)[0])
	_, reading := l.Reader()
	doing := l.Do(t.Context(), nil)
	l.Close(t.Context())
	const want = "no ledger is kept; name a folder for it with --data"
	if reading == nil || reading.Error() != want || doing == nil || doing.Error() != want {
		t.Errorf("Reader() = %v, Do() = %v, want %s", reading, doing, want)
	}
	if got := l.Status(); got != (Status{State: Off}) {
		t.Errorf("Status() = %+v, want that it is off", got)
	}
}

func TestDataFolderThatIsRemovedIsBegunAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, folder := newMemory(), filepath.Join(t.TempDir(), "data")
		file := filepath.Join(folder, "ledger.db")
		l, _ := begin(t, folder, m, func(o *Options) {
			o.File = file
			o.Open = func(ctx context.Context) (Store, error) {
				if err := os.WriteFile(file, nil, 0o600); err != nil {
					return nil, err
				}
				return m.open(ctx)
			}
		})
		pass(time.Second)
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
		pass(2 * lookEvery)
		add(l, records(0, 1))
		pass(batchAge)
		wantStored(t, m, records(0, 1))
		if _, err := Lock(folder); !errors.Is(err, ErrLocked) {
			t.Errorf("Lock() = %v, want that the new folder is locked, too", err)
		}
	})
}

func TestJobEndsWithTheLedger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, _ := begin(t, t.TempDir(), newMemory(), nil)
		pass(0)
		done := make(chan error, 1)
		go func() {
			done <- l.Do(t.Context(), func(ctx context.Context, _ Store) error { <-ctx.Done(); return ctx.Err() })
		}()
		synctest.Wait()
		end(l)
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Do() = %v, want that it was given up", err)
		}
	})
}

// What a request pays for its record.
func BenchmarkAdd(b *testing.B) {
	m := newMemory()
	l := Start(Options{Open: m.open, Folder: b.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	defer end(l)
	r := records(0, 1)[0]
	b.ReportAllocs()
	for b.Loop() {
		l.Add(r)
	}
	b.ReportMetric(float64(l.Status().Dropped)/float64(b.N), "dropped/op")
}
