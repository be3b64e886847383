package gateway

import (
	"net/http"
	"testing"
)

func TestVariablesCannotCompleteASegmentThatClimbs(t *testing.T) {
	t.Parallel()
	s, err := Compile(load(t, `version: 1
providers:
  part: {path: "/v-{a}/*", upstream: "http://example.com/base/{a}"}
  two: {path: "/{a}-{b}/*", upstream: "http://example.com/base/{a}{b}"}
`), CompileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/part/v-../x", "/part/v-%2e%2e/x", "/part/v-./x", "/part/v-a%2f../x", "/part/v-..%5Ca/x", "/two/.-./x", "/two/.-%2E/x"} {
		if e, err := s.Explain(http.MethodGet, path); err == nil {
			t.Errorf("%s leads to %s, want it refused", path, e.URL)
		}
	}
	for path, want := range map[string]string{"/part/v-a..b/x": "http://example.com/base/a..b/x", "/two/a-.b/x": "http://example.com/base/a.b/x"} {
		if e, err := s.Explain(http.MethodGet, path); err != nil || e.URL != want {
			t.Errorf("%s leads to %s, %v, want %s", path, e.URL, err, want)
		}
	}
}
