package gateway

import (
	"strings"
	"testing"
)

// BenchmarkAskForUsage is what a request of 1 KB costs that streams, as it says nothing about usage, and as it does.
func BenchmarkAskForUsage(b *testing.B) {
	head := `{"model":"gpt-4o-mini","messages":[{"role":"system","content":"You are terse."},{"role":"user","content":"` + strings.Repeat("some words ", 80) + `"}],"stream":true`
	for name, body := range map[string]string{"silent": head + "}", "said": head + `,"stream_options":{"include_usage":true}}`} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				askForUsage([]byte(body))
			}
		})
	}
}
