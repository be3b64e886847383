package ledger

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"windhover/gateway/usage"
)

func TestSecondGatewayGivesItsRecordsToTheFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, folder := newMemory(), t.TempDir()
		first, _ := begin(t, folder, m, nil)
		pass(0)
		second, logged := begin(t, folder, newMemory(), nil)
		pass(time.Second)
		add(second, records(0, 10))
		add(first, records(10, 10))
		pass(3 * time.Second)
		wantStored(t, m, records(0, 20))
		if got := second.Status(); got.State != Waiting || !strings.HasPrefix(got.Reason, "another process writes this ledger: the one with process ID ") {
			t.Errorf("Status() = %+v, want that it waits", got)
		}
		if _, err := second.Reader(); err == nil || !errors.Is(err, ErrLocked) {
			t.Errorf("Reader() = %v, want why there is none", err)
		}
		want := `level=WARN msg="another gateway writes the ledger in this data folder; it takes in what this one records, until it stops" folder=` + folder +
			" reason=\"another process writes this ledger: the one with process ID N\"\n"
		if logged.String() != want {
			t.Errorf("log:\n%swant:\n%s", logged, want)
		}
		end(second)
		end(first)
	})
}

func TestSecondGatewayTakesOverWhenTheFirstStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		folder, theirs, ours := t.TempDir(), newMemory(), newMemory()
		first, _ := begin(t, folder, theirs, nil)
		pass(0)
		second, logged := begin(t, folder, ours, nil)
		pass(time.Second)
		end(first)
		add(second, records(0, 10))
		pass(3 * time.Second)
		wantStored(t, ours, records(0, 10))
		if got := second.Status().State; got != Writing || !strings.Contains(logged.String(), `msg="the ledger is being written" before=waiting`) {
			t.Errorf("state = %s, want writing; log:\n%s", got, logged)
		}
	})
}

func TestGatewayThatWaitsReadsBesideTheOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, folder := newMemory(), t.TempDir()
		first, _ := begin(t, folder, m, nil)
		pass(0)
		reader := newMemory()
		second, _ := begin(t, folder, newMemory(), func(o *Options) {
			o.OpenReader = func(context.Context) (ReadCloser, error) { return reader, nil }
		})
		pass(time.Second)
		if r, err := second.Reader(); r != reader || err != nil {
			t.Errorf("Reader() = %v, %v, want the one that reads beside", r, err)
		}
		end(first)
		pass(2 * time.Second)
		_, closed, _ := reader.counted()
		if r, err := second.Reader(); r == reader || err != nil || closed != 1 {
			t.Errorf("Reader() = %v, %v, closed %d times; want the gateway's own store", r, err, closed)
		}
	})
}

func TestQuestionsAreAnsweredWhileTheStoreCannotBeWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, reader := newMemory(), newMemory()
		l, _ := begin(t, t.TempDir(), m, func(o *Options) {
			o.OpenReader = func(context.Context) (ReadCloser, error) { return reader, nil }
		})
		pass(0)
		m.set(func(m *memory) { m.err = errors.New("disk full") })
		add(l, records(0, 1))
		pass(3 * time.Second)
		if r, err := l.Reader(); r != reader || err != nil {
			t.Errorf("Reader() = %v, %v, want the one that only reads", r, err)
		}
		m.set(func(m *memory) { m.err = nil })
		pass(2 * lastBackoff)
		_, closed, _ := reader.counted()
		if r, err := l.Reader(); r != m || err != nil || closed != 1 {
			t.Errorf("Reader() = %v, %v, closed %d times; want the store", r, err, closed)
		}
	})
}

func TestSpoolFirstNeedsNoLockAndLosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		spoolFirst := func(o *Options) { o.SpoolFirst = true }
		folder := t.TempDir()
		first, logged := begin(t, folder, m, spoolFirst)
		second, _ := begin(t, folder, m, spoolFirst) // even in the same folder
		pass(0)
		for i := range 10 {
			add(first, records(i*20, 10))
			add(second, records(i*20+10, 10))
			pass(batchAge)
		}
		pass(time.Second)
		wantStored(t, m, records(0, 200))
		if got := first.Status(); got.State != Writing || got.SpoolBytes != 0 {
			t.Errorf("Status() = %+v, want that it writes, and an empty spool", got)
		}
		m.set(func(m *memory) { m.err = errors.New("connection refused") })
		pass(time.Second)
		for i := range 360 { // an outage of an hour
			add(first, records(200+i, 1))
			pass(10 * time.Second)
		}
		m.set(func(m *memory) { m.err = nil })
		pass(lastBackoff + time.Second)
		wantStored(t, m, records(0, 560))
		want := `level=INFO msg="the ledger is being written" before=starting for=0s
level=ERROR msg="the ledger's database takes no records; they wait in the spool until it does: no restart is needed" spool=SPOOL error="connection refused"
level=INFO msg="the ledger is being written" before=spooling for=`
		if !strings.HasPrefix(logged.String(), want) || strings.Count(logged.String(), "\n") != 3 {
			t.Errorf("log:\n%swant:\n%s", logged, want)
		}
	})
}

func TestRecordsOfAKilledGatewayAreTakenIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		s := newSpool(Options{Folder: folder, SpoolLimit: defaultSpoolLimit})
		price := &usage.Price{ID: "gpt-5@1", Row: []byte(`{"model":"gpt-5","input":1.25}`)}
		all := records(0, 100)
		for _, r := range all {
			r.Price, r.CostState, r.CostNanoUSD = price, usage.Priced, 7
		}
		s.keep(all)
		_, _ = s.current.file.WriteString(`{"id":"r000100","attem`) // killed within a line
		s.rotate()

		m := newMemory()
		l, logged := begin(t, folder, m, nil)
		pass(time.Second)
		wantStored(t, m, all)
		r, err := m.Record(t.Context(), "r000050")
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Price; got == nil || got.ID != price.ID || string(got.Row) != string(price.Row) {
			t.Errorf("price = %+v, want %+v", got, price)
		}
		if got := l.Status(); got.Damaged != 1 || got.SpoolBytes != 0 {
			t.Errorf("Status() = %+v, want one damaged line and an empty spool", got)
		}
		if want := `level=WARN msg="the spool held lines that are no records: a process was killed, or its disk full, when it wrote them" segment=SPOOL`; strings.Count(logged.String(), want) != 1 {
			t.Errorf("log:\n%swant:\n%s", logged, want)
		}
	})
}

func TestSegmentOfALivingGatewayIsLeftAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		folder, m := t.TempDir(), newMemory()
		s := newSpool(Options{Folder: folder, SpoolLimit: defaultSpoolLimit})
		s.keep(records(0, 10))
		begin(t, folder, m, nil)
		pass(5 * time.Second)
		if got := len(m.ids()); got != 0 || spooled(t, folder) != 10 {
			t.Errorf("%d records taken in while they are written, want none", got)
		}
		s.close()
		pass(2 * time.Second)
		wantStored(t, m, records(0, 10))
	})
}

func TestLockSaysWhoHoldsIt(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "data")
	unlock, err := Lock(folder)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(folder); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "process ID") {
		t.Errorf("Lock() = %v, want who holds it", err)
	}
	unlock()
	unlock, err = Lock(folder)
	if err != nil {
		t.Errorf("Lock() after unlocking = %v, want none", err)
	}
	unlock()
}

func TestDataFolderThatCannotBeMadeIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, folder := newMemory(), filepath.Join(t.TempDir(), "data")
		if err := os.WriteFile(folder, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		l, _ := begin(t, folder, m, nil)
		add(l, records(0, 10))
		pass(5 * time.Second)
		if got := l.Status(); got.State != Spooling || got.Held != 10 || !strings.HasPrefix(got.Reason, "make the data folder: ") {
			t.Errorf("Status() = %+v, want 10 records in memory", got)
		}
		if err := os.Remove(folder); err != nil {
			t.Fatal(err)
		}
		pass(2 * lastBackoff)
		wantStored(t, m, records(0, 10))
	})
}
