package gateway

import (
	"fmt"
	"strings"
	"testing"
)

func TestChangesNameWhatWasAddedRemovedAndChanged(t *testing.T) {
	t.Parallel()
	before := load(t, `version: 1
providers:
  kept: {upstream: 'https://kept.example', usage: kept}
  moved: {upstream: 'https://old.example'}
  gone: {upstream: 'https://gone.example'}
usage:
  kept: [{fields: {model: first("model")}}]
  mended: [{fields: {model: first("model")}}]
fields:
  gone: {input_tokens: first("in")}
prices:
  acme/kept: {input: 1.50}
  acme/dearer: {input: 1}
  openai/gpt-5: {input: 1}
models: [kept, gone]
`)
	after := load(t, `version: 1
fields:
  new: {input_tokens: first("in")}
usage:
  mended: [{fields: {model: first("name")}}]
  kept: [{fields: {model: first("model")}}]
providers:
  new: {upstream: 'https://new.example'}
  another: {upstream: 'https://new.example'}
  moved: {upstream: 'https://new.example'}
  kept: {upstream: 'https://kept.example', usage: kept}
models: [new, kept]
prices:
  openai/gpt-5: off
  acme/dearer: {input: 2}
  acme/kept:
    input: 1.50
`)
	got := fmt.Sprint(changesBetween(before, after)...)
	want := fmt.Sprint("providers_added", "another new", "providers_removed", "gone", "providers_changed", "moved",
		"usage_changed", "mended", "fields_added", "new", "fields_removed", "gone",
		"prices_changed", "acme/dearer openai/gpt-5", "models_added", "new", "models_removed", "gone")
	if got != want {
		t.Errorf("changesBetween = %s, want %s", got, want)
	}
	if got := changesBetween(after, after); len(got) > 0 {
		t.Errorf("changesBetween the same file = %v, want nothing", got)
	}
}

func TestChangesStayReadableForAThousandNames(t *testing.T) {
	t.Parallel()
	got := fmt.Sprint(changesBetween(load(t, manyProviders(1)), load(t, manyProviders(1000)))...)
	want := "providers_added" + "p1 p10 p100 p101 p102 p103 p104 p105 p106 p107 and 989 more"
	if got != want {
		t.Errorf("changesBetween = %s, want %s", got, want)
	}
}

// manyProviders is a file of n providers named p0, p1 and so on.
func manyProviders(n int) string {
	var b strings.Builder
	b.WriteString("version: 1\nproviders:\n")
	for i := range n {
		fmt.Fprintf(&b, "  p%d: {upstream: 'https://p%d.example'}\n", i, i)
	}
	return b.String()
}
