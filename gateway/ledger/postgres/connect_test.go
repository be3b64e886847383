package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestURLsThatAreNoneAreNotRepeated(t *testing.T) {
	t.Parallel()
	const want = "open ledger: its URL cannot be read; write it as postgres://user:password@host:5432/database?sslmode=verify-full, " +
		"with %40 for an @ in the password, and so on"
	for _, url := range []string{
		"", "postgres", "mysql://user:kestrel@host/db", "host=a password=kestrel",
		"postgres://user:kes%trel@host/db", "postgres://user:kestrel@host:port/db", "postgres://user:kestrel@[host/db",
		"postgres://user:kestrel@host/db?sslmode=kestrel", "postgres://user:kestrel@host/db?connect_timeout=kestrel", "postgres://user:kes trel@host/db",
	} {
		if s, err := Open(t.Context(), url, Options{}); err == nil || err.Error() != want {
			t.Errorf("Open(%q) = %v, %v, want %s", url, s, err, want)
		}
		if err := CheckURL(url); err == nil || "open ledger: "+err.Error() != want {
			t.Errorf("CheckURL(%q) = %v, want the same", url, err)
		}
	}
}

// The user's name is the password too, so that messages would hold it.
func TestNoErrorTellsThePassword(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"kestrel", "ke%20st%2frel", "k%25"} {
		url := fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/%s", password, password, closedPort(t), password)
		_, err := Open(t.Context(), url, Options{})
		if err == nil {
			t.Fatal("Open succeeds, want an error")
		}
		config, parseErr := configOf(url)
		if parseErr != nil {
			t.Fatal(parseErr)
		}
		if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, config.Password) || strings.Contains(text, password) {
			t.Errorf("error = %s, which holds the password", text)
		}
		if !strings.Contains(err.Error(), "user=xxxxx") || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("error = %v, want the reason with xxxxx for the password", err)
		}
	}
}

// The driver tries with TLS and without, and has a line for each.
func TestServerThatIsNotThereIsNamedOnce(t *testing.T) {
	t.Parallel()
	port := closedPort(t)
	_, err := Open(t.Context(), fmt.Sprintf("postgres://u:kestrel@127.0.0.1:%d/db", port), Options{})
	want := fmt.Sprintf("open ledger: failed to connect to `user=u database=db`: 127.0.0.1:%d (127.0.0.1): dial error: dial tcp 127.0.0.1:%[1]d: connect: connection refused", port)
	if err == nil || err.Error() != want {
		t.Errorf("Open = %v, want %s", err, want)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("Open = %#v, which does not wrap its reason", err)
	}
}

func closedPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestServerThatSaysNothingIsGivenUp(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = Open(t.Context(), fmt.Sprintf("postgres://u:kestrel@%s/db?sslmode=disable&connect_timeout=1", l.Addr()), Options{})
	if err == nil || t.Context().Err() != nil {
		t.Errorf("Open = %v, want an error", err)
	}
}

func TestErrorsSayWhatCanBeDone(t *testing.T) {
	t.Parallel()
	server := server(t)
	wrong := strings.Replace(server, "kestrel", "sparrow", 1)
	if wrong == server {
		t.Skip("the server is not the one that .ci/postgres starts")
	}
	absent := strings.Replace(server, "/postgres?", "/nothing?", 1)
	for url, want := range map[string]string{
		wrong:  "the server refuses the user or the password; check both in the URL: open ledger: ",
		absent: "the database is not there; create it, or name another one in the URL: open ledger: ",
	} {
		_, err := Open(t.Context(), url, Options{})
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "sparrow") || strings.Contains(err.Error(), "kestrel") {
			t.Errorf("Open = %v, want %s… and no password", err, want)
		}
	}
}

func TestGatewaysThatStartAtOnceMakeTheTablesOnce(t *testing.T) {
	t.Parallel()
	url := empty(t)
	var starting sync.WaitGroup
	for range 8 {
		starting.Go(func() {
			s, err := Open(t.Context(), url, Options{Connections: 2})
			if err != nil {
				t.Error(err)
				return
			}
			s.Close()
		})
	}
	starting.Wait()
	s := open(t, url)
	if n := scalar(t, s.db, "SELECT count(*) FROM schema_version"); n != version {
		t.Errorf("%d steps were taken, want %d", n, version)
	}
}

func scalar(t testing.TB, db *sql.DB, query string) (n int64) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestNewerTablesAreLeftAlone(t *testing.T) {
	t.Parallel()
	url := empty(t)
	open(t, url)
	execute(t, url, "INSERT INTO schema_version (version) VALUES (99)")
	want := fmt.Sprintf("open ledger: it was written by a newer Windhover: its tables have version 99, and this one knows %d; run that version or a newer one", version)
	if _, err := Open(t.Context(), url, Options{}); err == nil || err.Error() != want {
		t.Errorf("Open = %v, want %s", err, want)
	}
}

// A gateway needs no more rights than docs/postgresql.md says, once the tables are there.
func TestFewRightsAreEnough(t *testing.T) {
	t.Parallel()
	url := empty(t)
	open(t, url)
	role := "r" + strings.TrimPrefix(parameter(t, url, "search_path"), "test_")
	path := parameter(t, url, "search_path")
	execute(t, url, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD 'kestrel'", role))
	t.Cleanup(func() { execute(t, url, fmt.Sprintf("DROP OWNED BY %s; DROP ROLE %s", role, role)) })

	limited := as(t, url, role, "kestrel")
	_, err := Open(t.Context(), limited, Options{})
	if want := "the schema is not there, or the user lacks a right; see docs/postgresql.md for those that it needs: open ledger: "; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("Open without any right = %v, want %s…", err, want)
	}

	grants := strings.NewReplacer("SCHEMA windhover", "SCHEMA "+path, "TO gateway", "TO "+role).Replace(documented(t, "TO gateway"))
	execute(t, url, grants)
	s := open(t, limited)
	all := records(0, 50)
	if err := s.Write(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	agree(t, s, all)
	if _, err := s.Expire(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
}

// documented is the block of SQL in docs/postgresql.md that holds a text.
func documented(t *testing.T, text string) string {
	t.Helper()
	content, err := os.ReadFile("../../../docs/postgresql.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(content), "```sql\n")[1:] {
		if block, _, _ := strings.Cut(part, "```"); strings.Contains(block, text) {
			return block
		}
	}
	t.Fatalf("docs/postgresql.md has no SQL with %s", text)
	return ""
}

func TestDocumentedQueryRuns(t *testing.T) {
	t.Parallel()
	url := empty(t)
	open(t, url)
	execute(t, url, documented(t, "FROM records"))
}

// A table that somebody holds makes a write fail in time, and nothing of it is kept.
func TestWriteThatTakesTooLongFails(t *testing.T) {
	t.Parallel()
	url := empty(t)
	s, err := Open(t.Context(), url, Options{Timeout: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	holder := open(t, url)
	tx, err := holder.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), "LOCK TABLE rollups IN EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	all := records(0, 20)
	if err := s.Write(t.Context(), all); err == nil {
		t.Error("Write succeeds while another holds the table, want an error")
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if n := scalar(t, holder.db, "SELECT count(*) FROM records"); n != 0 {
		t.Errorf("%d records were kept of a write that failed, want none", n)
	}
	if err := s.Write(t.Context(), all); err != nil && !errors.Is(err, context.DeadlineExceeded) { // a busy machine may need longer
		t.Fatal(err)
	}
	if err := holder.Write(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	agree(t, holder, all)
}
