package ledgertest

import (
	"testing"
	"time"

	"windhover/gateway/ledger"
	"windhover/gateway/usage"
)

func repriceChangesRecordsAndSums(t *testing.T, s ledger.Store) {
	records := plains(epoch, 6)
	write(t, s, records...)
	known, row := records[0].Price, `{"input": 2}`
	changes := []ledger.Repriced{
		{ID: records[0].ID, CostState: usage.Priced, CostNanoUSD: 7, Price: &usage.Price{ID: "new", Row: []byte(row)}},
		{ID: records[1].ID, CostState: usage.Unpriced},
		{ID: records[2].ID, CostState: usage.CostReported, CostNanoUSD: 123, Price: known},
		{ID: records[3].ID},
		{ID: records[4].ID, CostState: usage.Priced, CostNanoUSD: records[4].CostNanoUSD, Price: known}, // as it was
	}
	for range 2 { // the second time changes nothing
		if err := s.Reprice(t.Context(), changes); err != nil {
			t.Fatalf("Reprice: %v", err)
		}
		for i, c := range changes {
			want := *records[i]
			want.CostState, want.CostNanoUSD, want.Price = c.CostState, c.CostNanoUSD, c.Price
			records[i] = &want
			if got, want := line(t, read(t, s, c.ID)), line(t, &want); got != want {
				t.Errorf("record %d =\n%s, want\n%s", i, got, want)
			}
		}
		everySum(t, s, records)
	}
	if p := read(t, s, records[0].ID).Price; string(p.Row) != row {
		t.Errorf("price row = %s, want %s", p.Row, row)
	}

	write(t, s, plains(epoch, 6)...) // as they were first: they are there, so nothing changes
	everySum(t, s, records)
}

func repricePassesOverWhatIsNotThere(t *testing.T, s ledger.Store) {
	records := plains(epoch, 3)
	write(t, s, records...)
	err := s.Reprice(t.Context(), []ledger.Repriced{
		{ID: id(epoch.Add(time.Hour), 1), CostState: usage.Priced, CostNanoUSD: 5},
		{ID: records[1].ID, CostState: usage.Priced, CostNanoUSD: 5},
	})
	if err != nil {
		t.Fatalf("Reprice: %v", err)
	}
	records[1].CostNanoUSD, records[1].Price = 5, nil
	absent(t, s, id(epoch.Add(time.Hour), 1))
	everySum(t, s, records)
	if err := s.Reprice(t.Context(), nil); err != nil {
		t.Errorf("Reprice of nothing: %v", err)
	}
}
