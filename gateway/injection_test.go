package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"windhover/gateway/usage"
)

// hostile are values for a path variable with which somebody could try to choose where a request goes.
var hostile = []string{
	// Ends of the host.
	"evil.example%23", "%23", "x%23.evil.example", "evil.example%3F", "%3F", "x%3fy", "evil.example%2F", "%2F", "%2f%2fevil.example", "x%2Fy", "..%2f..%2fevil", "evil.example%5C", "%5C", "%5c%5cevil.example", "x%5cy",
	"#", "evil.example#", "x#y", "\\", "evil.example\\", "x\\y", "\\\\evil.example",
	// Users and ports.
	"user@evil.example", "@evil.example", "x%40evil.example", "%40", "user:pass@evil.example", "user%3Apass%40evil.example", "a@b@c", "%40%40",
	// Control characters and blanks.
	"%00", "x%00", "x%00.evil.example", "%0d%0a", "x%0d%0aHost:%20evil.example", "%0a", "%0d", "x%0aX-Evil:1", "%20", "x%20y", "%20x", "x%20", "%09", "x%09", "%0b", "%0c", "%1f", "%7f", "%c2%a0", "%e2%80%8b",
	// Twice encoded.
	"%2523", "%252f", "%252Fevil.example", "%255c", "%2540evil.example", "%253f", "%2500", "%250d%250a", "%25", "%2525", "x%252e%252e",
	// Dots that are none, and letters that look like others.
	"evil%E3%80%82example", "evil%EF%BC%8Eexample", "evil%EF%BD%A1example", "\u3002", "evil\u3002example", "evil\uff0eexample", "\u2024", "\u2025", "%e2%80%a4", "ex\u00e4mple", "%c3%a4", "\u0430pple", "%D0%B0", "\uff0f", "%EF%BC%8F", "\u2044", "\u2215", "\ufe68", "%ff", "\xff", "%c0%ae", "%c0%af", "\u212a", "%E2%84%AA", "\u017f", "\u00df", "\u0131",
	// Addresses in brackets and out of them.
	"[::1]", "%5B::1%5D", "%5b::1%5d", "[::ffff:169.254.169.254]", "[fd00:ec2::254]", "[", "]", "%5B", "%5D", "[::1%25eth0]",
	// What some program could take for more than text.
	"$%7BHOME%7D", "%7Bregion%7D", "{region}", "{{", "}}", "%7B%7B", "$(id)", "%60id%60", "`id`", "%22", "\"", "%3Cx%3E", "<x>", "%7C", "|", "^", "x,y", "%2C", "*", "%2A", "x;y", "%3B", "x&y", "x=y", "x+y", "'", "(", "!", "~", "_x%2f", "%25%30%30",
}

// hostileInHost are more of them, which are harmless anywhere but in a host.
var hostileInHost = []string{
	"evil.example", "evil.example.", "x.", ".x", ".", "..", "...", "a..b", ".evil.example", "169.254.169.254", "127.0.0.1", "localhost.", "0.0.0.0", "metadata.google.internal", "xn--80ak6aa92e.com",
	"evil.example:443", "x:443", "x:", ":443", ":", "evil.example%3A443", "%3A", "::1", "fd00:ec2::254", "user:pass", "-", "-x", "--", "x_y", "_", "x%2e", "%2e", "%2E%2E", "evil%2Eexample", "x%2eevil%2eexample",
	strings.Repeat("a", 64), strings.Repeat("a", 300), strings.Repeat("a.", 100), "%61.b", "x%3a80",
}

// dials are the addresses that routes tried to reach.
type dials struct {
	mu  sync.Mutex
	all []string
}

var errNoNetwork = errors.New("this test has no network")

// startWithoutNetwork is start with every dial kept in place of made.
func startWithoutNetwork(t testing.TB, yaml string) (*started, *dials) {
	t.Helper()
	g, d := start(t, yaml), new(dials)
	transport := &http.Transport{DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.all = append(d.all, address)
		return nil, errNoNetwork
	}}
	for _, p := range g.snapshot.Load().providers {
		for _, r := range p.routes {
			r.transport = transport
		}
	}
	return g, d
}

// taken are the dials since the last call.
func (d *dials) taken() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := d.all
	d.all = nil
	return all
}

// templated is a route with variables, and a path that leads to it: the variables still in braces.
type templated struct {
	*route
	provider *provider
	path     string
}

func templatedRoutes(s *Snapshot) []templated {
	var all []templated
	for _, name := range s.names {
		p := s.providers[name]
		for _, r := range p.routes {
			if len(r.variables) > 0 {
				all = append(all, templated{r, p, "/" + name + strings.TrimSuffix(r.pattern, "*") + "v1/x"})
			}
		}
	}
	return all
}

// alone makes the route the only one of its provider: what it refuses goes to no other.
func (r templated) alone() { r.provider.routes = []*route{r.route} }

// fill writes a value in place of one variable, and values that fit in place of the others.
func (r templated) fill(variable, value string) string {
	filled, rest := "", r.path
	for {
		before, inside, after, found := cutBraces(rest)
		filled += before
		if !found {
			return filled
		}
		name, choice, _ := strings.Cut(inside, ":")
		if name == variable {
			filled += value
		} else {
			filled += fitting(choice)
		}
		rest = after
	}
}

// fitting is a value that a variable's regular expression matches; a new one in the shipped file may need one more here.
func fitting(choice string) string {
	for _, value := range []string{"mine", "bedrock-runtime", "v1beta1", "intl", "cn-hongkong", "adb-12", "12"} {
		if choice == "" || regexp.MustCompile("^(?:"+choice+")$").MatchString(value) {
			return value
		}
	}
	return "NO-VALUE-FITS-" + choice
}

// inHost reports whether a variable is part of the route's host.
func inHost(r *route, variable string) bool {
	return slices.ContainsFunc(r.upstream.host.parts, func(p piece) bool { return slices.Contains(p.uses, variable) })
}

// No value of a path variable chooses where a request goes: it is refused, and nothing leaves.
func TestHostileVariableNeverLeaves(t *testing.T) {
	t.Parallel()
	g, sent := startWithoutNetwork(t, "version: 1\nextends: builtin\n")
	attempts := 0
	for _, route := range templatedRoutes(g.snapshot.Load()) {
		route.alone()
		for _, variable := range route.variables {
			values := hostile
			if inHost(route.route, variable) {
				values = slices.Concat(hostile, hostileInHost)
			}
			for _, value := range values {
				attempts++
				target := route.fill(variable, value)
				answer := g.talk(t, "GET "+target+" HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
				if !strings.HasPrefix(answer, "HTTP/1.1 4") {
					t.Errorf("%q as %s: %q answers %q", value, variable, target, answer)
				}
				if left := sent.taken(); len(left) > 0 {
					t.Errorf("%q as %s: %q leads to %q", value, variable, target, left)
				}
			}
		}
	}
	if attempts < 200 {
		t.Errorf("%d attempts, want 200 at least", attempts)
	}
	eventually(t, "every exchange ends", func() bool { return g.Open() == 0 })
	for _, rec := range g.records.all {
		if rec.Attempt != 0 || rec.End != usage.EndRejected {
			t.Errorf("record of %s: attempt %d, end %s", rec.Path, rec.Attempt, rec.End)
		}
	}
	t.Logf("%d attempts", attempts)
}

// The same paths with the values that they are made for leave, so that the refusals above mean something.
func TestWantedVariableLeaves(t *testing.T) {
	t.Parallel()
	g, sent := startWithoutNetwork(t, "version: 1\nextends: builtin\n")
	want := map[string]string{
		"azure-openai":     "mine.openai.azure.com:443",
		"aws-bedrock":      "bedrock-runtime.mine.amazonaws.com:443",
		"google-vertex-ai": "mine-aiplatform.googleapis.com:443",
	}
	for _, route := range templatedRoutes(g.snapshot.Load()) {
		route.alone()
		target := route.fill("", "")
		g.talk(t, "GET "+target+" HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
		left := sent.taken()
		if host := want[route.provider.name]; len(left) != 1 || (host != "" && left[0] != host) {
			t.Errorf("%s leads to %q, want %q", target, left, host)
		}
	}
}

// A variable that stands only in the path of an upstream goes there as it arrived, and chooses no host.
func TestVariableInPathChoosesNoHost(t *testing.T) {
	t.Parallel()
	g, sent := startWithoutNetwork(t, "version: 1\nproviders:\n  p:\n    path: /{model}/*\n    upstream: https://api.example.com/models/{model}\n")
	for _, value := range slices.Concat(hostile, hostileInHost) {
		g.talk(t, "GET /p/"+value+"/x HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
		for _, left := range sent.taken() {
			if left != "api.example.com:443" {
				t.Errorf("%q leads to %q", value, left)
			}
		}
	}
}
