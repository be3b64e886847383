package ledgertest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"windhover/gateway/ledger"
	"windhover/gateway/usage"
)

func everyFieldComesBack(t *testing.T, s ledger.Store) {
	var batch []*usage.Record
	for _, r := range odd() {
		batch = append(batch, r)
	}
	write(t, s, batch...)
	scanned := map[string]*usage.Record{}
	for _, r := range scan(t, s, ledger.Filter{}, ledger.Cursor{}) {
		scanned[r.ID] = r
	}
	if len(scanned) != len(batch) {
		t.Errorf("%d records, want %d", len(scanned), len(batch))
	}
	for name, r := range odd() {
		want := line(t, r)
		if got := line(t, read(t, s, r.ID)); got != want {
			t.Errorf("%s: Record =\n%s, want\n%s", name, got, want)
		}
		if scanned[r.ID] == nil {
			t.Errorf("%s: Scan passes it over", name)
		} else if got := line(t, scanned[r.ID]); got != want {
			t.Errorf("%s: Scan =\n%s, want\n%s", name, got, want)
		}
	}
}

func recordComesWithItsPriceRow(t *testing.T, s ledger.Store) {
	const row = "{\"input\": 1.25,\n \"z\": \"\\u0000é\", \"a\": 1.0}"
	records := plains(epoch, 5)
	records[0].Price = &usage.Price{ID: "known", Row: []byte(row)}
	records[1].Price = &usage.Price{ID: "known"} // as it is read back from the spool
	records[2].Price = &usage.Price{ID: "late"}
	records[3].Price = &usage.Price{ID: "unknown"}
	records[4].Price = nil
	write(t, s, records[:2]...)
	write(t, s, records[2:]...)
	late := Plain(epoch.Add(time.Hour), 1)
	late.Price = &usage.Price{ID: "late", Row: []byte(row)}
	write(t, s, late)

	for i, want := range []string{row, row, row, "", ""} {
		r := read(t, s, records[i].ID)
		switch p := r.Price; {
		case p == nil && records[i].Price == nil:
		case p == nil || p.ID != records[i].Price.ID || string(p.Row) != want:
			t.Errorf("price of record %d = %+v, want %s with the row %s", i, p, records[i].Price.ID, want)
		}
	}
}

func unknownIDIsNotFound(t *testing.T, s ledger.Store) {
	absent(t, s, id(epoch, 1))
	write(t, s, Plain(epoch, 2))
	absent(t, s, id(epoch, 1))
	absent(t, s, "")
	absent(t, s, "'\x00\xff")
}

func writingAgainChangesNothing(t *testing.T, s ledger.Store) {
	batch := plains(epoch, 20)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Write(cancelled, batch); err == nil {
		t.Error("Write with a cancelled context succeeds, want an error")
	}
	write(t, s, batch...)
	write(t, s, batch...)
	write(t, s, append(slices.Clone(batch[5:]), plains(epoch.Add(time.Hour), 3)...)...)
	write(t, s, batch[0], batch[0], batch[1])

	written := append(slices.Clone(batch), plains(epoch.Add(time.Hour), 3)...)
	if got := len(scan(t, s, ledger.Filter{}, ledger.Cursor{})); got != len(written) {
		t.Errorf("%d records, want %d", got, len(written))
	}
	everySum(t, s, written)
}

// everySum compares the sums by each dimension, over all and over a range that begins and ends anywhere, with those of records.
func everySum(t *testing.T, s ledger.Reader, written []*usage.Record) {
	t.Helper()
	ragged := ledger.Filter{From: epoch.Add(-1234567 * time.Millisecond), To: epoch.Add(30*time.Hour + 7654321*time.Millisecond)}
	for _, d := range dimensions() {
		answered(t, s, ledger.Question{GroupBy: []ledger.Dimension{d}}, written)
		answered(t, s, ledger.Question{Filter: ragged, GroupBy: []ledger.Dimension{d}}, written)
	}
	answered(t, s, ledger.Question{}, written)
}

func dimensions() []ledger.Dimension {
	return []ledger.Dimension{
		ledger.ByProvider, ledger.ByModel, ledger.ByKey, ledger.ByStatus, ledger.ByHour, ledger.ByDay, ledger.ByLabel("team"), ledger.ByLabel("env"),
	}
}

func firstOfTwoWithOneIDStays(t *testing.T, s ledger.Store) {
	first, second := Plain(epoch, 1), Plain(epoch, 1)
	second.Provider, second.CostNanoUSD = "another", 5
	write(t, s, first, second)
	write(t, s, second)
	if got, want := line(t, read(t, s, first.ID)), line(t, first); got != want {
		t.Errorf("record =\n%s, want\n%s", got, want)
	}
	everySum(t, s, []*usage.Record{first})
}

// session is the account of one session: two checkpoints, the second one of another model, and the end.
func session(at time.Time, n int) (first, second, end *usage.Record) {
	first, second, end = Plain(at, n), Plain(at, n), Plain(at, n)
	for i, r := range []*usage.Record{first, second, end} {
		r.Duration, r.CostNanoUSD = time.Duration(i+1)*time.Minute, int64(i+1)*100
		r.Usage.SetNumber(usage.OutputTokens, usage.Whole(int64(i+1)*10))
	}
	for _, r := range []*usage.Record{first, second} {
		r.Checkpoint, r.End, r.UsageState = true, "", usage.Partial
	}
	first.Usage.SetText(usage.Model, "")
	first.Price = nil
	end.Labels = map[string]string{"team": "other", "env": "prod"}
	return first, second, end
}

func checkpointIsReplaced(t *testing.T, s ledger.Store) {
	first, second, end := session(epoch, 1)
	other := Plain(epoch, 2)
	write(t, s, first, other)
	everySum(t, s, []*usage.Record{first, other})
	write(t, s, second)
	everySum(t, s, []*usage.Record{second, other})
	write(t, s, second)
	write(t, s, end)
	everySum(t, s, []*usage.Record{end, other})
	if got, want := line(t, read(t, s, end.ID)), line(t, end); got != want {
		t.Errorf("record =\n%s, want\n%s", got, want)
	}

	first, second, end = session(epoch.Add(time.Hour), 3)
	write(t, s, first, second, end, other) // all of them in one batch
	everySum(t, s, []*usage.Record{end, other, read(t, s, id(epoch, 1))})
	if got, want := line(t, read(t, s, end.ID)), line(t, end); got != want {
		t.Errorf("record of one batch =\n%s, want\n%s", got, want)
	}
}

// checkpointReplacesNothingLater writes the states of a session in another order, as when a spool is read again.
func checkpointReplacesNothingLater(t *testing.T, s ledger.Store) {
	first, second, end := session(epoch, 1)
	write(t, s, second, first)
	write(t, s, first)
	if got, want := line(t, read(t, s, end.ID)), line(t, second); got != want {
		t.Errorf("record =\n%s, want the later checkpoint\n%s", got, want)
	}
	everySum(t, s, []*usage.Record{second})

	write(t, s, end, first)
	write(t, s, second)
	if got, want := line(t, read(t, s, end.ID)), line(t, end); got != want {
		t.Errorf("record =\n%s, want\n%s", got, want)
	}
	everySum(t, s, []*usage.Record{end})
}

func largeAndEmptyBatchesAreKept(t *testing.T, s ledger.Store) {
	write(t, s)
	batch := plains(epoch, 3_000)
	write(t, s, batch...)
	answered(t, s, ledger.Question{GroupBy: []ledger.Dimension{ledger.ByHour}}, batch)
}

// cancelledWriteKeepsNothing cancels writes at any moment: each batch is there as a whole if Write says so, and not at all if not.
func cancelledWriteKeepsNothing(t *testing.T, s ledger.Store) {
	var written []*usage.Record
	failed, kept := 0, 0
	allowed := 10 * time.Microsecond
	for n := 0; n < 200 && (failed < 10 || kept < 10); n++ {
		batch := plains(epoch.Add(time.Duration(n)*time.Hour), 100)
		ctx, cancel := context.WithTimeout(t.Context(), allowed)
		err := s.Write(ctx, batch)
		cancel()
		there := len(scan(t, s, ledger.Filter{From: batch[0].Time, To: batch[0].Time.Add(time.Hour)}, ledger.Cursor{}))
		switch {
		case err != nil && there == 0:
			failed++
			allowed += allowed / 2
		case err == nil && there == len(batch):
			kept++
			allowed -= allowed / 3
			written = append(written, batch...)
		default:
			t.Fatalf("Write: %v, and %d of %d records are there", err, there, len(batch))
		}
	}
	if failed == 0 {
		t.Error("no write was cancelled")
	}
	if kept == 0 {
		t.Error("no write succeeded")
	}
	everySum(t, s, written)
	again := plains(epoch, 100)
	write(t, s, again...) // whether it failed before or not
	if len(written) == 0 || written[0].ID != again[0].ID {
		written = append(written, again...)
	}
	everySum(t, s, written)
}

func closedStoreFails(t *testing.T, s ledger.Store) {
	write(t, s, Plain(epoch, 1))
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if err := s.Write(t.Context(), plains(epoch, 1)); err == nil {
		t.Error("Write after Close succeeds, want an error")
	}
	if _, err := s.Record(t.Context(), id(epoch, 1)); err == nil || errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("Record after Close: %v, want another error", err)
	}
}
