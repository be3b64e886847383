package ledger

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"windhover/gateway/usage"
)

// readSegment reads records up to the end.
func readSegment(t testing.TB, data []byte) (all []*usage.Record, damaged int64) {
	t.Helper()
	reader := newSegmentReader(bytes.NewReader(data))
	for {
		r, err := reader.next()
		if errors.Is(err, io.EOF) {
			return all, reader.damaged
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
}

func TestSegmentGivesBackWhatWasWritten(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "segment")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	s := segment{file: file, prices: map[string]bool{}}
	a, b := &usage.Price{ID: "a@1", Row: []byte(`{"input":1}`)}, &usage.Price{ID: "b@2", Row: []byte(`{"input":2}`)}
	want := records(0, 4)
	for i, p := range []*usage.Price{a, b, a, nil} {
		want[i].Price = p
	}
	for _, r := range want { // one by one: a row is written once a segment
		if err := s.append([]*usage.Record{r}); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, damaged := readSegment(t, data)
	if !reflect.DeepEqual(got, want) || damaged != 0 {
		t.Errorf("read %+v and %d damaged lines, want %+v", got, damaged, want)
	}
	if n := bytes.Count(data, []byte("\n")); n != 6 || s.size != int64(len(data)) {
		t.Errorf("%d lines, size %d; want 4 records and 2 rows of %d bytes", n, s.size, len(data))
	}
}

func TestDamagedLinesAreCountedAndPassedOver(t *testing.T) {
	t.Parallel()
	data := "\n{\"id\":\"1\"}\n{\"id\"\n" + strings.Repeat("x", 3*maxLine) + "\n{\"price_row\":\"\"}\n{\"id\":\"2\"}\n{\"id\":\"3\"}"
	got, damaged := readSegment(t, []byte(data))
	if len(got) != 2 || got[0].ID != "1" || got[1].ID != "2" || damaged != 5 {
		t.Errorf("%d records, %d damaged lines; want the records 1 and 2, and 5", len(got), damaged)
	}
}

// Whatever a disk gives back: it is read to its end, and what is a record is one that can be written again.
func FuzzSegment(f *testing.F) {
	f.Add([]byte("{\"price_row\":\"a\",\"row\":{}}\n{\"id\":\"1\",\"price_id\":\"a\",\"input_tokens\":3}\n{\"id\":"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, damaged := readSegment(t, data)
		if lines := bytes.Count(data, []byte("\n")) + 1; len(got)+int(damaged) > lines {
			t.Errorf("%d records and %d damaged lines of %d", len(got), damaged, lines)
		}
		for _, r := range got {
			if _, err := r.MarshalJSON(); err != nil {
				t.Errorf("record %s: %v", r.ID, err)
			}
		}
	})
}
