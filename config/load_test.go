package config

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

const goodFolder = "../testdata/config/good"

func loadGood(t *testing.T, name string) *File {
	t.Helper()
	return load(t, filepath.Join(goodFolder, name), testOptions())
}

func load(t *testing.T, path string, o Options) *File {
	t.Helper()
	file, err := Load(path, o)
	if err != nil {
		t.Fatalf("Load(%q): %v", path, err)
	}
	return file
}

// loadText loads a file of this text, in a folder of its own.
func loadText(t *testing.T, text string) (*File, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "providers.yaml")
	writeFile(t, path, text)
	return Load(path, testOptions())
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func names[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func values(list TextList) []string {
	texts := []string{}
	for _, t := range list {
		texts = append(texts, t.Value)
	}
	return texts
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

func TestShippedFileLoads(t *testing.T) {
	t.Parallel()
	shipped, err := os.ReadFile("../providers.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := load(t, "", Options{Builtin: shipped})
	if len(file.Providers) < 55 {
		t.Errorf("the shipped file has %d providers, want at least 55", len(file.Providers))
	}
	equal(t, "Paths", len(file.Paths), 0)
}

func TestGoodFilesLoad(t *testing.T) {
	t.Parallel()
	for _, name := range goodFiles(t) {
		if filepath.Base(name) != "secrets" {
			load(t, name, testOptions())
		}
	}
}

func TestProvidersAndRulesKnowTheirPlace(t *testing.T) {
	t.Parallel()
	file := loadGood(t, "routes.yaml")
	acme := file.Providers["acme"]
	path := filepath.Join(goodFolder, "routes.yaml")
	equal(t, "Name", acme.Name, "acme")
	equal(t, "Pos", acme.Pos, Pos{path, 3, 3})
	equal(t, "Routes[0].Path", acme.Routes[0].Path, Text{"/projects/{project}/*", Pos{path, 5, 15}, "providers.acme.routes[0].path", 0})
	equal(t, "StreamUsage", acme.StreamUsage.Value, "off")
	rule := file.Usage["openai"][0]
	equal(t, "rule.Pos", rule.Pos, Pos{path, 15, 7})
	equal(t, "rule.YAML", rule.YAML, "usage.openai[0]")
	equal(t, "rule.From", values(rule.From), []string{"response.usage", "usage"})
	equal(t, "rule.End", rule.End, Text{`data == "[DONE]"`, Pos{path, 23, 12}, "usage.openai[0].end", 0})
	equal(t, "rule.Consumes", *rule.Consumes, true)
	equal(t, "fields.openai", file.Fields["openai"]["input_tokens"].Value, `first("prompt_tokens")`)
}

func TestExtendsReplacesWholeEntries(t *testing.T) {
	t.Parallel()
	file := loadGood(t, "extends-builtin.yaml")
	equal(t, "providers", names(file.Providers), []string{"acme", "openai"})
	equal(t, "upstream", file.Providers["openai"].Upstream.Value, "https://openai.internal.test/v1")
	equal(t, "usage", names(file.Usage), []string{"openai"})
	equal(t, "connect", file.Providers["acme"].Timeouts.Connect.Or(0), 10*time.Second)
}

func TestExtendsChainsAndOffRemoves(t *testing.T) {
	t.Parallel()
	file := loadGood(t, "extends-file.yaml")
	equal(t, "providers", names(file.Providers), []string{"openai", "other"})
	other := file.Providers["other"]
	equal(t, "upstream", other.Upstream.Value, "https://other.search.test")
	equal(t, "usage", len(other.Usage), 0)
	equal(t, "connect", other.Timeouts.Connect.Duration, 3*time.Second)
	equal(t, "idle", other.Timeouts.Idle.Duration, time.Minute)
	equal(t, "remove", values(other.Request.Headers.Remove), []string{"X-Real-Ip", "X-Internal-*", "X-Debug"})
	equal(t, "X-Team", other.Request.Headers.Set["X-Team"].Value, "search")
	equal(t, "X-Company", other.Request.Headers.Set["X-Company"].Value, "acme")
	equal(t, "Paths", file.Paths, []string{filepath.Join(goodFolder, "extends-file.yaml"), filepath.Join(goodFolder, "base/company.yaml")})
}

func TestEntriesThatAreReplacedNeedNoSecrets(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	writeFile(t, filepath.Join(folder, "base.yaml"), "version: 1\nproviders:\n  acme: {upstream: 'https://${NOT_SET}'}\n")
	writeFile(t, filepath.Join(folder, "own.yaml"), "version: 1\nextends: base.yaml\nproviders:\n  acme: {upstream: https://acme.test}\n")
	load(t, filepath.Join(folder, "own.yaml"), testOptions())
}

func TestFragmentsAreOneFile(t *testing.T) {
	t.Parallel()
	file := loadGood(t, "fragments")
	equal(t, "providers", names(file.Providers), []string{"acme", "other"})
	equal(t, "usage", names(file.Usage), []string{"acme", "openai", "other"})
	equal(t, "total", file.Providers["other"].Timeouts.Total.Duration, 10*time.Minute)
	folder := filepath.Join(goodFolder, "fragments")
	equal(t, "Paths", file.Paths, []string{
		folder, filepath.Join(folder, "10-base.yaml"), filepath.Join(folder, "20-acme.yaml"), filepath.Join(folder, "30-other.yaml"),
	})
}

func TestDefaultsLieUnderEveryProvider(t *testing.T) {
	t.Parallel()
	file := loadGood(t, "defaults.yaml")

	plain := file.Providers["plain"]
	equal(t, "plain connect", plain.Timeouts.Connect.Duration, 10*time.Second)
	equal(t, "plain set", names(plain.Request.Headers.Set), []string{"X-From", "X-Kept"})
	equal(t, "plain remove", values(plain.Request.Headers.Remove), []string{"Via", "X-Real-Ip"})

	special := file.Providers["special"]
	equal(t, "connect", special.Timeouts.Connect.Duration, 3*time.Second)
	equal(t, "idle", special.Timeouts.Idle.Duration, 15*time.Minute)
	equal(t, "total", special.Timeouts.Total, Duration{Set: true})
	equal(t, "set", names(special.Request.Headers.Set), []string{"X-From", "X-Kept", "X-More"})
	equal(t, "X-From", special.Request.Headers.Set["X-From"].Value, "special")
	equal(t, "default", names(special.Request.Headers.Default), []string{"Accept"})
	equal(t, "remove", values(special.Request.Headers.Remove), []string{"Via", "Cookie"})
	equal(t, "query set", names(special.Request.Query.Set), []string{"v", "w"})
	equal(t, "query remove", values(special.Request.Query.Remove), []string{"trace"})
	equal(t, "response set", names(special.Response.Headers.Set), []string{"X-Provider"})
	equal(t, "response remove", values(special.Response.Headers.Remove), []string{"Server", "Via"})
}

func TestYAMLFeaturesAreRead(t *testing.T) {
	t.Parallel()
	file := loadGood(t, "yaml-features.yaml")
	equal(t, "providers", names(file.Providers), []string{"acme", "other"})
	equal(t, "usage", values(file.Providers["other"].Usage), []string{"openai", "no"})
	equal(t, "path of an alias", file.Providers["other"].Upstream.Path, "providers.other.upstream")
	equal(t, "when", file.Usage["openai"][0].When.Value, `path contains "/v1" # a block keeps its number sign`)
	equal(t, "inset of a block", file.Usage["openai"][0].When.Inset, -1)
	equal(t, "from", values(file.Usage["openai"][0].From), []string{"usage"})
}

func TestFileEndingsAndMarksDoNotMatter(t *testing.T) {
	t.Parallel()
	text := "version: 1\nproviders:\n  acme:\n    upstream: https://acme.test\n"
	for _, same := range []string{text, strings.ReplaceAll(text, "\n", "\r\n"), "\ufeff" + text, strings.TrimSuffix(text, "\n")} {
		file, err := loadText(t, same)
		if err != nil {
			t.Fatalf("Load(%q): %v", same, err)
		}
		upstream := file.Providers["acme"].Upstream
		equal(t, "upstream", upstream.Value, "https://acme.test")
		equal(t, "line", [2]int{upstream.Pos.Line, upstream.Pos.Column}, [2]int{4, 15})
	}
}

func TestRevisionFollowsTheYAMLAlone(t *testing.T) {
	t.Parallel()
	text := "version: 1\nproviders:\n  acme: {upstream: 'https://acme.test/${KEY}'}\n"
	first, _ := loadText(t, text)
	second, _ := loadText(t, text)
	other, _ := loadText(t, text+"# changed\n")
	if first.Revision != second.Revision || len(first.Revision) != 12 {
		t.Errorf("Revision = %q and %q, want the same 12 digits", first.Revision, second.Revision)
	}
	if first.Revision == other.Revision {
		t.Errorf("Revision = %q for different files", first.Revision)
	}
}

func TestPathsHoldWhatIsMissing(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	own := filepath.Join(folder, "own.yaml")
	writeFile(t, own, "version: 1\nextends: none.yaml\nproviders:\n  acme: {upstream: 'https://acme.test/${file:secrets/none}'}\n")
	file, err := Load(own, testOptions())
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 2 {
		t.Fatalf("Load = %v, want two problems", err)
	}
	equal(t, "Paths", file.Paths, []string{own, filepath.Join(folder, "none.yaml"), filepath.Join(folder, "secrets/none")})
	equal(t, "Providers", len(file.Providers), 0)
}

func TestMissingFileIsAProblem(t *testing.T) {
	t.Parallel()
	file, err := Load("no/such.yaml", testOptions())
	if err == nil || err.Error() != "no/such.yaml: cannot read the file: no such file or directory" {
		t.Errorf("Load = %v", err)
	}
	equal(t, "Paths", file.Paths, []string{"no/such.yaml"})
}

func TestWrongValuesAreLeftOut(t *testing.T) {
	t.Parallel()
	file, err := loadText(t, "version: 1\nproviders:\n  acme:\n    upstream: 5\n    usage: openai\n    timeouts: {connect: 5}\n    stream_usage: none\nusage:\n  openai: 1\n")
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 4 {
		t.Fatalf("Load = %v, want four problems", err)
	}
	acme := file.Providers["acme"]
	equal(t, "upstream", acme.Upstream.Value, "")
	equal(t, "connect", acme.Timeouts.Connect, Duration{})
	equal(t, "stream_usage", acme.StreamUsage, Text{})
	equal(t, "usage", values(acme.Usage), []string{"openai"})
	equal(t, "sets", names(file.Usage), []string{"openai"})
}

func TestAliasBombIsRefused(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("version: 1\nusage:\n  a0: &a0 [{fields: {model: first(\"model\")}}]\n")
	for i := range 12 {
		name := string(rune('a' + i))
		last := string(rune('a' + i - 1))
		if i == 0 {
			last = "a0"
		}
		b.WriteString("  " + name + ": &" + name + " [" + strings.Repeat("*"+last+", ", 9) + "]\n")
	}
	start := time.Now()
	_, err := loadText(t, b.String())
	if err == nil || !strings.Contains(err.Error(), "the file's aliases stand for more than 100000 values") {
		t.Errorf("Load of an alias bomb = %.300v", err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("Load of an alias bomb took %v", took)
	}
}

func TestEnvironmentIsAskedByDefault(t *testing.T) {
	t.Setenv("WINDHOVER_TEST_KEY", "from the environment")
	path := filepath.Join(t.TempDir(), "own.yaml")
	writeFile(t, path, "version: 1\nproviders:\n  acme: {upstream: https://acme.test, request: {headers: {set: {X-Key: '${WINDHOVER_TEST_KEY}'}}}}\n")
	file := load(t, path, Options{})
	equal(t, "secret", file.Providers["acme"].Request.Headers.Set["X-Key"].Parts[0].Secret.Reveal(), "from the environment")
}

func TestOneLongLineKeepsItsPlaces(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(`{"version": 1, "providers": {`)
	for i := range 5000 {
		b.WriteString(`"p` + strconv.Itoa(i) + `": {"upstream": "https://é.test", "usage": "none"}, `)
	}
	b.WriteString(`"last": {"upstream": "https://{host.test"}}}`)
	_, err := loadText(t, b.String())
	before, _, _ := strings.Cut(b.String(), "{host")
	want := ":1:" + strconv.Itoa(utf8.RuneCountInString(before)+1) + ": providers.last.upstream: this { is not closed; write {{ for a literal brace"
	if err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("Load = %v, want %v", err, want)
	}
}

func TestDeepNestingIsRefused(t *testing.T) {
	t.Parallel()
	_, err := loadText(t, "version: 1\nextends: "+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+"\n")
	if err == nil || !strings.Contains(err.Error(), "this is nested more than 64 levels deep") {
		t.Errorf("Load of a deep file = %.300v", err)
	}
}

func TestBrokenIsWhatLacksSomething(t *testing.T) {
	t.Parallel()
	file, err := loadText(t, `version: 1
providers:
  good: {upstream: https://good.test}
  bad: {upstream: https://bad.test, timeouts: {connect: 5}}
usage:
  some:
    - fields: {model: first("model")}
    - fields: {model: 5}
    - when: !(path contains "x")
    - colour: blue
`)
	if err == nil {
		t.Fatal("Load finds no problem")
	}
	equal(t, "good", file.Providers["good"].Broken, false)
	equal(t, "bad", file.Providers["bad"].Broken, true)
	for i, want := range []bool{false, true, true, true} {
		equal(t, "rule "+strconv.Itoa(i), file.Usage["some"][i].Broken, want)
	}
}
