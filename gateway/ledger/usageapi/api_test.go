package usageapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"windhover/gateway/ledger"
	"windhover/gateway/ledger/ledgertest"
	"windhover/gateway/usage"
)

// noon is when everything happens here.
var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// over is the API over a store that holds these records.
func over(t *testing.T, records ...*usage.Record) http.Handler {
	t.Helper()
	store := new(ledgertest.Memory)
	if err := store.Write(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	return New(Options{
		Reader:  func() (ledger.Reader, error) { return store, nil },
		Explain: explainNothing,
		Feed:    new(Feed),
		Now:     func() time.Time { return noon },
	})
}

func noReader() (ledger.Reader, error) {
	return nil, errors.New("the ledger is off; --data DIR turns it on")
}

// explainNothing stands in for the price table.
func explainNothing(row []byte, _ *usage.Record) (any, error) {
	if row == nil {
		return map[string]any{"reason": "no price fits"}, nil
	}
	if string(row) == `"broken"` {
		return nil, errors.New("the row is no row")
	}
	return map[string]any{}, nil
}

// made is an ordinary record that began some time before noon, with what is different about it.
func made(n int, before time.Duration, change func(r *usage.Record)) *usage.Record {
	r := ledgertest.Plain(noon.Add(-before), n)
	if change != nil {
		change(r)
	}
	return r
}

func failureBody(t *testing.T, w *httptest.ResponseRecorder) (code, parameter, message string) {
	t.Helper()
	var body struct {
		Error struct{ Message, Code, Param string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("%s: %v", w.Body, err)
	}
	if got := w.Header().Get("X-Windhover-Error"); got != body.Error.Code {
		t.Errorf("X-Windhover-Error = %q, want %q", got, body.Error.Code)
	}
	return body.Error.Code, body.Error.Param, body.Error.Message
}

// pages are those that read the store.
func pages() []string {
	return []string{"/api/usage", "/api/usage/records", "/api/usage/records/0190a", "/api/usage/export", "/api/usage/export?format=jsonl"}
}

func TestWithoutALedgerEachPageSaysWhyThereIsNone(t *testing.T) {
	t.Parallel()
	api := New(Options{Reader: noReader, Feed: new(Feed)})
	for _, page := range pages() {
		w := get(t, api, page)
		code, _, message := failureBody(t, w)
		if want := "the ledger is off; --data DIR turns it on"; w.Code != 503 || code != "ledger_unavailable" || message != want {
			t.Errorf("%s = %d %s %q, want 503 %q", page, w.Code, code, message, want)
		}
	}
}

// stuck is a store that answers only when nobody waits for it any more.
type stuck struct{}

func (stuck) Sum(ctx context.Context, _ ledger.Question) (*ledger.Answer, error) {
	<-ctx.Done()
	return nil, errors.New("interrupted")
}

func (stuck) Scan(ctx context.Context, _ ledger.Filter, _ ledger.Cursor, _ func(*usage.Record) bool) error {
	<-ctx.Done()
	return errors.New("interrupted")
}

func (stuck) Record(ctx context.Context, _ string) (*usage.Record, error) {
	<-ctx.Done()
	return nil, errors.New("interrupted")
}

func TestAStoreThatHangsHangsNoPage(t *testing.T) {
	t.Parallel()
	api := New(Options{Reader: func() (ledger.Reader, error) { return stuck{}, nil }, Feed: new(Feed), Patience: 10 * time.Millisecond})
	for _, page := range pages() {
		w := get(t, api, page)
		_, _, message := failureBody(t, w)
		if want := "the ledger did not answer within 10ms; choose a shorter range, or ask again when it has less to do"; w.Code != 503 || message != want {
			t.Errorf("%s = %d %q, want 503 %q", page, w.Code, message, want)
		}
	}
}

func TestPagesThatThereAreNoneOfAreFailures(t *testing.T) {
	t.Parallel()
	api := over(t)
	for request, want := range map[[2]string]struct {
		status        int
		allow, answer string
	}{
		{"GET", "/api/"}:                {404, "", `{"error":{"message":"there is no such page; /api/openapi.json describes those that there are","type":"gateway_not_found","code":"no_page"}}`},
		{"GET", "/api/usage/"}:          {404, "", `{"error":{"message":"there is no such page; /api/openapi.json describes those that there are","type":"gateway_not_found","code":"no_page"}}`},
		{"POST", "/api/usage"}:          {405, "GET", `{"error":{"message":"this page answers GET","type":"gateway_bad_request","code":"method_not_allowed"}}`},
		{"GET", "/api/usage/reprice"}:   {405, "POST", `{"error":{"message":"this page answers POST","type":"gateway_bad_request","code":"method_not_allowed"}}`},
		{"HEAD", "/api/usage/live"}:     {405, "GET", `{"error":{"message":"this page answers GET","type":"gateway_bad_request","code":"method_not_allowed"}}`},
		{"DELETE", "/api/usage/export"}: {405, "GET", `{"error":{"message":"this page answers GET","type":"gateway_bad_request","code":"method_not_allowed"}}`},
	} {
		w := httptest.NewRecorder()
		api.ServeHTTP(w, httptest.NewRequest(request[0], request[1], nil))
		if w.Code != want.status || w.Header().Get("Allow") != want.allow || w.Body.String() != want.answer+"\n" {
			t.Errorf("%s = %d, Allow %q, %s, want %+v", request, w.Code, w.Header().Get("Allow"), w.Body, want)
		}
	}
}

func TestNothingIsAnsweredToWhoHasLeft(t *testing.T) {
	t.Parallel()
	api := New(Options{Reader: func() (ledger.Reader, error) { return stuck{}, nil }, Feed: new(Feed)})
	ctx, leave := context.WithCancel(t.Context())
	leave()
	w := httptest.NewRecorder()
	api.ServeHTTP(w, httptest.NewRequest("GET", "/api/usage", nil).WithContext(ctx))
	if w.Body.Len() > 0 {
		t.Errorf("answer = %s, want none", w.Body)
	}
}
