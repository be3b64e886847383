package price

import (
	"fmt"
	"strings"
	"testing"

	"windhover/config"
	"windhover/gateway/usage"
)

func TestLongestNameThatFitsCounts(t *testing.T) {
	t.Parallel()
	table := newTable(t, `
  acme/m-1: {also: ['m-1-202*', M-one], input: 1}
  acme/m-1-5: {input: 2}
  acme/m-*: {input: 3}
  acme/m-*-mini: {input: 4}
  acme/*: {input: 5}
  other/m-1: {input: 6}
`)
	for model, want := range map[string]string{
		"m-1":            "acme/m-1",
		"M-1":            "acme/m-1",
		"m-ONE":          "acme/m-1",
		"m-1-2026-03-01": "acme/m-1",
		"m-1-5":          "acme/m-1-5",
		"m-1-5-2026":     "acme/m-*",
		"m-9-mini":       "acme/m-*-mini",
		"n":              "acme/*",
		"":               "acme/*",
	} {
		if q := table.Quote(&usage.Record{RequestModel: model}, "acme"); q.Key != want {
			t.Errorf("%q is charged by %s, want %s", model, q.Key, want)
		}
	}
	if q := table.Quote(&usage.Record{RequestModel: "m-1"}, "acme"); strings.Join(q.Beaten, ", ") != "acme/m-*, acme/*" {
		t.Errorf("m-1 beats %q", q.Beaten)
	}
}

func TestModelThatAnsweredGoesBeforeTheOneThatWasAskedFor(t *testing.T) {
	t.Parallel()
	table := newTable(t, "  acme/m: {input: 1}\n  acme/n: {input: 2}\n")
	if got := charged(t, table, record(t, "input_tokens=1000000 model=n")); got != "priced 2.00" {
		t.Errorf("charged %s, want priced 2.00", got)
	}
}

func TestStarStandsForAnything(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pattern, text string
		want          bool
	}{
		{"a*", "a", true}, {"a*", "ab", true}, {"a*", "ba", false}, {"*a", "ba", true}, {"*a", "ab", false},
		{"a*a", "a", false}, {"a*a", "aa", true}, {"a*b*c", "a-b-b-c", true}, {"a*b*c", "acb", false},
		{"*", "", true}, {"**", "x", true}, {"a", "a", true}, {"a", "ab", false}, {"a*b*b", "ab", false},
	} {
		if got := fits(tt.pattern, tt.text); got != tt.want {
			t.Errorf("fits(%q, %q) = %t, want %t", tt.pattern, tt.text, got, tt.want)
		}
	}
}

func TestFileIsLaidOverTheBuiltInTable(t *testing.T) {
	t.Parallel()
	table := newTable(t, "  openai/gpt-5: {input: 7, output: 7}\n  openai/gpt-5-mini: off\n  openai/o3-2025-04-16: {input: 8, output: 8}\n")
	for model, want := range map[string]string{
		"gpt-5":            "priced 7.00",
		"gpt-5-2025-08-07": `unpriced: no price fits the model "gpt-5-2025-08-07"`, // it was a name of the entry that is replaced
		"gpt-5-mini":       "unpriced: the file says off: openai/gpt-5-mini",
		"gpt-5-nano":       "priced 0.05",
		"o3":               "priced 2.00",
		"o3-2025-04-16":    "priced 8.00",
	} {
		r := record(t, "input_tokens=1000000")
		r.RequestModel = model
		table.Charge(r, "openai")
		q := table.Quote(r, "openai")
		got := string(r.CostState) + " " + Dollars(r.CostNanoUSD)
		if r.CostState == usage.Unpriced {
			got = "unpriced: " + q.Reason
		}
		if got != want {
			t.Errorf("%s: %s, want %s", model, got, want)
		}
	}
}

func TestOffGoesBeforeAProvidersDefault(t *testing.T) {
	t.Parallel()
	table := newTable(t, "  acme/*: {input: 1}\n  acme/m: off\n")
	if got, want := charged(t, table, record(t, "input_tokens=1")), "unpriced: the file says off: acme/m"; got != want {
		t.Errorf("charged %s, want %s", got, want)
	}
	if got, want := charged(t, table, record(t, "model=n input_tokens=1000000")), "priced 1.00"; got != want {
		t.Errorf("charged %s, want %s", got, want)
	}
}

// A successor with a longer name has a price of its own, and until it is known, none.
func TestNoModelIsChargedAtItsNeighboursPrice(t *testing.T) {
	t.Parallel()
	table := newTable(t, "  acme/m: {input: 1}\n")
	for _, name := range []string{
		"anthropic/claude-sonnet-5-9", "anthropic/claude-opus-6", "openai/gpt-5.7", "openai/gpt-5-ultra", "openai/gpt-4o-2024-05-13",
		"google/gemini-2.5-pro-max", "google/gemini-4-flash", "mistral/mistral-medium-9", "bedrock/eu.amazon.nova-lite-v1:0",
		"bedrock/eu.anthropic.claude-opus-6", "vertex/claude-opus-6@20270101", "deepseek/deepseek-chat-pro", "openai/ft:gpt-4o-2024-08-06:acme::1",
	} {
		pricing, model := config.CutPriceKey(name)
		if !table.WithoutPrice(pricing, model) {
			t.Errorf("%s is charged by %s", name, table.Quote(&usage.Record{RequestModel: model}, pricing).Key)
		}
	}
}

// These are names as providers report them, or as they stand in paths where they report none.
func TestNamesAsProvidersReportThemFindTheirRows(t *testing.T) {
	t.Parallel()
	table := newTable(t, "  acme/m: {input: 1}\n")
	for name, want := range map[string]string{
		"anthropic/claude-sonnet-4-5-20250929":                                      "anthropic/claude-sonnet-4-5",
		"anthropic/claude-3-haiku-20240307":                                         "anthropic/claude-3-haiku",
		"anthropic/claude-sonnet-5-5":                                               "anthropic/claude-sonnet-5-5",
		"anthropic/claude-opus-5-5":                                                 "anthropic/claude-opus-5-5",
		"openai/gpt-5-nano-2025-08-07":                                              "openai/gpt-5-nano",
		"openai/gpt-4o-2024-08-06":                                                  "openai/gpt-4o",
		"azure/gpt-4o-2024-11-20":                                                   "azure/gpt-4o",
		"azure/o4-mini-2025-04-16":                                                  "azure/o4-mini",
		"google/gemini-2.5-flash":                                                   "google/gemini-2.5-flash",
		"google/models/gemini-2.5-flash":                                            "google/gemini-2.5-flash",
		"google/gemini-2.5-pro-preview-05-06":                                       "google/gemini-2.5-pro",
		"google/gemini-2.5-flash-native-audio-preview-09-2025":                      "google/gemini-live-2.5-flash",
		"vertex/gemini-2.5-pro":                                                     "vertex/gemini-2.5-pro",
		"vertex/publishers/google/models/gemini-2.5-pro":                            "vertex/gemini-2.5-pro",
		"vertex/claude-sonnet-4-5@20250929":                                         "vertex/claude-sonnet-4-5@20250929",
		"vertex/claude-sonnet-5":                                                    "vertex/claude-sonnet-5@default",
		"vertex/meta/llama-4-maverick-17b-128e-instruct-maas":                       "vertex/meta/llama-4-maverick-17b-128e-instruct-maas",
		"fireworks/accounts/fireworks/models/gpt-oss-120b":                          "fireworks/accounts/fireworks/models/gpt-oss-120b",
		"bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0":                      "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
		"bedrock/eu.anthropic.claude-haiku-4-5-20251001-v1:0":                       "bedrock/eu.anthropic.claude-haiku-4-5-20251001-v1:0",
		"bedrock/us.amazon.nova-2-lite-v1:0":                                        "bedrock/regional.amazon.nova-2-lite-v1:0",
		"bedrock/us.amazon.nova-lite-v1:0":                                          "bedrock/amazon.nova-lite-v1:0",
		"bedrock/arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0": "bedrock/amazon.nova-lite-v1:0",
		"bedrock/arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-5":       "bedrock/eu.anthropic.claude-sonnet-5",
		"bedrock/arn:aws:bedrock:us-east-1:123456789012:inference-profile/global.anthropic.claude-sonnet-4-6": "bedrock/global.anthropic.claude-sonnet-4-6",
		"bedrock/arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/otnfa2ysixqd":           "",
		"xai/grok-4-fast-reasoning":                        "xai/grok-4-fast-reasoning",
		"xai/grok-imagine-video":                           "xai/*",
		"together/meta-llama/llama-3.3-70B-Instruct-Turbo": "together/meta-llama/Llama-3.3-70B-Instruct-Turbo",
		"openrouter/meta-llama/llama-3.2-3b-instruct:free": "openrouter/*:free",
		"openrouter/openai/gpt-4o-mini-2024-07-18":         "openrouter/openai/gpt-4o-mini-2024-07-18",
		"openrouter/acme/anything":                         "openrouter/*",
		"vercel/anthropic/claude-sonnet-4":                 "vercel/*",
		"mistral/mistral-medium-latest":                    "mistral/mistral-medium-latest",
	} {
		pricing, model := config.CutPriceKey(name)
		if q := table.Quote(&usage.Record{RequestModel: model, Time: someday}, pricing); q.Key != want {
			t.Errorf("%s is charged by %q, want %q", name, q.Key, want)
		}
	}
}

// Clients choose the names of models: metrics get only those that the table or the file knows.
func TestLabelsAreAClosedSet(t *testing.T) {
	t.Parallel()
	f, err := config.Load("", config.Options{Builtin: []byte("version: 1\nprices:\n  acme/m: {also: ['m-202*'], input: 1}\n  acme/n-*: {input: 1}\nmodels: [n-1, Own]\n")})
	if err != nil {
		t.Fatal(err)
	}
	table, _ := Compile(f)
	for model, want := range map[string]string{
		"m": "m", "M": "m", "m-2026": "m", "n-1": "n-1", "n-2": usage.Other, "own": "Own", "x": usage.Other, "": usage.Other,
	} {
		r := &usage.Record{RequestModel: model}
		if table.Charge(r, "acme"); r.ModelLabel != want {
			t.Errorf("the label of %q is %q, want %q", model, r.ModelLabel, want)
		}
	}
	for i := range 3 * maxCached {
		r := &usage.Record{RequestModel: fmt.Sprint("random-", i)}
		if table.Charge(r, "acme"); r.ModelLabel != usage.Other {
			t.Fatalf("the label of %q is %q", r.RequestModel, r.ModelLabel)
		}
	}
	if len(table.cache) > maxCached {
		t.Errorf("the table remembers %d models, want at most %d", len(table.cache), maxCached)
	}
}
