package ledgertest

import (
	"reflect"
	"slices"
	"testing"

	"windhover/gateway/ledger"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	t.Parallel()
	Run(t, func(*testing.T) ledger.Store { return &Memory{} })
}

func TestNoFieldOfARecordIsForgotten(t *testing.T) {
	t.Parallel()
	r := reflect.ValueOf(*full())
	forMetrics := []string{"Overhead", "Gaps", "Fault", "ModelLabel"} // which no store keeps
	for i := range r.NumField() {
		if name := r.Type().Field(i).Name; r.Field(i).IsZero() && !slices.Contains(forMetrics, name) {
			t.Errorf("%s is not set in the record that stores are tried with", name)
		}
	}
}
