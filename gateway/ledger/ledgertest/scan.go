package ledgertest

import (
	"context"
	"slices"
	"testing"
	"time"

	"windhover/gateway/ledger"
	"windhover/gateway/usage"
)

// crowd are records of which many began in the same millisecond, in the order in which Scan hands them out.
func crowd() []*usage.Record {
	var records []*usage.Record
	for i := range 60 {
		records = append(records, Plain(epoch.Add(time.Duration(i/7)*time.Millisecond), i))
	}
	slices.SortFunc(records, newestFirst)
	return records
}

func scanIsNewestFirst(t *testing.T, s ledger.Store) {
	records := crowd()
	for i := range 3 { // in an order that is none
		var batch []*usage.Record
		for j := i; j < len(records); j += 3 {
			batch = append(batch, records[j])
		}
		write(t, s, batch...)
	}
	if got, want := ids(scan(t, s, ledger.Filter{}, ledger.Cursor{})), ids(records); !slices.Equal(got, want) {
		t.Errorf("Scan = %v, want %v", got, want)
	}
}

func scanGoesOnBehindTheCursor(t *testing.T, s ledger.Store) {
	records := crowd()
	write(t, s, records...)
	for i, r := range records {
		got, want := ids(scan(t, s, ledger.Filter{}, ledger.Cursor{Time: r.Time, ID: r.ID})), ids(records[i+1:])
		if !slices.Equal(got, want) {
			t.Errorf("Scan behind %s = %v, want %v", r.ID, got, want)
		}
	}
	// The record that the cursor names need not be there any more, nor fit the filter.
	gone := ledger.Cursor{Time: epoch.Add(3*time.Millisecond + 500*time.Microsecond), ID: id(epoch.Add(3*time.Millisecond), 1<<20)}
	f := ledger.Filter{From: epoch.Add(2 * time.Millisecond), To: epoch.Add(5 * time.Millisecond)}
	var want []string
	for _, r := range records {
		if f.Chooses(r) && behind(r, gone) {
			want = append(want, r.ID)
		}
	}
	if got := ids(scan(t, s, f, gone)); !slices.Equal(got, want) || len(want) != 14 {
		t.Errorf("Scan behind what is not there = %v, want %v", got, want)
	}
}

func scanEndsWhenToldTo(t *testing.T, s ledger.Store) {
	records := crowd()
	write(t, s, records...)
	for _, enough := range []int{1, 7, len(records)} {
		var got []string
		err := s.Scan(t.Context(), ledger.Filter{}, ledger.Cursor{}, func(r *usage.Record) bool {
			got = append(got, r.ID)
			return len(got) < enough
		})
		if err != nil || !slices.Equal(got, ids(records[:enough])) {
			t.Errorf("Scan that is told to end = %v, %v, want the first %d and no error", got, err, enough)
		}
	}
	write(t, s, Plain(epoch.Add(time.Hour), 1)) // nothing holds the store any more
}

func scanChoosesAsTheFilterSays(t *testing.T, s ledger.Store) {
	rnd := seeded(t)
	records := randoms(rnd, 600)
	write(t, s, records...)
	found := 0
	for range 50 {
		f := randomFilter(rnd)
		var want []string
		for _, r := range records {
			if f.Chooses(r) {
				want = append(want, r.ID)
			}
		}
		found += len(want)
		if got := ids(scan(t, s, f, ledger.Cursor{})); !slices.Equal(got, want) {
			t.Errorf("Scan of %+v = %d records, want %d", f, len(got), len(want))
		}
	}
	if found == 0 {
		t.Error("no filter chose any record")
	}
}

func cancelledReadFails(t *testing.T, s ledger.Store) {
	write(t, s, crowd()...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Sum(ctx, ledger.Question{}); err == nil {
		t.Error("Sum with a cancelled context succeeds, want an error")
	}
	if err := s.Scan(ctx, ledger.Filter{}, ledger.Cursor{}, func(*usage.Record) bool { return true }); err == nil {
		t.Error("Scan with a cancelled context succeeds, want an error")
	}
	if _, err := s.Record(ctx, id(epoch, 1)); err == nil {
		t.Error("Record with a cancelled context succeeds, want an error")
	}
	if got := total(t, s)[ledger.Requests]; got != 60 {
		t.Errorf("requests = %d afterwards, want 60", got)
	}
}
