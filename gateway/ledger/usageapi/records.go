package usageapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"windhover/gateway/ledger"
	"windhover/gateway/usage"
)

// How many records a page has.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

// page is what is asked of /api/usage/records.
type page struct {
	ledger.Filter
	limit int
	after ledger.Cursor
}

func pageParameters() []string { return append([]string{"limit", "cursor"}, filterParameters()...) }

func parsePage(values url.Values, now time.Time) (p page, err error) {
	if err = checkNames(namesOf(values), pageParameters()...); err != nil {
		return p, err
	}
	if p.Filter, err = parseFilter(values, now); err != nil {
		return p, err
	}
	if p.limit, err = parseLimit(values); err != nil {
		return p, err
	}
	text, given, err := one(values, "cursor")
	if err != nil || !given {
		return p, err
	}
	return p, p.resume(text)
}

func parseLimit(values url.Values) (int, error) {
	text, given, err := one(values, "limit")
	if err != nil || !given {
		return defaultLimit, err
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > maxLimit {
		return 0, wrong("limit", "%q is no number from 1 to %d", text, maxLimit)
	}
	return limit, nil
}

// place is what a cursor holds: the record that the page before ended with, and the range of the first page, which "the last
// day" would move away from under whoever turns the pages.
type place struct {
	Time int64  `json:"t"` // this and the range in milliseconds since 1970
	ID   string `json:"id"`
	From int64  `json:"from"`
	To   int64  `json:"to"`
}

// cursor is where the page behind a record begins.
func (p page) cursor(last *usage.Record) string {
	text, _ := json.Marshal(place{last.Time.UnixMilli(), last.ID, p.From.UnixMilli(), p.To.UnixMilli()}) // always encodes
	return base64.RawURLEncoding.EncodeToString(text)
}

// resume makes the page the one behind a cursor.
func (p *page) resume(cursor string) error {
	var at place
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || json.Unmarshal(text, &at) != nil || at.ID == "" || at.From >= at.To {
		return wrong("cursor", "%q is none; take next_cursor of the page before", cursor)
	}
	p.after = ledger.Cursor{Time: time.UnixMilli(at.Time).UTC(), ID: at.ID}
	p.From, p.To = time.UnixMilli(at.From).UTC(), time.UnixMilli(at.To).UTC()
	return nil
}

// recordList is the answer of /api/usage/records.
type recordList struct {
	Range
	Records    []*usage.Record `json:"records"`
	NextCursor string          `json:"next_cursor,omitempty"`
}

// records answers /api/usage/records: a page of records, the newest first.
func (a *api) records(w http.ResponseWriter, r *http.Request) {
	p, err := parsePage(r.URL.Query(), a.Now())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	found, err := a.scan(r.Context(), p.Filter, p.after, p.limit+1) // one more tells whether there is another page
	if err != nil {
		a.fail(w, r, err)
		return
	}
	list := recordList{Range: Range{p.From, p.To}, Records: found[:min(len(found), p.limit)]}
	if len(found) > p.limit {
		list.NextCursor = p.cursor(found[p.limit-1])
	}
	for _, x := range list.Records {
		x.RawUsage = nil // most of a record's length; /api/usage/records/{id} has it
	}
	writeJSON(w, http.StatusOK, list)
}

// scan is the first so many records behind a cursor. They are gathered before anything is done with them: a store that is
// being read must not wait for a client.
func (a *api) scan(ctx context.Context, f ledger.Filter, after ledger.Cursor, limit int) ([]*usage.Record, error) {
	found := []*usage.Record{}
	err := a.read(ctx, func(ctx context.Context, reader ledger.Reader) error {
		return reader.Scan(ctx, f, after, func(r *usage.Record) bool {
			found = append(found, r)
			return len(found) < limit
		})
	})
	return found, err
}

// recordPage is the answer of /api/usage/records/{id}.
type recordPage struct {
	Record *usage.Record `json:"record"`
	Price  *priceRow     `json:"price"` // null: it was charged by no row
	Cost   any           `json:"cost"`  // how it came about, or why it is not known; null: there is nothing that costs
	// CostProblem is why that cannot be told.
	CostProblem string `json:"cost_problem,omitempty"`
}

// priceRow is the row of the price table that a record was charged by.
type priceRow struct {
	ID  string          `json:"id"`
	Row json.RawMessage `json:"row"`
}

// record answers /api/usage/records/{id}: all that is known of a record.
func (a *api) record(w http.ResponseWriter, r *http.Request) {
	if err := checkNames(namesOf(r.URL.Query())); err != nil {
		a.fail(w, r, err)
		return
	}
	var found *usage.Record
	err := a.read(r.Context(), func(ctx context.Context, reader ledger.Reader) (err error) {
		found, err = reader.Record(ctx, chi.URLParam(r, "id"))
		return err
	})
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, a.page(found))
}

func (a *api) page(r *usage.Record) recordPage {
	p := recordPage{Record: r}
	var row []byte
	if r.Price != nil && len(r.Price.Row) > 0 {
		row = r.Price.Row
		p.Price = &priceRow{r.Price.ID, row}
	}
	if a.Explain == nil || r.CostState == "" {
		return p
	}
	cost, err := a.Explain(row, r)
	if err != nil {
		p.CostProblem = err.Error()
		return p
	}
	p.Cost = cost
	return p
}
