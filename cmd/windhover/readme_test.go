package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"windhover"
	"windhover/config"
	"windhover/gateway/ledger/ledgertest"
	"windhover/gateway/usage"
)

var update = flag.Bool("update", false, "write what is generated anew")

// The table of settings in README.md stands between these lines.
const (
	settingsBegin = "<!-- settings -->\n"
	settingsEnd   = "<!-- /settings -->"
)

func TestReadmeListsTheSettings(t *testing.T) {
	compareReadme(t, settingsBegin, settingsEnd, settingsMarkdown(config.SettingsTable()))
}

// compareReadme compares what stands between two lines of README.md with what is generated, or writes that there.
func compareReadme(t *testing.T, begin, end, want string) {
	t.Helper()
	path := filepath.Join("..", "..", "README.md")
	before, rest, begins := strings.Cut(readFile(t, path), begin)
	got, after, ends := strings.Cut(rest, end)
	if !begins || !ends {
		t.Fatalf("README.md has no table between %q and %q", begin, end)
	}
	if got == want {
		return
	}
	if !*update {
		t.Fatalf("README.md's table differs from what is generated; go test ./cmd/windhover -run Readme -update writes it:\n%s", want)
	}
	if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The answer of windhover usage in README.md stands between these lines.
const (
	usageBegin = "<!-- usage -->\n"
	usageEnd   = "<!-- /usage -->"
)

func TestReadmeShowsUsageAsItIsPrinted(t *testing.T) {
	folder := t.TempDir()
	keep(t, filepath.Join(folder, "data"), usedInNovember()...)
	args := []string{"usage", "--since", "2026-11-01", "--until", "2026-12-01", "--by", "model,label:team"}
	got := runIn(t, folder, nil, args...)
	if got.code != exitOK || got.stderr != "" {
		t.Fatalf("usage = %+v", got)
	}
	block := "\n    $ windhover " + strings.Join(args, " ") + "\n"
	for line := range strings.Lines(got.stdout) {
		if line != "\n" {
			line = "    " + line
		}
		block += line
	}
	compareReadme(t, usageBegin, usageEnd, block+"\n")
}

// usedInNovember are records for README.
func usedInNovember() []*usage.Record {
	var all []*usage.Record
	add := func(model, team string, n int, input, output, cost int64, change func(r *usage.Record)) {
		for range n {
			r := ledgertest.Plain(noon.Add(time.Duration(len(all))*time.Minute), len(all))
			r.Labels = map[string]string{"team": team}
			r.Usage.SetText(usage.Model, model)
			r.Usage.SetNumber(usage.InputTokens, usage.Whole(input))
			r.Usage.SetNumber(usage.OutputTokens, usage.Whole(output))
			r.Usage.SetNumber(usage.CacheReadTokens, usage.Whole(input/4))
			r.CostNanoUSD = cost
			change(r)
			all = append(all, r)
		}
	}
	priced := func(*usage.Record) {}
	add("claude-sonnet-4-5", "search", 120, 18_400, 900, 61_180_000, priced)
	add("gpt-5-mini", "search", 400, 2_100, 350, 1_106_250, priced)
	add("gpt-5-mini", "support", 250, 1_800, 300, 961_500, priced)
	add("kestrel-2", "support", 8, 5_000, 640, 0, func(r *usage.Record) { r.CostState, r.Price = usage.Unpriced, nil })
	add("gpt-5-mini", "support", 2, 0, 0, 0, func(r *usage.Record) {
		r.UsageState, r.CostState, r.Price, r.Usage, r.RequestModel = usage.Missing, "", nil, usage.Usage{}, "gpt-5-mini"
	})
	return all
}

// The table of the usage API in README.md stands between these lines.
const (
	apiBegin = "<!-- api -->\n"
	apiEnd   = "<!-- /api -->"
)

// Every request in README's table of the usage API is answered, and every page of the API is in it.
func TestRequestsToTheUsageAPIInReadmeAreAnswered(t *testing.T) {
	t.Parallel()
	_, rest, _ := strings.Cut(readFile(t, filepath.Join("..", "..", "README.md")), apiBegin)
	rows, _, _ := strings.Cut(rest, apiEnd)
	folder := t.TempDir()
	record := ledgertest.Plain(time.Now().Add(-time.Hour), 1)
	keep(t, filepath.Join(folder, "data"), record)
	g := start(t, folder)
	g.logged(t, `(the ledger is being written)`)
	listed := map[string]bool{"/api/openapi.json": true}
	for _, row := range regexp.MustCompile("(?m)^\\| `(GET|POST) ([^`]+)`(?: with `([^`]+)`)?").FindAllStringSubmatch(rows, -1) {
		path, _, _ := strings.Cut(row[2], "?")
		listed[path] = true
		ctx, leave := context.WithTimeout(t.Context(), 20*time.Second)
		request, err := http.NewRequestWithContext(ctx, row[1], "http://"+g.admin+strings.Replace(row[2], "{id}", record.ID, 1), strings.NewReader(row[3]))
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Errorf("%s %s: %v, %v, want 200 OK", row[1], row[2], response, err)
		}
		leave() // the live page would go on
	}
	var document struct{ Paths map[string]any }
	if err := json.Unmarshal(windhover.UsageAPI, &document); err != nil {
		t.Fatal(err)
	}
	if got, want := slices.Sorted(maps.Keys(listed)), slices.Sorted(maps.Keys(document.Paths)); !slices.Equal(got, want) {
		t.Errorf("README lists %q, the document %q", got, want)
	}
}

func settingsMarkdown(table []config.Setting) string {
	var b strings.Builder
	b.WriteString("\n| flag | environment | `windhover.yaml` | default | meaning |\n|---|---|---|---|---|\n")
	for _, x := range table {
		flag := "--" + x.Name
		if x.Form != "" {
			flag += " " + x.Form
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", code(flag), code(x.Env()), code(x.Key()), code(x.Default), strings.ReplaceAll(x.Help, "|", `\|`))
	}
	return b.String() + "\n"
}

// code is text as code in a cell of a table, or an empty cell.
func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(text, "|", `\|`) + "`"
}

// What the documents show works as it is: every providers file in them loads, with its references taken as set.
func TestFilesInTheDocumentsLoad(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := 0
	for _, name := range append(files, "../../README.md") {
		for _, yaml := range yamlBlocks(readFile(t, name)) {
			if !strings.HasPrefix(yaml, "version:") {
				continue
			}
			blocks++
			path := filepath.Join(t.TempDir(), "providers.yaml")
			writeFile(t, path, yaml)
			if got := run(t, "check", "--no-secrets", path); got.code != exitOK {
				t.Errorf("%s: check says\n%sof\n%s", name, strings.ReplaceAll(got.stderr, path, "providers.yaml"), yaml)
			}
		}
	}
	if blocks == 0 {
		t.Error("the documents show no providers file")
	}
}

// The two providers of README are in no shipped file: one of a known family, and one whose answers have a shape of their own.
func TestProvidersOfReadmeAreMeteredWithoutAnyGo(t *testing.T) {
	t.Parallel()
	answers := map[string]struct{ path, answer, want string }{
		"lab": {
			"/v1/chat/completions", `{"model":"m-1","usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}`,
			`{"model":"m-1","input_tokens":7,"output_tokens":2,"total_tokens":9}`,
		},
		"harbour": {
			"/v2/generate", `{"result":{"text":"…","counts":{"prompt":5,"cached":4,"generated":3}}}`,
			`{"model":"h-1","input_tokens":9,"output_tokens":3}`,
		},
	}
	for name, x := range answers {
		folder := t.TempDir()
		for _, yaml := range yamlBlocks(readFile(t, filepath.Join("..", "..", "README.md"))) {
			if strings.Contains(yaml, "\n  "+name+":") {
				writeFile(t, filepath.Join(folder, "providers.yaml"), yaml)
				break // a later block shows something else of it
			}
		}
		recorded := filepath.Join(folder, name, "answer")
		if err := os.MkdirAll(recorded, 0o700); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(recorded, "request.http"), "POST "+x.path+" HTTP/1.1\nContent-Type: application/json\n\n{\"model\":\"h-1\"}")
		writeFile(t, filepath.Join(recorded, "response.http"), "HTTP/1.1 200 OK\nContent-Type: application/json\n\n"+x.answer)
		writeFile(t, filepath.Join(recorded, "usage.json"), x.want)
		got := run(t, "test", "--providers", filepath.Join(folder, "providers.yaml"), filepath.Join(folder, name))
		if !strings.HasSuffix(got.stdout, "\n1 passed, 0 failed\n") {
			t.Errorf("%s: test says\n%s%s", name, got.stdout, got.stderr)
		}
	}
}

// yamlBlocks are the fenced blocks of a document that are marked as YAML.
func yamlBlocks(markdown string) []string {
	var blocks []string
	for {
		_, after, found := strings.Cut(markdown, "\n```yaml\n")
		if !found {
			return blocks
		}
		block, rest, _ := strings.Cut(after, "\n```\n")
		blocks = append(blocks, block+"\n")
		markdown = "\n" + rest
	}
}
