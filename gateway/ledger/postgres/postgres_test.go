package postgres

import (
	"context"
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"windhover/gateway/ledger"
	"windhover/gateway/ledger/ledgertest"
)

// server is the URL of a server that tests may use; .ci/postgres starts one.
func server(t testing.TB) string {
	t.Helper()
	url := os.Getenv("WINDHOVER_POSTGRES")
	if url == "" {
		t.Skip("WINDHOVER_POSTGRES names no server; `.ci/postgres start FOLDER` prints the URL of one")
	}
	return url
}

// empty is the URL of a schema of the test's own.
func empty(t testing.TB) string {
	t.Helper()
	server := server(t)
	name := "test_" + strings.ToLower(rand.Text())
	execute(t, server, "CREATE SCHEMA "+name)
	t.Cleanup(func() { execute(t, server, "DROP SCHEMA "+name+" CASCADE") })
	return with(t, server, "search_path", name)
}

// with is a URL with a parameter more.
func with(t testing.TB, server, name, value string) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set(name, value)
	u.RawQuery = query.Encode()
	return u.String()
}

func parameter(t testing.TB, server, name string) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get(name)
}

// as is a URL for another user.
func as(t testing.TB, server, user, password string) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, password)
	return u.String()
}

func execute(t testing.TB, server, statement string) {
	t.Helper()
	db, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // the test's own has ended when it cleans up
	defer cancel()
	if _, err := db.ExecContext(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func open(t testing.TB, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), url, Options{Connections: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	server(t)
	ledgertest.Run(t, func(t *testing.T) ledger.Store { return open(t, empty(t)) })
}
