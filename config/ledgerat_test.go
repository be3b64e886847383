package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLedgerIsAFolderOrADatabase(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "database")
	if err := os.WriteFile(file, []byte("postgresql://u:hunter2@db/x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	environ := []string{"DB=postgres://u:hunter2@db/x", "OTHER=hunter2"}
	for text, want := range map[string]struct{ data, database, problem string }{
		"data":                    {data: "data"},
		"postgres://u:p@db/x":     {database: "postgres://u:p@db/x"},
		"${DB}":                   {database: "postgres://u:hunter2@db/x"},
		"${file:" + file + "}":    {database: "postgresql://u:hunter2@db/x"},
		"postgres://u:${OTHER}@h": {database: "postgres://u:hunter2@h"},
		"${OTHER}":                {problem: "what stands behind the reference is no postgres://USER:PASSWORD@HOST/NAME"},
		"${NONE}":                 {problem: "the environment variable NONE is not set"},
	} {
		got, err := LedgerAt(text, environ)
		problem := ""
		if err != nil {
			problem = err.Error()
		}
		if got.Data != want.data || got.Database.Reveal() != want.database || !strings.HasPrefix(problem, want.problem) || (problem == "") != (want.problem == "") {
			t.Errorf("LedgerAt(%q) = %q, %q, %s, want %+v", text, got.Data, got.Database.Reveal(), problem, want)
		}
	}
}
