package sqlite

import (
	"path/filepath"
	"testing"

	"windhover/gateway/ledger"
	"windhover/gateway/ledger/ledgertest"
)

func TestStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	ledgertest.Run(t, func(t *testing.T) ledger.Store {
		s, err := Open(t.Context(), filepath.Join(t.TempDir(), "ledger.db"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
