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
