package usageapi

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"windhover/gateway/ledger"
)

// maxRequestBody bounds a request's body, in bytes.
const maxRequestBody = 64 << 10

// ParseRepricing reads what POST /api/usage/reprice is sent, an object in JSON. The error, if any, is a ParameterError.
func ParseRepricing(body []byte, now time.Time) (f ledger.Filter, dryRun bool, err error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return f, false, wrong("body", `it is no JSON object; write it as in {"since": "7d", "dry_run": true}`)
	}
	if err := checkNames(slices.Collect(maps.Keys(members)), "since", "until", "dry_run"); err != nil {
		return f, false, err
	}
	values := url.Values{}
	for _, name := range []string{"since", "until"} {
		if value, given := members[name]; given {
			var text string
			if value[0] != '"' || json.Unmarshal(value, &text) != nil {
				return f, false, wrong(name, "%s is no text; write it as in \"2026-11-24\" or \"7d\"", value)
			}
			values.Set(name, text)
		}
	}
	if !values.Has("since") {
		return f, false, wrong("since", `it is missing; write from when on costs are computed anew, as in "2026-11-24" or "7d"`)
	}
	if value, given := members["dry_run"]; given {
		if text := string(value); text != "true" && text != "false" {
			return f, false, wrong("dry_run", "%s is neither true nor false", text)
		}
		dryRun = string(value) == "true"
	}
	s, err := parseSpan(values, now)
	return ledger.Filter{From: s.from, To: s.to}, dryRun, err
}

// reprice answers POST /api/usage/reprice.
func (a *api) reprice(w http.ResponseWriter, r *http.Request) {
	if err := checkNames(namesOf(r.URL.Query())); err != nil {
		a.fail(w, r, err)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequestBody))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			err = wrong("body", "it is longer than %d bytes", maxRequestBody)
		}
		a.fail(w, r, err)
		return
	}
	filter, dryRun, err := ParseRepricing(body, a.Now())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	select {
	case a.repricing <- struct{}{}:
		defer func() { <-a.repricing }()
	default:
		(&failure{http.StatusConflict, "conflict", "reprice_running", "", "costs are being computed anew already; ask again when that has ended"}).write(w)
		return
	}
	done, err := a.Reprice(r.Context(), filter, dryRun)
	if err != nil {
		unavailable("costs could not be computed anew: " + err.Error() + "; what was changed stays, and asking again goes on").write(w)
		return
	}
	writeJSON(w, http.StatusOK, NewRepricingReport(filter, dryRun, done))
}

// RepricingReport is what computing costs anew has changed, or would change, as it is shown.
type RepricingReport struct {
	DryRun bool `json:"dry_run"`
	Range
	Total  RepricedSum     `json:"total"`  // of Models
	Models []RepricedModel `json:"models"` // the greatest difference first
}

// RepricedModel is the sum of one model's records.
type RepricedModel struct {
	Provider string `json:"provider"`
	Model    string `json:"model"`
	RepricedSum
}

// RepricedSum is a ledger.RepricedSum, with money as whole billionths of a dollar and as a decimal text in dollars.
type RepricedSum struct {
	Records           int64  `json:"records"`
	Changed           int64  `json:"changed"`
	BeforeNanoUSD     int64  `json:"before_nano_usd"`
	BeforeUSD         string `json:"before_usd"`
	AfterNanoUSD      int64  `json:"after_nano_usd"`
	AfterUSD          string `json:"after_usd"`
	DifferenceNanoUSD int64  `json:"difference_nano_usd"`
	DifferenceUSD     string `json:"difference_usd"`
	UnpricedBefore    int64  `json:"unpriced_before"`
	UnpricedAfter     int64  `json:"unpriced_after"`
}

// NewRepricingReport is the report of what was done to the records that a filter chooses.
func NewRepricingReport(f ledger.Filter, dryRun bool, done *ledger.Repricing) RepricingReport {
	report := RepricingReport{DryRun: dryRun, Range: Range{f.From, f.To}, Total: shown(done.Total), Models: []RepricedModel{}}
	for _, m := range done.Models {
		report.Models = append(report.Models, RepricedModel{m.Provider, m.Model, shown(m.RepricedSum)})
	}
	return report
}

func shown(s ledger.RepricedSum) RepricedSum {
	return RepricedSum{
		Records: s.Records, Changed: s.Changed,
		BeforeNanoUSD: s.BeforeNanoUSD, BeforeUSD: ledger.USD(s.BeforeNanoUSD),
		AfterNanoUSD: s.AfterNanoUSD, AfterUSD: ledger.USD(s.AfterNanoUSD),
		DifferenceNanoUSD: s.Difference(), DifferenceUSD: ledger.USD(s.Difference()),
		UnpricedBefore: s.UnpricedBefore, UnpricedAfter: s.UnpricedAfter,
	}
}
