package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"windhover/gateway/ledger/ledgertest"
	"windhover/gateway/ledger/postgres"
	"windhover/gateway/usage"
)

// database is the URL of a schema of the test's own.
func database(t *testing.T) string {
	t.Helper()
	server := os.Getenv("WINDHOVER_POSTGRES")
	if server == "" {
		t.Skip("WINDHOVER_POSTGRES names no server; `.ci/postgres start FOLDER` prints the URL of one")
	}
	db, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	execute := func(statement string) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // the test's own has ended when it cleans up
		defer cancel()
		if _, err := db.ExecContext(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	schema := "test_" + strings.ToLower(rand.Text())
	execute("CREATE SCHEMA " + schema)
	t.Cleanup(func() {
		execute("DROP SCHEMA " + schema + " CASCADE")
		db.Close()
	})
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return u.String()
}

func TestCheckWarnsOfModelsOfADatabaseWithoutAPrice(t *testing.T) {
	t.Parallel()
	at := database(t)
	store, err := postgres.Open(t.Context(), at, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	r := ledgertest.Plain(noon, 1)
	r.Usage.SetText(usage.Model, "kestrel-2")
	if err := store.Write(t.Context(), []*usage.Record{r}); err != nil {
		t.Fatal(err)
	}
	want := "the database: warning: openai/kestrel-2 has no price: what 1 attempt with 30 input and 20 output tokens cost is not known. Give it one, in USD per million tokens:\n" +
		"  prices:\n    openai/kestrel-2: {input: …, output: …}\n"
	for _, place := range []string{at, "${LEDGER}"} {
		got := runIn(t, t.TempDir(), []string{"LEDGER=" + at}, "check", "--ledger", place)
		if got.code != exitOK || got.stderr != want {
			t.Errorf("check --ledger = %d\n%s%s, want\n%s", got.code, got.stdout, got.stderr, want)
		}
	}
}

func TestCheckTellsNoPasswordOfADatabase(t *testing.T) {
	t.Parallel()
	for place, want := range map[string]outcome{
		"postgres://u:hunter2@127.0.0.1:1/x": {code: exitFailed},
		"${SECRET}":                          {exitUsage, "", "windhover: --ledger: what stands behind the reference is no postgres://USER:PASSWORD@HOST/NAME\n"},
	} {
		got := runIn(t, t.TempDir(), []string{"SECRET=hunter2"}, "check", "--ledger", place)
		if got.code != want.code || want.stderr != "" && got != want || strings.Contains(got.stdout+got.stderr, "hunter2") {
			t.Errorf("check --ledger %s = %+v, want %+v", place, got, want)
		}
	}
}
