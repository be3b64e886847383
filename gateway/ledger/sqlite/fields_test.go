package sqlite

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"windhover/gateway/ledger"
	"windhover/gateway/usage"
)

// complete is a record of which every field says something.
func complete() *usage.Record {
	rec := plain(1)
	var part usage.Part
	part.SetText(usage.Model, "claude-opus-5")
	part.SetNumber(usage.OutputTokens, usage.Decimal(4.5))
	for f := range usage.Fields() {
		rec.Usage.SetNumber(f, usage.Whole(int64(f)+1))
		rec.Usage.SetText(f, "the "+f.String())
	}
	rec.Usage.SetNumber(usage.Seconds, usage.Decimal(3.25))
	rec.Time = rec.Time.Add(123 * time.Millisecond)
	rec.RequestID, rec.Attempt, rec.Checkpoint, rec.Client, rec.Method = recordID(2), 2, true, "::1", "POST"
	rec.Path, rec.Stream, rec.Resent, rec.StreamUsage = "/openai/v1/é", true, 3, usage.StreamUsageAdded
	rec.Parts, rec.Doubts, rec.Events = []usage.Part{part, {}}, []string{"a", "b"}, 17
	rec.FirstByte, rec.Duration = 1234567*time.Microsecond, time.Hour+time.Microsecond
	rec.BytesIn, rec.BytesOut, rec.Revision, rec.Error = 1<<40, 1<<41, "0123456789ab", "timeout_idle"
	rec.RawUsage = []byte("{\"prompt_tokens\": 31,\n \"x\": [1.0]}")
	rec.Price = &usage.Price{ID: "openai/gpt-5#01234567", Row: []byte(`{"input": 1.25}`)}
	rec.Labels = map[string]string{"team": "search", "env": "<prod>"}
	return rec
}

func TestEveryFieldComesBack(t *testing.T) {
	t.Parallel()
	want := complete()
	forMetrics := []string{"Overhead", "Gaps", "Fault", "ModelLabel"} // which no store keeps
	for i, r := 0, reflect.ValueOf(*want); i < r.NumField(); i++ {
		if name := r.Type().Field(i).Name; r.Field(i).IsZero() && !slices.Contains(forMetrics, name) {
			t.Errorf("%s is not set in the test above", name)
		}
	}
	s := open(t)
	mustWrite(t, s, want)
	got, err := s.Record(t.Context(), want.ID)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("record =\n%+v, want\n%+v", got, want)
	}
}

func TestAnyRecordComesBack(t *testing.T) {
	t.Parallel()
	m := &maker{Rand: rand.New(rand.NewPCG(3, 4))}
	s := open(t)
	written := map[string]*usage.Record{}
	for range 20 * rounds { // more shapes than statements are kept for
		rec := m.record()
		written[rec.ID] = rec
		if m.IntN(10) == 0 {
			rec.Parts, rec.RawUsage = []usage.Part{{Usage: rec.Usage}}, []byte(pick(m, `{"a":1}`, `{"a":`, `[]`))
			rec.Doubts = []string{pick(m, "input_tokens is negative", `"`)}
		}
		mustWrite(t, s, rec)
	}
	found := 0
	err := s.Scan(t.Context(), ledger.Filter{}, ledger.Cursor{}, func(got *usage.Record) bool {
		want := written[got.ID]
		if jsonOf(t, got) != jsonOf(t, want) || !bytes.Equal(got.RawUsage, want.RawUsage) {
			t.Errorf("record =\n%s, want\n%s", jsonOf(t, got), jsonOf(t, want))
		}
		found++
		return !t.Failed()
	})
	if err != nil || found != len(written) {
		t.Errorf("%d records came back, %v, want %d", found, err, len(written))
	}
}

func jsonOf(t *testing.T, rec *usage.Record) string {
	t.Helper()
	line, err := json.Marshal(rec)
	if err != nil {
		t.Fatal(err)
	}
	return string(line)
}

func TestIDsThatAreNoUUIDsAreKept(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, id := range []string{"x", "exactly 16 bytes", "01935B0E-0000-7000-8000-00000000000A", "a\x00b"} {
		rec := plain(1)
		rec.ID = id
		mustWrite(t, s, rec)
		got, err := s.Record(t.Context(), id)
		if err != nil || got.ID != id {
			t.Errorf("Record of %q = %+v, %v", id, got, err)
		}
	}
	if _, err := s.Record(t.Context(), "y"); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("Record of y: %v, want %v", err, ledger.ErrNotFound)
	}
}

func TestTextFromOutsideIsCutAsInTheRecordsJSON(t *testing.T) {
	t.Parallel()
	s := open(t)
	rec := plain(1)
	rec.Method, rec.Path = strings.Repeat("é", 200), "/"+strings.Repeat("é", 2000)+"\xff"
	mustWrite(t, s, rec)
	got, err := s.Record(t.Context(), rec.ID)
	if err != nil {
		t.Fatal(err)
	}
	if jsonOf(t, got) != jsonOf(t, rec) || len(got.Path) != 2047 || len(got.Method) != 256 {
		t.Errorf("record = %s, want %s", jsonOf(t, got), jsonOf(t, rec))
	}
}

// TestTablesHaveTheColumnsOfARecord compares the migrations with the columns that are written.
func TestTablesHaveTheColumnsOfARecord(t *testing.T) {
	t.Parallel()
	s := open(t)
	var want []string
	for _, c := range s.schema.Columns() {
		want = append(want, c.Name)
	}
	for table, want := range map[string][]string{"records": want, "rollups": s.schema.RollupColumns()} {
		var got string
		err := s.writer.QueryRowContext(t.Context(), `SELECT group_concat(name, ' ') FROM pragma_table_info(?)`, table).Scan(&got)
		if wanted := strings.Join(want, " "); err != nil || got != wanted {
			t.Errorf("columns of %s = %s, %v, want %s", table, got, err, wanted)
		}
	}
}
