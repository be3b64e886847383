package main

import (
	"database/sql"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"windhover/gateway/ledger"
	"windhover/gateway/ledger/sqlite"
	"windhover/gateway/usage"
)

// ledgerRecords are the records in a data folder's ledger, the newest first.
func ledgerRecords(t *testing.T, folder string) []*usage.Record {
	t.Helper()
	r, err := sqlite.OpenReader(t.Context(), filepath.Join(folder, ledgerFile))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var all []*usage.Record
	err = r.Scan(t.Context(), ledger.Filter{}, ledger.Cursor{}, func(r *usage.Record) bool {
		all = append(all, r)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// awaitRecords waits until the ledger has n records, or cannot be read.
func awaitRecords(t *testing.T, folder string, n int) {
	t.Helper()
	got := -1
	for deadline := time.Now().Add(20 * time.Second); got != n && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if r, err := sqlite.OpenReader(t.Context(), filepath.Join(folder, ledgerFile)); err == nil {
			got = 0
			_ = r.Scan(t.Context(), ledger.Filter{}, ledger.Cursor{}, func(*usage.Record) bool { got++; return true })
			r.Close()
		}
	}
	if got != n {
		t.Fatalf("the ledger has %d records, want %d", got, n)
	}
}

// answering is a provider with short answers.
func answering(t *testing.T) (folder string) {
	t.Helper()
	return provider(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"model":"gpt-5","usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}`)
	})
}

func askAll(t *testing.T, address string, n int) {
	t.Helper()
	for range n {
		response := ask(t, address)
		if _, err := io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusOK {
			t.Errorf("answer = %s, %v, want 200 OK", response.Status, err)
		}
	}
}

func TestServeKeepsRecordsInTheDataFolder(t *testing.T) {
	t.Parallel()
	folder := answering(t)
	g := start(t, folder)
	askAll(t, g.address, 3)
	awaitRecords(t, filepath.Join(folder, "data"), 3)
	if got := ledgerRecords(t, filepath.Join(folder, "data"))[0]; got.Provider != "openai" || got.End != usage.EndComplete {
		t.Errorf("record = %+v, want a complete one of openai", got)
	}
	if _, err := os.Stat(filepath.Join(folder, "data", "identity.salt")); err != nil {
		t.Errorf("the salt of the records' keys is not beside them: %v", err)
	}
}

func TestTerminatedGatewayLosesNoRecord(t *testing.T) {
	t.Parallel()
	folder := answering(t)
	process, stderr, address := startProcess(t, folder, io.Discard)
	askAll(t, address, 50)
	send(t, process, syscall.SIGTERM)
	if err := process.Wait(); err != nil {
		t.Errorf("the process ended with %v, want exit code 0:\n%s", err, stderr)
	}
	if got := len(ledgerRecords(t, filepath.Join(folder, "data"))); got != 50 {
		t.Errorf("the ledger has %d records, want 50", got)
	}
	if left, err := filepath.Glob(filepath.Join(folder, "data", "spool", "*.jsonl")); err != nil || len(left) != 0 {
		t.Errorf("segments %q are left (%v), want none", left, err)
	}
}

func TestServeWithoutDataKeepsNothing(t *testing.T) {
	t.Parallel()
	folder := answering(t)
	g := start(t, folder, "--data=none")
	askAll(t, g.address, 1)
	g.stop()
	g.exit(t)
	if _, err := os.Stat(filepath.Join(folder, "data")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the data folder is there (%v), want none", err)
	}
}

func TestServeWithADataFolderThatCannotBeMade(t *testing.T) {
	t.Parallel()
	folder := answering(t)
	writeFile(t, filepath.Join(folder, "data"), "in the way")
	g := start(t, folder)
	g.logged(t, `(level=ERROR msg="the ledger cannot be written; records wait in the spool until it can)`)
	askAll(t, g.address, 3)
	if err := os.Remove(filepath.Join(folder, "data")); err != nil {
		t.Fatal(err)
	}
	awaitRecords(t, filepath.Join(folder, "data"), 3)
}

func TestServeGoesOnWithANewLedgerWhenABrokenOneIsMovedAway(t *testing.T) {
	t.Parallel()
	folder := answering(t)
	file := filepath.Join(folder, "data", ledgerFile)
	writeFile(t, file, strings.Repeat("no ledger ", 1000))
	g := start(t, folder)
	g.logged(t, `(the file is corrupt, or no ledger; move it away)`)
	askAll(t, g.address, 3)
	if err := os.Rename(file, file+".broken"); err != nil {
		t.Fatal(err)
	}
	awaitRecords(t, filepath.Join(folder, "data"), 3)
}

func TestSecondGatewayTakesOverWhenTheFirstIsKilled(t *testing.T) {
	t.Parallel()
	folder := answering(t)
	first, firstLog, firstAddress := startProcess(t, folder, io.Discard)
	await(t, firstLog, `(the ledger is being written)`)
	second, secondLog, secondAddress := startProcess(t, folder, io.Discard)
	await(t, secondLog, `(another gateway writes the ledger in this data folder)`)
	askAll(t, firstAddress, 5)
	askAll(t, secondAddress, 5)
	awaitRecords(t, filepath.Join(folder, "data"), 10)
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	await(t, secondLog, `(msg="the ledger is being written" before=waiting)`)
	askAll(t, secondAddress, 5)
	awaitRecords(t, filepath.Join(folder, "data"), 15)
	send(t, second, syscall.SIGTERM)
	if err := second.Wait(); err != nil {
		t.Errorf("the process ended with %v, want exit code 0:\n%s", err, secondLog)
	}
}

func TestServeAnswersWhileItsLedgerIsLocked(t *testing.T) {
	t.Parallel()
	folder := answering(t)
	data := filepath.Join(folder, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	unlock := lockLedger(t, data)
	g := start(t, folder)
	g.logged(t, `(another program holds the file)`)
	askAll(t, g.address, 3)
	unlock()
	awaitRecords(t, data, 3)
}

// lockLedger holds the ledger's file as another program's transaction does.
func lockLedger(t *testing.T, data string) (unlock func()) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(data, ledgerFile)+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	held, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := held.ExecContext(t.Context(), "BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := held.ExecContext(t.Context(), "ROLLBACK"); err != nil {
			t.Error(err)
		}
		held.Close()
	}
}
