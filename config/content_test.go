package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// loadWithKey loads a file that stands in the test, with the variable KEY set.
func loadWithKey(t *testing.T, yaml, key string) *File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "providers.yaml")
	write(t, path, yaml)
	file, err := Load(path, Options{LookupEnv: func(name string) (string, bool) { return key, name == "KEY" }})
	if err != nil {
		t.Fatalf("Load() = %v", err)
	}
	return file
}

const fullProvider = `version: 1
providers:
  a:
    path: /{x}/*
    upstream: 'https://a.example/{x}'
    usage: [u]
    timeouts: {idle: 10s}
    http: 2
    access: {tokens: '${KEY}'}
    request:
      headers:
        set: {Authorization: 'Bearer ${KEY}', X-Where: '{x}'}
        remove: [Via]
fields:
  g: {input_tokens: first("in")}
usage:
  u:
    - when: status == 200
      from: [a, b]
      with: g
      consumes: false
`

func TestSameContentIgnoresWhereItStands(t *testing.T) {
	t.Parallel()
	moved := strings.Replace(fullProvider, "providers:", "# moved\n\nproviders:", 1)
	moved = strings.Replace(moved, "timeouts: {idle: 10s}", "timeouts:\n      idle: 10s   # the same", 1)
	a, b := loadWithKey(t, fullProvider, "secret"), loadWithKey(t, moved, "secret")
	if !SameContent(a.Providers["a"], b.Providers["a"]) || !SameContent(a.Usage["u"], b.Usage["u"]) || !SameContent(a.Fields["g"], b.Fields["g"]) {
		t.Error("SameContent = false, want true for what only moved in the file")
	}
}

func TestSameContentSeesEveryKindOfChange(t *testing.T) {
	t.Parallel()
	before := loadWithKey(t, fullProvider, "secret")
	for _, edit := range [][2]string{
		{"/{x}/*", "/{x}/y/*"},
		{"a.example", "b.example"},
		{"[u]", "[u, u]"},
		{"10s", "0s"},
		{"timeouts: {idle: 10s}", "timeouts: {write: 10s}"},
		{"Bearer ${KEY}", "Basic ${KEY}"},
		{"http: 2", "http: 1"},
		{"tokens: '${KEY}'", "tokens: other"},
		{"X-Where: '{x}'", "X-Where: '{x + x}'"},
		{"X-Where", "X-There"},
		{", X-Where: '{x}'", ""},
		{"[Via]", "[Forwarded]"},
		{`first("in")`, `first("input")`},
		{"input_tokens", "output_tokens"},
		{"status == 200", "status == 201"},
		{"[a, b]", "[b, a]"},
		{"consumes: false", "consumes: true"},
		{"      consumes: false\n", ""},
		{"      with: g\n", ""},
	} {
		if strings.Count(fullProvider, edit[0]) < 1 {
			t.Fatalf("the file holds no %q", edit[0])
		}
		after := loadWithKey(t, strings.ReplaceAll(fullProvider, edit[0], edit[1]), "secret")
		if SameContent(before.Providers["a"], after.Providers["a"]) && SameContent(before.Usage["u"], after.Usage["u"]) && SameContent(before.Fields["g"], after.Fields["g"]) {
			t.Errorf("SameContent = true with %q in place of %q, want false", edit[1], edit[0])
		}
	}
}

func TestSameContentSeesARotatedSecret(t *testing.T) {
	t.Parallel()
	a, b := loadWithKey(t, fullProvider, "old"), loadWithKey(t, fullProvider, "new")
	if SameContent(a.Providers["a"], b.Providers["a"]) {
		t.Error("SameContent = true, want false: what the reference yields is another")
	}
}

func TestSameContentHoldsForTheShippedFile(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("..", "providers.yaml"))
	must(t, err)
	a, err := Load("", Options{Builtin: data})
	must(t, err)
	b, err := Load("", Options{Builtin: append([]byte("# a line more\n"), data...)})
	must(t, err)
	for name := range a.Providers {
		if !SameContent(a.Providers[name], b.Providers[name]) {
			t.Errorf("SameContent of provider %s = false, want true", name)
		}
	}
	for name := range a.Usage {
		if !SameContent(a.Usage[name], b.Usage[name]) {
			t.Errorf("SameContent of usage %s = false, want true", name)
		}
	}
}
