package usageapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"windhover/gateway/ledger"
	"windhover/gateway/ledger/ledgertest"
	"windhover/gateway/usage"
)

// listed is a page of records.
type listed struct {
	From, To   time.Time
	Records    []*usage.Record
	NextCursor string `json:"next_cursor"`
}

func listOf(t *testing.T, api http.Handler, query string) listed {
	t.Helper()
	w := get(t, api, "/api/usage/records?"+query)
	var page listed
	if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || w.Code != 200 {
		t.Fatalf("%s: %d %s, %v", query, w.Code, w.Body, err)
	}
	return page
}

func idsOf(records []*usage.Record) (ids []string) {
	for _, r := range records {
		ids = append(ids, r.ID)
	}
	return ids
}

func TestPagesOfRecordsHaveEachOnceNewestFirst(t *testing.T) {
	t.Parallel()
	var records []*usage.Record
	for i := range 23 {
		records = append(records, made(i, time.Duration(1+i/3)*time.Minute, nil)) // several of one time
	}
	var got []string
	api, cursor := over(t, records...), ""
	for pages := 1; ; pages++ {
		page := listOf(t, api, "limit=5"+cursor)
		got = append(got, idsOf(page.Records)...)
		if page.NextCursor == "" {
			if pages != 5 {
				t.Errorf("%d pages, want 5", pages)
			}
			break
		}
		cursor = "&cursor=" + url.QueryEscape(page.NextCursor)
	}
	slices.SortFunc(records, func(a, b *usage.Record) int { return strings.Compare(b.ID, a.ID) })
	if want := idsOf(records); !slices.Equal(got, want) {
		t.Errorf("records = %q, want %q", got, want)
	}
}

// "The last day" of the second page would be another one than that of the first.
func TestCursorKeepsTheRangeOfTheFirstPage(t *testing.T) {
	t.Parallel()
	store := new(ledgertest.Memory)
	if err := store.Write(t.Context(), []*usage.Record{made(1, time.Hour, nil), made(2, 24*time.Hour, nil)}); err != nil {
		t.Fatal(err)
	}
	now := noon
	api := New(Options{Reader: func() (ledger.Reader, error) { return store, nil }, Now: func() time.Time { return now }})
	first := listOf(t, api, "limit=1")
	now = now.Add(time.Hour)
	second := listOf(t, api, "limit=1&cursor="+first.NextCursor)
	if len(second.Records) != 1 || !second.From.Equal(first.From) || !second.To.Equal(first.To) {
		t.Errorf("second page = %+v, want the other record, and the range from %v to %v", second, first.From, first.To)
	}
}

func TestRecordsAreChosenByTheirValues(t *testing.T) {
	t.Parallel()
	api := over(t,
		made(1, time.Hour, func(r *usage.Record) { r.Provider, r.Status = "anthropic", 529 }),
		made(2, time.Hour, func(r *usage.Record) { r.Labels = map[string]string{"team": "a,b", "env": "prod"} }),
		made(3, time.Hour, func(r *usage.Record) { r.Key, r.Labels = "", nil }),
	)
	for query, want := range map[string][]int{
		"provider=anthropic": {1}, "status=529,500": {1}, "status=200": {3, 2}, "key=": {3}, "label.team=": {3},
		`label.team=a\,b`: {2}, "label.TEAM=search": {1}, "label.team=search&label.env=prod": nil, "model=gpt-5-2025-08-07": {3, 2, 1}, "model=gpt-5": nil,
		"provider=openai&key=00112233445566ff": {2},
	} {
		var ids []string
		for _, n := range want {
			ids = append(ids, made(n, time.Hour, nil).ID)
		}
		if got := idsOf(listOf(t, api, query).Records); !slices.Equal(got, ids) {
			t.Errorf("%s: %q, want %q", query, got, ids)
		}
	}
}

func TestListsLeaveRawUsageOut(t *testing.T) {
	t.Parallel()
	r := made(1, time.Hour, func(r *usage.Record) { r.RawUsage = []byte(`{"prompt_tokens":30}`) })
	api := over(t, r)
	if page := listOf(t, api, ""); page.Records[0].RawUsage != nil {
		t.Errorf("raw_usage = %s in a list, want none", page.Records[0].RawUsage)
	}
	if w := get(t, api, "/api/usage/records/"+r.ID); !strings.Contains(w.Body.String(), `"raw_usage":{"prompt_tokens":30}`) {
		t.Errorf("record = %s, want its raw_usage", w.Body)
	}
}

func TestMistakesInAPageSayWhatWouldBeRight(t *testing.T) {
	t.Parallel()
	api := over(t)
	for query, want := range map[string]string{
		"limit=0":       `limit: "0" is no number from 1 to 1000`,
		"limit=1001":    `limit: "1001" is no number from 1 to 1000`,
		"limit=many":    `limit: "many" is no number from 1 to 1000`,
		"cursor=2":      `cursor: "2" is none; take next_cursor of the page before`,
		"cursor=e30":    `cursor: "e30" is none; take next_cursor of the page before`, // {}
		"curser=e30":    "curser: there is no such parameter; did you mean cursor?",
		"group_by=hour": "group_by: there is no such parameter; there are limit, cursor, since, until, from, to, provider, model, key, status, label.NAME",
	} {
		w := get(t, api, "/api/usage/records?"+query)
		if _, _, message := failureBody(t, w); w.Code != 400 || message != want {
			t.Errorf("%s: %d %q, want 400 %q", query, w.Code, message, want)
		}
	}
}

func TestRecordComesWithItsPriceAndHowItsCostCameAbout(t *testing.T) {
	t.Parallel()
	priced := made(1, time.Hour, nil)
	broken := made(2, time.Hour, func(r *usage.Record) { r.Price = &usage.Price{ID: "broken", Row: []byte(`"broken"`)} })
	unpriced := made(3, time.Hour, func(r *usage.Record) { r.CostState, r.Price = usage.Unpriced, nil })
	refused := made(4, time.Hour, func(r *usage.Record) { r.CostState, r.CostNanoUSD, r.Price = "", 0, nil })
	api := over(t, priced, broken, unpriced, refused)
	for r, want := range map[*usage.Record]string{
		priced:   `"price":{"id":"openai/gpt-5#1","row":{"input":1.25}},"cost":{}}`,
		broken:   `"price":{"id":"broken","row":"broken"},"cost":null,"cost_problem":"the row is no row"}`,
		unpriced: `"price":null,"cost":{"reason":"no price fits"}}`,
		refused:  `"price":null,"cost":null}`,
	} {
		line, err := r.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf(`{"record":%s,%s`, line, want) + "\n"
		if w := get(t, api, "/api/usage/records/"+r.ID); w.Code != 200 || w.Body.String() != want {
			t.Errorf("record = %d\n%s, want\n%s", w.Code, w.Body, want)
		}
	}
	w := get(t, api, "/api/usage/records/0190a")
	if code, _, message := failureBody(t, w); w.Code != 404 || code != "no_record" || message != "no record has this id; it was deleted when its time was over, or never written" {
		t.Errorf("a record that there is none of = %d %s %q, want 404", w.Code, code, message)
	}
}
