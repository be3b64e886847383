package gateway

import (
	"net/http"
	"net/url"
	"testing"
)

// sdkHeader is what an official SDK sends, as net/http gives it.
func sdkHeader() http.Header {
	return http.Header{
		"Accept": {"application/json"}, "Accept-Encoding": {"gzip, deflate"}, "Authorization": {"Bearer sk-proj-0123456789"}, "Connection": {"keep-alive"}, "Content-Length": {"1234"},
		"Content-Type": {"application/json"}, "User-Agent": {"OpenAI/Python 2.8.1"}, "X-Stainless-Arch": {"x64"}, "X-Stainless-Async": {"false"}, "X-Stainless-Lang": {"python"},
		"X-Stainless-Os": {"Linux"}, "X-Stainless-Package-Version": {"2.8.1"}, "X-Stainless-Retry-Count": {"0"}, "X-Stainless-Runtime": {"CPython"}, "X-Stainless-Runtime-Version": {"3.13.0"},
	}
}

func BenchmarkParseTarget(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if t, ok := parseTarget("/openai/v1/chat/completions?a=b"); !ok || t.path == "" {
			b.Fatal("refused")
		}
	}
}

func BenchmarkRouteMatch(b *testing.B) {
	s := shipped(b)
	for name, path := range map[string]string{
		"openai":   "/v1/chat/completions",
		"azure":    "/my-resource/gpt-4.1/chat/completions",
		"vertex":   "/v1/projects/p-1/locations/us-central1/publishers/google/models/gemini-3-pro:streamGenerateContent",
		"bedrock":  "/bedrock-runtime/us-east-1/model/anthropic.claude-v2%3A1/invoke",
		"unfitted": "/v9/nothing",
	} {
		provider := map[string]string{"openai": "openai", "azure": "azure-openai", "vertex": "google-vertex-ai", "bedrock": "aws-bedrock", "unfitted": "google-vertex-ai"}[name]
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, m, refused := s.match(provider, path)
				if refused == nil {
					refused = m.scope.decode()
				}
				if (refused != nil) != (name == "unfitted") {
					b.Fatal(refused)
				}
			}
		})
	}
}

func BenchmarkAddress(b *testing.B) {
	s := shipped(b)
	for provider, path := range map[string]string{
		"openai":           "/v1/chat/completions",
		"azure-openai":     "/my-resource/gpt-4.1/chat/completions",
		"google-vertex-ai": "/projects/p-1/locations/us-central1/publishers/google/models/g:generateContent",
	} {
		b.Run(provider, func(b *testing.B) {
			_, m, _ := s.match(provider, path)
			if refused := m.scope.decode(); refused != nil {
				b.Fatal(refused)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, _, refused := m.route.upstream.address(&m.scope); refused != nil {
					b.Fatal(refused)
				}
			}
		})
	}
}

func BenchmarkRequestHeader(b *testing.B) {
	p, h := shipped(b).provider("openai"), sdkHeader()
	b.ReportAllocs()
	for b.Loop() {
		if out, err := p.request.requestHeader(h, new(scope)); err != nil || len(out) < 10 {
			b.Fatal(len(out), err)
		}
	}
}

func BenchmarkSetTarget(b *testing.B) {
	for name, path := range map[string]string{"plain": "/v1/chat/completions", "escaped": "/model/anthropic.claude-v2%3A1/invoke", "odd": "/a|b/c"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				u := url.URL{Scheme: "https", Host: "api.example.com"}
				if !setTarget(&u, path, target{query: "a=b", asks: true}) {
					b.Fatal("refused")
				}
			}
		})
	}
}

func BenchmarkClimbs(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if climbs("/v1/projects/p-1/locations/us-central1/publishers/google/models/gemini-3-pro:streamGenerateContent") {
			b.Fatal("refused")
		}
	}
}
