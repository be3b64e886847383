package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"windhover/config"
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
