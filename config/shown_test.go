package config

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestShownHoldsNoSecret(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	secret := filepath.Join(folder, "key")
	write(t, secret, "canary-file")
	path := filepath.Join(folder, "providers.yaml")
	write(t, path, `version: 1
defaults:
  proxy: 'http://user:canary-proxy@proxy.example:3128'
providers:
  a:
    upstream: 'https://${HOST:-canary-default}.example'
    access: {tokens: ['${KEY}', canary-token]}
    timeouts: {idle: 10s}
    request:
      headers:
        set:
          Authorization: 'Bearer ${KEY}'
          X-Api-Key: canary-literal
          X-Goog-Api-Key: '${file:key}'
          X-Auth: 'Basic canary-mixed${KEY}'
          X-Session-Token: '{header("X-Mine")}'
          X-Where: 'here: $${KEY:-text}'
        default: {Cookie: canary-cookie}
      query: {set: {key: '${KEY}', version: '1'}}
`)
	file, err := Load(path, Options{LookupEnv: func(name string) (string, bool) {
		return map[string]string{"KEY": "canary-env"}[name], name == "KEY"
	}})
	must(t, err)
	shown, err := json.MarshalIndent(file.Shown(), "", "  ")
	must(t, err)
	want := `{
  "providers": {
    "a": {
      "access": {
        "tokens": [
          "***",
          "***"
        ]
      },
      "proxy": "***",
      "request": {
        "headers": {
          "default": {
            "Cookie": "***"
          },
          "set": {
            "Authorization": "Bearer ${KEY}",
            "X-Api-Key": "***",
            "X-Auth": "***",
            "X-Goog-Api-Key": "${file:key}",
            "X-Session-Token": "{header(\"X-Mine\")}",
            "X-Where": "here: $${KEY:-text}"
          }
        },
        "query": {
          "set": {
            "key": "${KEY}",
            "version": "1"
          }
        }
      },
      "timeouts": {
        "idle": "10s"
      },
      "upstream": "https://${HOST:-***}.example"
    }
  },
  "version": 1
}`
	if string(shown) != want {
		t.Errorf("Shown() = %s\nwant %s", shown, want)
	}
	if strings.Contains(string(shown), "canary") {
		t.Error("Shown() holds a secret")
	}
}

// What is shown is a providers file again, and says the same.
func TestShownLoadsAsTheSameFile(t *testing.T) {
	t.Parallel()
	builtin, err := os.ReadFile(filepath.Join("..", "providers.yaml"))
	must(t, err)
	file, err := Load("", Options{Builtin: builtin})
	must(t, err)
	shown, err := json.Marshal(file.Shown())
	must(t, err)
	again, err := Load("", Options{Builtin: shown})
	must(t, err)
	if got, want := slices.Sorted(maps.Keys(again.Providers)), slices.Sorted(maps.Keys(file.Providers)); !slices.Equal(got, want) {
		t.Errorf("providers = %v, want %v", got, want)
	}
	for name := range file.Providers {
		if !SameContent(again.Providers[name], file.Providers[name]) {
			t.Errorf("provider %s says something else", name)
		}
	}
	for name := range file.Usage {
		if !SameContent(again.Usage[name], file.Usage[name]) {
			t.Errorf("usage %s says something else", name)
		}
	}
	for name := range file.Fields {
		if !SameContent(again.Fields[name], file.Fields[name]) {
			t.Errorf("fields %s say something else", name)
		}
	}
}
