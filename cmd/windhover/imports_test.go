package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestImportsPointDown keeps each package to the ones below it. What needs something from above takes a func.
func TestImportsPointDown(t *testing.T) {
	t.Parallel()
	below := map[string][]string{
		"windhover":                           nil,
		"windhover/config":                    nil,
		"windhover/gateway/stream":            nil,
		"windhover/gateway/usage":             {"windhover/config", "windhover/gateway/stream"},
		"windhover/gateway/telemetry":         {"windhover/gateway/usage"},
		"windhover/gateway/price":             {"windhover/config", "windhover/gateway/usage"},
		"windhover/gateway/ledger":            {"windhover/gateway/usage"},
		"windhover/gateway/ledger/sqlstore":   {"windhover/gateway/ledger", "windhover/gateway/usage"},
		"windhover/gateway/ledger/sqlite":     {"windhover/gateway/ledger", "windhover/gateway/ledger/sqlstore", "windhover/gateway/usage"},
		"windhover/gateway/ledger/postgres":   {"windhover/gateway/ledger", "windhover/gateway/ledger/sqlstore", "windhover/gateway/usage"},
		"windhover/gateway/ledger/ledgertest": {"windhover/gateway/ledger", "windhover/gateway/usage"},
		"windhover/gateway/ledger/usageapi":   {"windhover/config", "windhover/gateway/ledger", "windhover/gateway/usage"},
		"windhover/gateway":                   {"windhover/config", "windhover/gateway/price", "windhover/gateway/stream", "windhover/gateway/usage"},
		"windhover/cmd/windhover":             {"windhover", "windhover/config", "windhover/gateway", "windhover/gateway/ledger", "windhover/gateway/ledger/ledgertest", "windhover/gateway/ledger/postgres", "windhover/gateway/ledger/sqlite", "windhover/gateway/ledger/usageapi", "windhover/gateway/price", "windhover/gateway/stream", "windhover/gateway/telemetry", "windhover/gateway/usage"},
	}
	list, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "windhover/...").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, list)
	}
	for line := range strings.Lines(string(list)) {
		fields := strings.Fields(line)
		allowed, known := below[fields[0]]
		if !known {
			t.Errorf("%s has no place among the packages; say here what it may import", fields[0])
		}
		delete(below, fields[0])
		for _, imported := range fields[1:] {
			if (imported == "windhover" || strings.HasPrefix(imported, "windhover/")) && !slices.Contains(allowed, imported) {
				t.Errorf("%s imports %s, which is not below it", fields[0], imported)
			}
		}
	}
	for name := range below {
		t.Errorf("%s is no package any more", name)
	}
}
