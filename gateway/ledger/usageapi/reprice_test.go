package usageapi

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"windhover/gateway/ledger"
)

// repricing is the API over something that computes costs anew.
func repricing(reprice func(ctx context.Context, f ledger.Filter, dryRun bool) (*ledger.Repricing, error)) http.Handler {
	return New(Options{Reprice: reprice, Feed: new(Feed), Now: func() time.Time { return noon }})
}

func TestRepriceTellsTheDifferenceByModel(t *testing.T) {
	t.Parallel()
	sum := ledger.RepricedSum{Records: 3, Changed: 2, BeforeNanoUSD: 2_500_000_000, AfterNanoUSD: 1_000_000_000, UnpricedBefore: 1}
	var asked ledger.Filter
	var dry bool
	api := repricing(func(_ context.Context, f ledger.Filter, dryRun bool) (*ledger.Repricing, error) {
		asked, dry = f, dryRun
		return &ledger.Repricing{Total: sum, Models: []ledger.RepricedModel{{Provider: "openai", Model: "gpt-5", RepricedSum: sum}}}, nil
	})
	const sums = `"records":3,"changed":2,"before_nano_usd":2500000000,"before_usd":"2.5","after_nano_usd":1000000000,"after_usd":"1",` +
		`"difference_nano_usd":-1500000000,"difference_usd":"-1.5","unpriced_before":1,"unpriced_after":0}`
	want := `{"dry_run":true,"from":"2026-11-17T12:00:00Z","to":"2026-11-24T12:00:00Z","total":{` + sums +
		`,"models":[{"provider":"openai","model":"gpt-5",` + sums + "]}\n"
	w := ask(t, api, "POST", "/api/usage/reprice", `{"since":"7d","dry_run":true}`)
	if w.Code != 200 || w.Body.String() != want {
		t.Errorf("reprice = %d\n%s, want\n%s", w.Code, w.Body, want)
	}
	if !dry || !asked.From.Equal(noon.Add(-7*24*time.Hour)) || !asked.To.Equal(noon) {
		t.Errorf("asked for %v to %v, dry: %v", asked.From, asked.To, dry)
	}
}

func TestMistakesInARepricingSayWhatWouldBeRight(t *testing.T) {
	t.Parallel()
	api := repricing(func(context.Context, ledger.Filter, bool) (*ledger.Repricing, error) {
		return new(ledger.Repricing), nil
	})
	for body, want := range map[string]string{
		"":                                    `body: it is no JSON object; write it as in {"since": "7d", "dry_run": true}`,
		`[]`:                                  `body: it is no JSON object; write it as in {"since": "7d", "dry_run": true}`,
		`{"since":"7d"}{}`:                    `body: it is no JSON object; write it as in {"since": "7d", "dry_run": true}`,
		strings.Repeat(" ", maxRequestBody+1): `body: it is longer than 65536 bytes`,
		`{}`:                                  `since: it is missing; write from when on costs are computed anew, as in "2026-11-24" or "7d"`,
		`null`:                                `since: it is missing; write from when on costs are computed anew, as in "2026-11-24" or "7d"`,
		`{"since":"7d","dryrun":true}`:        `dryrun: there is no such parameter; did you mean dry_run?`,
		`{"since":7}`:                         `since: 7 is no text; write it as in "2026-11-24" or "7d"`,
		`{"since":null}`:                      `since: null is no text; write it as in "2026-11-24" or "7d"`,
		`{"since":"7"}`:                       `since: "7" has no unit; write it as in 7h or 7d`,
		`{"since":"7d","until":"8d"}`:         `since: the range is empty: 2026-11-17T12:00:00Z is not before its end, 2026-11-16T12:00:00Z, which is not in it`,
		`{"since":"7d","dry_run":"true"}`:     `dry_run: "true" is neither true nor false`,
		`{"since":"7d","dry_run":null}`:       `dry_run: null is neither true nor false`,
	} {
		w := ask(t, api, "POST", "/api/usage/reprice", body)
		if code, _, message := failureBody(t, w); w.Code != 400 || code != "bad_parameter" || message != want {
			t.Errorf("%.40q: %d %s %q, want 400 %q", body, w.Code, code, message, want)
		}
	}
}

func TestOneRepricingRunsAtATime(t *testing.T) {
	t.Parallel()
	began, end := make(chan struct{}), make(chan struct{})
	api := repricing(func(context.Context, ledger.Filter, bool) (*ledger.Repricing, error) {
		began <- struct{}{}
		<-end
		return new(ledger.Repricing), nil
	})
	first := httptest.NewRecorder()
	done := make(chan struct{})
	go func() {
		defer close(done)
		api.ServeHTTP(first, httptest.NewRequest("POST", "/api/usage/reprice", strings.NewReader(`{"since":"7d"}`)))
	}()
	<-began
	w := ask(t, api, "POST", "/api/usage/reprice", `{"since":"7d"}`)
	if code, _, message := failureBody(t, w); w.Code != 409 || code != "reprice_running" || message != "costs are being computed anew already; ask again when that has ended" {
		t.Errorf("the second = %d %s %q, want 409", w.Code, code, message)
	}
	close(end)
	<-done
	if first.Code != 200 {
		t.Errorf("the first = %d %s", first.Code, first.Body)
	}
	go func() { <-began }()
	if w := ask(t, api, "POST", "/api/usage/reprice", `{"since":"7d"}`); w.Code != 200 {
		t.Errorf("the third, after both = %d %s, want 200", w.Code, w.Body)
	}
}

func TestRepricingThatFailsSaysWhy(t *testing.T) {
	t.Parallel()
	api := repricing(func(context.Context, ledger.Filter, bool) (*ledger.Repricing, error) {
		return nil, errors.New("write costs: the disk is full")
	})
	w := ask(t, api, "POST", "/api/usage/reprice", `{"since":"7d"}`)
	if code, _, message := failureBody(t, w); w.Code != 503 || code != "ledger_unavailable" || message != "costs could not be computed anew: write costs: the disk is full; what was changed stays, and asking again goes on" {
		t.Errorf("reprice = %d %s %q, want 503", w.Code, code, message)
	}
}
