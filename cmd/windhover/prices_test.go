package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// pricedProviders has a table of its own beside the built-in one.
const pricedProviders = `version: 1
providers:
  acme:
    upstream: https://api.acme.example
    pricing: acme-inc
  harbour: {upstream: https://api.harbour.example}
prices:
  acme-inc/m-1:
    also: [m-1-202*]
    input: 2
    output: 10
    cache_read: 0.5
    search: 0.01
    tiers: [{above_input_tokens: 200000, input: 4}]
    modes: {batch: 0.5, flex: {input: 1}}
    regions: {us: 1.1}
    from: 2026-01-01
    source: the contract
    checked: 2026-02-03
    note: until further notice
  acme-inc/m-*: {input: 1}
  acme-inc/*: {reported: true}
  openai/gpt-5: off
models: [m-7]
`

func TestPricesSaysWhatWouldBeChargedAndWhy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "providers.yaml"), pricedProviders)
	const rates = `m-1-2026-03-01 of acme-inc
  entry   acme-inc/m-1 by its name m-1-202*, in PROVIDERS:8:3
  beats   acme-inc/m-*
  beats   acme-inc/*
  metrics m-1
  rates   input 2, output 10, cache_read 0.5, search 0.01
  tier    above 200000 input tokens: input 4
  mode    batch: times 0.5
  mode    flex: input 1
  region  us: tokens times 1.1
  holds   from 2026-01-01
  source  the contract, checked 2026-02-03
  note    until further notice
`
	const bill = `       input  80000  x    2/M  =  0.16
  cache_read  20000  x  0.5/M  =  0.01
      output   1000  x   10/M  =  0.01
         USD                   =  0.18
`
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"m-1-2026-03-01"}, rates},
		{[]string{"m-1-2026-03-01", "--provider", "acme"}, rates},
		{[]string{"m-1-2026-03-01", "--provider", "acme-inc", "--usage", "input_tokens=100000,cache_read_tokens=20000,output_tokens=1000"}, rates + bill},
		{[]string{"m-1", "--at", "2025-12-31", "--usage", "input_tokens=1"}, `m-1 of acme-inc
  entry   acme-inc/m-1, in PROVIDERS:8:3
  beats   acme-inc/m-*
  beats   acme-inc/*
  metrics m-1
unpriced: no row of acme-inc/m-1 holds at that time
`},
		{[]string{"m-7", "--usage", "input_tokens=1,output_tokens=1"}, `m-7 of acme-inc
  entry   acme-inc/m-*, in PROVIDERS:21:17
  beats   acme-inc/*
  metrics m-7
  rates   input 1
unpriced: the row has no rate for output
`},
		{[]string{"n", "--provider", "acme", "--usage", "reported_cost_usd=0.25"}, `n of acme-inc
  entry   acme-inc/*, in PROVIDERS:22:15
  metrics other
  cost    as the provider reports it, where it does
  reported_cost_usd  0.25  x  1  =  0.25
                USD              =  0.25
`},
		{[]string{"gpt-5", "--provider", "openai"}, `gpt-5 of openai
  entry   openai/gpt-5, in PROVIDERS:23:17
  metrics gpt-5
`},
		{[]string{"gpt-5", "--provider", "harbour"}, `gpt-5 of harbour
  entry   none fits
  metrics other
`},
	} {
		got := runIn(t, dir, nil, append([]string{"prices"}, tt.args...)...)
		got.stdout = strings.ReplaceAll(got.stdout, filepath.Join(dir, "providers.yaml"), "PROVIDERS")
		if want := (outcome{exitOK, tt.want, ""}); got != want {
			t.Errorf("prices %q = %+v\nwant %+v", tt.args, got, want)
		}
	}
}

func TestPricesRefusesWhatItCannotCharge(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"gtp-5"}, "windhover: no provider has a price for gtp-5; did you mean gpt-5?\n"},
		{[]string{"gpt-5", "--usage", "input=1"}, "windhover: --usage knows no field input\n"},
		{[]string{"gpt-5", "--usage", "input_token=1"}, "windhover: --usage knows no field input_token; did you mean input_tokens?\n"},
		{[]string{"gpt-5", "--usage", "input_tokens"}, "windhover: --usage input_tokens has no value; write it as in input_tokens=1000\n"},
		{[]string{"gpt-5", "--usage", "input_tokens=many"}, "windhover: --usage input_tokens: many is no number\n"},
		{[]string{"gpt-5", "--provider", "opnai"}, "windhover: --provider opnai: neither a provider nor a price has this name; did you mean openai?\n"},
		{[]string{"gpt-5", "--at", "tomorrow"}, "windhover: --at tomorrow is no day; write it as in 2026-12-01\n"},
		{[]string{"--usage", "input_tokens=1"}, "windhover: --usage charges an answer of one model; name it, as in windhover prices gpt-5 --usage input_tokens=1000\n"},
	} {
		got := runIn(t, dir, nil, append([]string{"prices"}, tt.args...)...)
		if want := (outcome{exitFailed, "", tt.want}); got != want {
			t.Errorf("prices %q = %+v, want %+v", tt.args, got, want)
		}
	}
}

func TestPricesListsTheTable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "providers.yaml"), pricedProviders)
	got := runIn(t, dir, nil, "prices", "--provider", "acme", "--at", "2026-06-01")
	got.stdout = strings.ReplaceAll(got.stdout, filepath.Join(dir, "providers.yaml"), "PROVIDERS")
	want := outcome{exitOK, "acme-inc/*    as reported                                                                     PROVIDERS:22:15\n" +
		"acme-inc/m-*  input 1                                                                         PROVIDERS:21:17\n" +
		"acme-inc/m-1  input 2, output 10, cache_read 0.5, search 0.01; tiers; batch flex  2026-02-03  PROVIDERS:8:3\n", ""}
	if got != want {
		t.Errorf("prices = %+v\nwant %+v", got, want)
	}
	one := runIn(t, dir, nil, "prices", "m-7", "--provider", "acme", "--json")
	if want := `"row": {
      "input": 1
    }`; !strings.Contains(one.stdout, want) {
		t.Errorf("prices m-7 --json = %s, want in it %s", one.stdout, want)
	}
	all := runIn(t, dir, nil, "prices", "--json")
	var list []struct{ Key, Rates, File string }
	if err := json.Unmarshal([]byte(all.stdout), &list); err != nil || len(list) != 557 {
		t.Errorf("prices --json lists %d entries, %v, want 557", len(list), err)
	}
}

func TestFileOfPricesIsLaidOverTheProvidersFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "providers.yaml"), pricedProviders)
	prices := filepath.Join(dir, "prices.yaml")
	writeFile(t, prices, "version: 1\nprices:\n  acme-inc/m-1: {input: 3}\n  acme-inc/m-*: off\n")
	got := runIn(t, dir, []string{"WINDHOVER_PRICES=" + prices}, "prices", "m-1", "--usage", "input_tokens=1000000")
	if want := "input  1000000  x  3/M  =     3"; !strings.Contains(got.stdout, want) || got.code != exitOK {
		t.Errorf("prices = %+v, want %s", got, want)
	}
	got = runIn(t, dir, nil, "check", "--prices", prices)
	if want := "2 providers, 553 prices (2 of its own), revision "; !strings.Contains(got.stdout, want) {
		t.Errorf("check = %+v, want %s", got, want)
	}
	writeFile(t, prices, "version: 1\nproviders: {}\nextends: builtin\nprices: {acme-inc/m-1: {inputs: 3}}\n")
	got = runIn(t, dir, nil, "check", "--prices", prices)
	want := outcome{exitFailed, "", prices + ":2:1: unknown key providers; known are version, extends, prices\n" +
		prices + ":3:10: extends: the built-in prices lie under every file; remove this line\n" +
		prices + ":4:25: prices.acme-inc/m-1: unknown key inputs; did you mean input?\n"}
	if got != want {
		t.Errorf("check = %+v\nwant %+v", got, want)
	}
}

func TestCheckWarnsOfPricesThatNobodyIsChargedBy(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "providers.yaml")
	writeFile(t, path, "version: 1\nextends: builtin\nprices:\n  opnai/gpt-5: {input: 1}\n  openai/gpt-5: {input: 1}\n")
	got := run(t, "check", path)
	want := path + ":4:16: warning: prices.opnai/gpt-5: no provider is priced as opnai; did you mean openai?\n"
	if got.code != exitOK || got.stderr != want {
		t.Errorf("check = %+v, want %s", got, want)
	}
}
