package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"windhover/gateway/usage"
)

func openTestRecords(t *testing.T, setting string, out *buffer) *recordWriter {
	t.Helper()
	w, err := openRecords(setting, out, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestRecordsGoToStandardOutputAsLines(t *testing.T) {
	t.Parallel()
	var out buffer
	w := openTestRecords(t, "-", &out)
	w.Write(&usage.Record{ID: "1"})
	w.Write(&usage.Record{ID: "2"})
	w.Close()
	lines := strings.SplitAfter(out.String(), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], `{"id":"1",`) || !strings.HasPrefix(lines[1], `{"id":"2",`) || lines[2] != "" {
		t.Errorf("written = %q, want two lines of JSON", lines)
	}
}

func TestRecordsAreAppendedToAFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "records")
	writeFile(t, path, "kept\n")
	var out buffer
	w := openTestRecords(t, path, &out)
	w.Write(&usage.Record{ID: "1"})
	w.Close()
	if got := readFile(t, path); !strings.HasPrefix(got, "kept\n{\"id\":\"1\",") {
		t.Errorf("the file holds %q, want what was there and the record", got)
	}
	if out.String() != "" {
		t.Errorf("standard output = %q, want nothing", out.String())
	}
}

func TestRecordsGoOnInANewFileAfterRotation(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "records")
	var out buffer
	w := openTestRecords(t, path, &out)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	w.Reopen()
	w.Write(&usage.Record{ID: "1"})
	w.Close()
	if got := readFile(t, path); !strings.HasPrefix(got, `{"id":"1",`) {
		t.Errorf("the new file holds %q, want the record", got)
	}
	if got := readFile(t, path+".1"); got != "" {
		t.Errorf("the rotated file holds %q, want nothing", got)
	}
}

func TestRecordsNoneWritesNothing(t *testing.T) {
	t.Parallel()
	var out buffer
	w := openTestRecords(t, "none", &out)
	w.Write(&usage.Record{ID: "1"})
	w.Reopen()
	w.Close()
	if out.String() != "" {
		t.Errorf("standard output = %q, want nothing", out.String())
	}
}

func TestRecordsFileThatCannotBeOpenedIsAnError(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "missing", "records")
	_, err := openRecords(path, nil, slog.New(slog.DiscardHandler))
	if want := "open records: open " + path + ": no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("openRecords() = %v, want %s", err, want)
	}
}
