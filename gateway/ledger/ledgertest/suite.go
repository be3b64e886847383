// Package ledgertest holds every store to the contract of ledger.Store.
package ledgertest

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"windhover/gateway/ledger"
	"windhover/gateway/usage"
)

// Run holds stores to the contract. open makes one that is empty, of its own; the suite closes it. It is called from several
// tests at a time.
func Run(t *testing.T, open func(t *testing.T) ledger.Store) {
	claims := []struct {
		name  string
		claim func(t *testing.T, s ledger.Store)
	}{
		{"EveryFieldComesBack", everyFieldComesBack},
		{"RecordComesWithItsPriceRow", recordComesWithItsPriceRow},
		{"UnknownIDIsNotFound", unknownIDIsNotFound},
		{"WritingAgainChangesNothing", writingAgainChangesNothing},
		{"FirstOfTwoWithOneIDStays", firstOfTwoWithOneIDStays},
		{"CheckpointIsReplaced", checkpointIsReplaced},
		{"CheckpointReplacesNothingLater", checkpointReplacesNothingLater},
		{"LargeAndEmptyBatchesAreKept", largeAndEmptyBatchesAreKept},
		{"CancelledWriteKeepsNothing", cancelledWriteKeepsNothing},
		{"ClosedStoreFails", closedStoreFails},

		{"ScanIsNewestFirst", scanIsNewestFirst},
		{"ScanGoesOnBehindTheCursor", scanGoesOnBehindTheCursor},
		{"ScanEndsWhenToldTo", scanEndsWhenToldTo},
		{"ScanChoosesAsTheFilterSays", scanChoosesAsTheFilterSays},

		{"EveryMeasureIsSummed", everyMeasureIsSummed},
		{"SumOfNothingIsARowOfZeros", sumOfNothingIsARowOfZeros},
		{"RangeIsHalfOpenAtTheMillisecond", rangeIsHalfOpenAtTheMillisecond},
		{"RowsComeInTheirOrder", rowsComeInTheirOrder},
		{"TooManyRowsAreRefused", tooManyRowsAreRefused},
		{"OddTextIsAGroupToo", oddTextIsAGroupToo},
		{"UnknownDimensionIsAnError", unknownDimensionIsAnError},
		{"AnyQuestionIsAnsweredFromTheRecords", anyQuestionIsAnsweredFromTheRecords},
		{"CancelledReadFails", cancelledReadFails},

		{"RepriceChangesRecordsAndSums", repriceChangesRecordsAndSums},
		{"RepricePassesOverWhatIsNotThere", repricePassesOverWhatIsNotThere},

		{"ExpireDeletesRecordsAndKeepsTotals", expireDeletesRecordsAndKeepsTotals},
		{"ExpireOfNothingIsDone", expireOfNothingIsDone},
		{"RangesAmongExpiredRecordsAreWidened", rangesAmongExpiredRecordsAreWidened},

		{"ReadersSeeWholeBatches", readersSeeWholeBatches},
	}
	for _, c := range claims {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			t.Cleanup(func() { _ = s.Close() }) // one of the claims closes it itself
			c.claim(t, s)
		})
	}
}

func write(t *testing.T, s ledger.Store, batch ...*usage.Record) {
	t.Helper()
	if err := s.Write(t.Context(), batch); err != nil {
		t.Fatalf("Write: %v", err)
	}
}

func sum(t *testing.T, s ledger.Reader, q ledger.Question) *ledger.Answer {
	t.Helper()
	a, err := s.Sum(t.Context(), q)
	if err != nil {
		t.Fatalf("Sum of %+v: %v", q, err)
	}
	return a
}

func scan(t *testing.T, s ledger.Reader, f ledger.Filter, after ledger.Cursor) []*usage.Record {
	t.Helper()
	var records []*usage.Record
	err := s.Scan(t.Context(), f, after, func(r *usage.Record) bool {
		records = append(records, r)
		return true
	})
	if err != nil {
		t.Fatalf("Scan of %+v: %v", f, err)
	}
	return records
}

func read(t *testing.T, s ledger.Reader, id string) *usage.Record {
	t.Helper()
	r, err := s.Record(t.Context(), id)
	if err != nil {
		t.Fatalf("Record of %s: %v", id, err)
	}
	return r
}

// absent fails if a record is there.
func absent(t *testing.T, s ledger.Reader, id string) {
	t.Helper()
	if r, err := s.Record(t.Context(), id); r != nil || !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("Record of %s = %v, %v, want %v", id, r, err, ledger.ErrNotFound)
	}
}

// line is all that is kept of a record, to be compared. NUL and its replacement are taken for the same.
func line(t *testing.T, r *usage.Record) string {
	t.Helper()
	text, err := json.Marshal(copyOf(r))
	if err != nil {
		t.Fatal(err)
	}
	head, raw, _ := strings.Cut(string(text), `"raw_usage":`) // the provider's own, which stays as it is
	return strings.ReplaceAll(head, `\u0000`, "\ufffd") + raw
}

func ids(records []*usage.Record) []string {
	var ids []string
	for _, r := range records {
		ids = append(ids, r.ID)
	}
	return ids
}

// answered compares the answer to a question with the one that records give: all that were ever written, in their last state.
func answered(t *testing.T, s ledger.Reader, q ledger.Question, written []*usage.Record) {
	t.Helper()
	got, want := sum(t, s, q), answerFrom(t, q, written)
	if !got.From.Equal(want.From) || !got.To.Equal(want.To) {
		t.Errorf("Sum of %+v covers %v to %v, want %v to %v", q, got.From, got.To, want.From, want.To)
	}
	sameAnswer(t, q, got, want)
}

// sameAnswer compares sums, and tells of the first row that differs.
func sameAnswer(t *testing.T, q ledger.Question, got, want *ledger.Answer) {
	t.Helper()
	if got.Total != want.Total {
		t.Errorf("Sum of %+v: total = %v, want %v", q, got.Total, want.Total)
	}
	for i, row := range want.Rows {
		if i < len(got.Rows) && !sameRow(got.Rows[i], row) {
			t.Errorf("Sum of %+v: row %d = %v, want %v", q, i, got.Rows[i], row)
			return
		}
	}
	if len(got.Rows) != len(want.Rows) {
		t.Errorf("Sum of %+v: %d rows, want %d", q, len(got.Rows), len(want.Rows))
	}
}

func sameRow(a, b ledger.Row) bool { return slices.Equal(a.Group, b.Group) && a.Sums == b.Sums }

func answerFrom(t *testing.T, q ledger.Question, written []*usage.Record) *ledger.Answer {
	t.Helper()
	var chosen []*usage.Record
	for _, r := range written {
		if q.Chooses(r) {
			chosen = append(chosen, r)
		}
	}
	a, err := SumOf(chosen, q)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// total is the sum of everything.
func total(t *testing.T, s ledger.Reader) ledger.Sums {
	t.Helper()
	return sum(t, s, ledger.Question{}).Total
}
