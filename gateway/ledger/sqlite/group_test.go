package sqlite

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"windhover/gateway/ledger"
	"windhover/gateway/usage"
)

func TestRowsOfAnyBatchComeBack(t *testing.T) {
	t.Parallel()
	m := &maker{Rand: rand.New(rand.NewPCG(5, 6))}
	s := open(t)
	written := map[string]*usage.Record{}
	for range rounds {
		// Some are alike, so that they share a statement, up to the last of what they may have in common.
		var batch []*usage.Record
		for range m.IntN(60) {
			rec := m.record()
			for range 1 + m.IntN(2)*m.IntN(40) {
				twin := *rec
				m.n++
				twin.ID, twin.Duration = recordID(m.n), m.micros()
				if m.IntN(20) == 0 {
					twin.Provider, twin.Status = pick(m, "", "openai", "mistral"), pick(m, 200, 201)
				}
				batch = append(batch, &twin)
				written[twin.ID] = &twin
			}
		}
		mustWrite(t, s, batch...)
	}
	found := 0
	err := s.Scan(t.Context(), ledger.Filter{}, ledger.Cursor{}, func(got *usage.Record) bool {
		if want := written[got.ID]; jsonOf(t, got) != jsonOf(t, want) {
			t.Errorf("record =\n%s, want\n%s", jsonOf(t, got), jsonOf(t, want))
		}
		found++
		return !t.Failed()
	})
	if err != nil || found != len(written) {
		t.Errorf("%d records came back, %v, want %d", found, err, len(written))
	}
	if len(s.records.prepared) <= maxStatements {
		t.Errorf("%d statements were needed, want more than are kept", len(s.records.prepared))
	}
}

func TestRecordsThatAreThereCountOnceWhereverTheyStandInABatch(t *testing.T) {
	t.Parallel()
	for _, there := range [][]int{{0}, {15}, {7, 8}, {3, 17, 21}, {16, 17, 18, 19}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {21}} {
		t.Run(fmt.Sprint(there), func(t *testing.T) {
			t.Parallel()
			s := open(t)
			batch := plains(0, 22) // groups of 16, of 4 and of 1
			for _, n := range there {
				mustWrite(t, s, batch[n])
			}
			mustWrite(t, s, batch...)
			if got, want := requests(t, s), int64(len(batch)); got != want {
				t.Errorf("%d requests are counted, want %d", got, want)
			}
			if got, want := scanned(t, s), idsOf(batch); !slices.Equal(got, want) {
				t.Errorf("records = %v, want %v", got, want)
			}
		})
	}
}

func TestRecordTakesTheCheckpointsPlaceInTheMiddleOfABatch(t *testing.T) {
	t.Parallel()
	s := open(t)
	batch := plains(0, 20)
	sofar := *batch[5]
	sofar.Checkpoint, sofar.End, sofar.CostNanoUSD = true, "", 1
	mustWrite(t, s, &sofar)
	mustWrite(t, s, batch...)
	got, err := s.Record(t.Context(), sofar.ID)
	if err != nil || got.Checkpoint || got.CostNanoUSD != 1000 {
		t.Errorf("record = %+v, %v, want the final one", got, err)
	}
	total := mustSum(t, s, ledger.Question{}).Total
	if got, want := [2]int64{total[ledger.Requests], total[ledger.CostNanoUSD]}, [2]int64{20, 20_000}; got != want {
		t.Errorf("requests and cost = %v, want %v", got, want)
	}
}

func TestWhatTheRecordsOfOneClientHaveInCommonIsBoundOnce(t *testing.T) {
	t.Parallel()
	s := open(t)
	var batch []*usage.Record
	for n := range 16 {
		rec := complete()
		rec.ID, rec.Checkpoint = recordID(n), false
		batch = append(batch, rec)
	}
	mustWrite(t, s, batch...)
	if got := len(s.records.prepared); got != 1 {
		t.Fatalf("%d statements insert the batch, want 1", got)
	}
	var got []string
	for st := range s.records.prepared {
		for _, column := range st.common.numbers() {
			got = append(got, s.schema.Columns()[column].Name)
		}
	}
	want := strings.Fields(`attempt final provider model request_model status key labels cost_state price_id usage_state
		cache_read_audio_tokens cache_read_image_tokens cache_write_5m_tokens cache_write_1h_tokens input_audio_tokens
		output_audio_tokens input_image_tokens output_image_tokens input_video_tokens output_video_tokens
		service_tier region client method path stream ended stream_usage revision`)
	if !slices.Equal(got, want) {
		t.Errorf("bound once are\n%s, want\n%s", got, want)
	}
}

// scanned are the IDs of all records, the oldest first.
func scanned(t *testing.T, s *Store) []string {
	t.Helper()
	var ids []string
	err := s.Scan(t.Context(), ledger.Filter{}, ledger.Cursor{}, func(rec *usage.Record) bool {
		ids = append(ids, rec.ID)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(ids)
	return ids
}

func idsOf(batch []*usage.Record) []string {
	var ids []string
	for _, rec := range batch {
		ids = append(ids, rec.ID)
	}
	return ids
}
