package gateway

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestTargetIsCutWithoutDecoding(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]target{
		"/a/b":                        {path: "/a/b"},
		"/a%2Fb//c;d|e?x=1;y&z=%zz":   {path: "/a%2Fb//c;d|e", query: "x=1;y&z=%zz", asks: true},
		"/a?":                         {path: "/a", asks: true},
		"/a??":                        {path: "/a", query: "?", asks: true},
		"http://gateway:5501/a/b?c=d": {path: "/a/b", query: "c=d", asks: true},
		"https://gateway/":            {path: "/"},
	} {
		if got, ok := parseTarget(uri); !ok || got != want {
			t.Errorf("parseTarget(%q) = %+v, %v, want %+v", uri, got, ok, want)
		}
	}
}

func TestTargetOfAnotherFormIsRefused(t *testing.T) {
	t.Parallel()
	for _, uri := range []string{"", "*", "host:443", "http://host", "http://host?x=/y", "mailto:a@b"} {
		if got, ok := parseTarget(uri); ok {
			t.Errorf("parseTarget(%q) = %+v, want none", uri, got)
		}
	}
}

func TestPathThatClimbsIsSeenInEverySpelling(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"/..", "/.", "/a/..", "/a/../b", "/a/./b", "/%2e%2e/b", "/%2E./b", "/a/.%2e", "/a%2f..%2fb", "/a%2F..", "/a\\..\\b",
		"/a%5c..", "/a%5C%2e%2e%5Cb", "..", ".", "/a/%2e",
	} {
		if !climbs(path) {
			t.Errorf("climbs(%q) = false, want true", path)
		}
	}
	for _, path := range []string{
		"", "/", "//", "/a", "/...", "/..a", "/a..", "/a../b", "/.a/b", "/%2e%2e%2e", "/%252e%252e", "/a.b/c", "/%2", "/%2e%2ex",
	} {
		if climbs(path) {
			t.Errorf("climbs(%q) = true, want false", path)
		}
	}
}

// FuzzSetTarget holds that what is accepted is what net/http writes.
func FuzzSetTarget(f *testing.F) {
	for _, s := range []string{"/v1/a|b?x", "//v1", "//v1|", "/%2F?", "/a%zz", "/a b", "/é", "/a?b?c", "/;=,", "/%E4%BD%A0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		if _, err := url.ParseRequestURI(uri); err != nil || !strings.HasPrefix(uri, "/") {
			return // net/http answers such a request itself
		}
		parsed, ok := parseTarget(uri)
		if !ok {
			t.Fatalf("parseTarget(%q) refused an origin form", uri)
		}
		u := &url.URL{Scheme: "https", Host: "example.com"}
		if !setTarget(u, parsed.path, parsed) {
			if !strings.HasPrefix(uri, "//") {
				t.Fatalf("%q was refused", uri)
			}
			return
		}
		r := &http.Request{Method: "GET", URL: u}
		if got := r.URL.RequestURI(); got != uri {
			t.Errorf("RequestURI = %q, want %q", got, uri)
		}
	})
}
