package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{badFolder + "/*.yaml", goodFolder + "/*.yaml", "../providers.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range files {
			data, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o := testOptions()
		o.Builtin, o.NoSecrets = data, true // and what `extends: builtin` names is the file itself
		file, err := Load("", o)
		if file == nil {
			t.Fatal("Load gives no File")
		}
		var problems Problems
		if err != nil && !errors.As(err, &problems) {
			t.Fatalf("Load = %T, want Problems", err)
		}
		lines := 1 + bytes.Count(data, []byte("\n")) + bytes.Count(data, []byte("\r")) +
			bytes.Count(data, []byte("\u0085")) + bytes.Count(data, []byte("\u2028")) + bytes.Count(data, []byte("\u2029"))
		for _, p := range problems {
			if p.Pos.Line < 0 || p.Pos.Line > lines || p.Pos.Column < 0 || p.Pos.Column > len(data)+1 || p.Message == "" {
				t.Errorf("%v is not within the file's %d lines", p, lines)
			}
			if strings.ContainsAny(p.Error(), "\n\r") {
				t.Errorf("%q spans lines", p.Error())
			}
		}
	})
}

func BenchmarkLoadThousandProviders(b *testing.B) {
	var text strings.Builder
	text.WriteString("version: 1\ndefaults:\n  timeouts: {connect: 10s, idle: 15m}\n  request:\n    headers: {remove: [Via, Forwarded, X-Real-Ip]}\nproviders:\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "  provider-%d:\n    path: /{region}/*\n    upstream: https://{region}.p%d.test/v1\n    usage: [openai, set-%d]\n", i, i, i)
		fmt.Fprintf(&text, "    request:\n      headers:\n        set: {Authorization: 'Bearer ${KEY}'}\n")
	}
	text.WriteString("usage:\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "  set-%d:\n    - when: path contains \"/v%d\"\n      from: usage\n      fields:\n        input_tokens: first(\"input_tokens\")\n", i, i)
	}
	o := testOptions()
	o.Builtin = []byte(text.String())
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		if _, err := Load("", o); err != nil {
			b.Fatal(err)
		}
	}
}
