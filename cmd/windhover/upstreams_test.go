package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// The state of a breaker is in the log, on the page and in the metrics, and watching it changes no answer.
func TestProviderThatFailsIsShownEverywhere(t *testing.T) {
	t.Parallel()
	g := start(t, provider(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	for range 6 {
		res := ask(t, g.address)
		if _, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("X-Windhover-Error") != "" {
			t.Fatalf("answer = %d %v, %v, want the provider's", res.StatusCode, res.Header, err)
		}
	}
	g.logged(t, `level=WARN msg="the breaker of an upstream is (open)" provider=openai host=127\.0\.0\.1:\d+ model=\S* ?was=closed last_failure="status 503" refuses=false`)
	metrics := get(t, g.admin, "/metrics")
	for _, want := range []string{
		`windhover_breakers{provider="openai",state="open"} 1`,
		`windhover_breakers{provider="openai",state="closed"} 0`,
		`windhover_breaker_openings_total{provider="openai"} 1`,
		`windhover_upstream_refusals_total{provider="openai"} 0`,
		`windhover_retries_withheld_total{provider="openai",reason="budget"} 0`,
	} {
		if !strings.Contains(metrics, "\n"+want+"\n") {
			t.Errorf("/metrics holds no %s:\n%s", want, metrics)
		}
	}
	if page := get(t, g.admin, "/api/providers"); !strings.Contains(page, `"state":"open"`) || !strings.Contains(page, `"last_failure":"status 503"`) {
		t.Errorf("/api/providers = %s", page)
	}
}
