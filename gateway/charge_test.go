package gateway

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"windhover/config"
	"windhover/gateway/usage"
)

// pricedFile is a provider that answers like OpenAI, at a price.
func pricedFile(upstream, prices string) string {
	return fmt.Sprintf(`version: 1
providers:
  acme:
    upstream: %s
    pricing: contract
    usage: acme
usage:
  acme:
    - fields: {model: first("model")}
    - from: usage
      fields: {input_tokens: first("in"), output_tokens: first("out")}
prices:
  %s
`, upstream, prices)
}

const halfAnswer, restOfAnswer = "data: {\"model\":\"m\"}\n\n", "data: {\"usage\":{\"in\":1000000,\"out\":1000}}\n\n"

// An exchange is charged by the file that it began with, whatever has been loaded since.
func TestReloadInMidStreamKeepsThePrice(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, halfAnswer)
		_ = http.NewResponseController(w).Flush()
		if r.URL.Path == "/slow" {
			<-release
		}
		_, _ = io.WriteString(w, restOfAnswer)
	}))
	t.Cleanup(upstream.Close)
	path := filepath.Join(t.TempDir(), "providers.yaml")
	write := func(prices string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(pricedFile(upstream.URL, prices)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read := func() (*config.File, error) { return config.Load(path, config.Options{}) }
	write("contract/m: {input: 1, output: 1}")
	file, err := read()
	if err != nil {
		t.Fatal(err)
	}
	records := new(records)
	g, err := New(file, Options{Loopback: true, Load: read, Sink: records.sink})
	if err != nil {
		t.Fatal(err)
	}
	gateway := httptest.NewServer(g)
	t.Cleanup(gateway.Close)
	get := func(path string) *http.Response {
		t.Helper()
		res, err := http.Get(gateway.URL + "/acme" + path)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	slow := get("/slow")
	if _, err := io.ReadFull(slow.Body, make([]byte, len(halfAnswer))); err != nil {
		t.Fatal(err)
	}
	write("contract/m: {input: 2, output: 2}")
	if err := g.Reload(); err != nil {
		t.Fatal(err)
	}
	fast := get("/fast")
	_, _ = io.Copy(io.Discard, fast.Body)
	_ = fast.Body.Close()
	records.wait(t, 1)
	close(release)
	_, _ = io.Copy(io.Discard, slow.Body)
	_ = slow.Body.Close()

	for i, rec := range records.wait(t, 2) {
		want := []int64{2_002_000_000, 1_001_000_000}[i] // the fast one came to its end first
		if rec.CostState != usage.Priced || rec.CostNanoUSD != want || !strings.HasPrefix(rec.Price.ID, "contract/m#") || rec.ModelLabel != "m" {
			t.Errorf("record of %s: %s, %d by %+v as %q, want priced, %d by contract/m as m", rec.Path, rec.CostState, rec.CostNanoUSD, rec.Price, rec.ModelLabel, want)
		}
	}
	again := *records.wait(t, 2)[1]
	if g.Charge(&again); again.CostNanoUSD != 2_002_000_000 {
		t.Errorf("charged anew it costs %d, want 2002000000: the price in use", again.CostNanoUSD)
	}
}

func TestRecordWithoutAPriceSaysSo(t *testing.T) {
	t.Parallel()
	up := answering(t, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 46\r\n\r\n"+`{"model":"secret-1","usage":{"in":1,"out":10}}`)
	g := start(t, pricedFile("http://"+up.addr, "contract/m: {input: 1, output: 1}"))
	if res, err := http.Get(g.url + "/acme/"); err == nil {
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
	rec := g.one(t)
	if rec.CostState != usage.Unpriced || rec.Price != nil || rec.ModelLabel != usage.Other {
		t.Errorf("record = %s by %+v as %q, want unpriced by nothing as other", rec.CostState, rec.Price, rec.ModelLabel)
	}
	line, err := rec.MarshalJSON()
	if err != nil || !strings.Contains(string(line), `"cost_nano_usd":null,"cost_state":"unpriced"`) {
		t.Errorf("record = %s, %v, want a cost of null", line, err)
	}
}

func TestRefusedRequestHasNoCost(t *testing.T) {
	t.Parallel()
	g := start(t, pricedFile("http://127.0.0.1:1", "contract/m: {input: 1, request: 1}"))
	if res, err := http.Get(g.url + "/nobody/"); err == nil {
		_ = res.Body.Close()
	}
	if rec := g.one(t); rec.CostState != "" || rec.Price != nil {
		t.Errorf("record = %q by %+v, want no cost", rec.CostState, rec.Price)
	}
}

// Records of a provider that is gone can still be charged anew.
func TestChargeKnowsProvidersThatAreGone(t *testing.T) {
	t.Parallel()
	s, err := Compile(load(t, "version: 1\nproviders: {grok: {upstream: 'https://api.x.ai', pricing: xai}}\n"), CompileOptions{Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	for provider, want := range map[string]string{"grok": "xai", "GROK": "xai", "openai": "openai"} {
		if got := s.Pricing(provider); got != want {
			t.Errorf("pricing of %s = %s, want %s", provider, got, want)
		}
	}
	rec := &usage.Record{Provider: "openai", Time: time.Now(), RequestModel: "gpt-5", UsageState: usage.Reported}
	rec.Usage.SetNumber(usage.InputTokens, usage.Whole(1000))
	if s.Charge(rec); rec.CostNanoUSD != 1_250_000 {
		t.Errorf("cost = %s %d, want 1250000", rec.CostState, rec.CostNanoUSD)
	}
}

func TestShippedProvidersArePricedByNamesOfTheTable(t *testing.T) {
	t.Parallel()
	s, err := Compile(load(t, "version: 1\nextends: builtin\n"), CompileOptions{Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	for provider, want := range map[string]string{
		"anthropic": "anthropic", "aws-bedrock": "bedrock", "azure": "azure", "azure-foundry": "azure", "azure-openai": "azure", "google-ai-studio": "google",
		"google-vertex-ai": "vertex", "grok": "xai", "perplexity-ai": "perplexity", "mistral": "mistral", "openrouter": "openrouter",
	} {
		if got := s.Pricing(provider); got != want {
			t.Errorf("pricing of %s = %s, want %s", provider, got, want)
		}
	}
	used := map[string]bool{}
	for _, name := range s.names {
		used[s.Pricing(name)] = true
	}
	for _, name := range s.Prices().Names() {
		if !used[name] {
			t.Errorf("no shipped provider is priced as %s", name)
		}
	}
}
