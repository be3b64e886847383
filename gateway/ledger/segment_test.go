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
	data := "\n{\"id\":\"1\"}\n{\"id\"\n" + strings.Repeat("x", 3*maxLine) + "\n{\"price_row\":\"\"}\n{\"id\":\"2\"}\n"
	for last, torn := range map[string]int{`{"id":"3"}`: 0, `{"id":"3"`: 1} { // a process may be killed between any two bytes
		got, damaged := readSegment(t, []byte(data+last))
		if len(got) != 3-torn || got[0].ID != "1" || got[1].ID != "2" || int(damaged) != 4+torn {
			t.Errorf("%d records, %d damaged lines with %s at the end; want %d and %d", len(got), damaged, last, 3-torn, 4+torn)
		}
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

func TestPriceRowThatIsNoJSONHoldsUpNothing(t *testing.T) {
	t.Parallel()
	file, err := os.Create(filepath.Join(t.TempDir(), "segment"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	s := segment{file: file, prices: map[string]bool{}}
	r := records(0, 1)[0]
	r.Price = &usage.Price{ID: "a@1", Row: []byte(`{"input":`)}
	if err := s.append([]*usage.Record{r}); err != nil || s.size == 0 {
		t.Errorf("append() = %v, %d bytes, want the record without the row", err, s.size)
	}
}

func BenchmarkSegment(b *testing.B) {
	all := records(0, batchRecords)
	for _, r := range all {
		r.Usage.SetNumber(usage.InputTokens, usage.Whole(1200))
		r.Usage.SetNumber(usage.OutputTokens, usage.Whole(300))
		r.Usage.SetText(usage.Model, "gpt-5-mini-2025-08-07")
		r.Path, r.RawUsage = "/openai/v1/chat/completions", []byte(`{"prompt_tokens":1200,"completion_tokens":300,"total_tokens":1500}`)
	}
	path := filepath.Join(b.TempDir(), "segment")
	write := func(b *testing.B) {
		file, err := os.Create(path)
		if err != nil {
			b.Fatal(err)
		}
		defer file.Close()
		if err := (&segment{file: file, prices: map[string]bool{}}).append(all); err != nil {
			b.Fatal(err)
		}
	}
	perRecord := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batchRecords, "ns/record")
	}
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			write(b)
		}
		perRecord(b)
	})
	b.Run("read", func(b *testing.B) {
		write(b)
		data, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if got, _ := readSegment(b, data); len(got) != len(all) {
				b.Fatalf("%d records, want %d", len(got), len(all))
			}
		}
		perRecord(b)
	})
}
