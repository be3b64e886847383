package gateway

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"windhover/config"
)

// compiled is one expression that reads the variables region and model, and the request.
func compiled(text string) (piece, config.Problems) {
	return compileHole(config.Text{Value: text}, []string{"region", "model"}, true)
}

func testScope(region, model string) *scope {
	return &scope{
		keys:   []string{"region", "model"},
		raw:    []string{url.PathEscape(region), url.PathEscape(model)},
		values: []string{region, model},
		header: http.Header{"X-A": {"first", "second"}},
		query:  "k=v1&k=v2&e=%C3%A9+x&bad=%zz&=empty&flag",
	}
}

func TestHoleYieldsText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`region`:                     "eu",
		` model `:                    "gpt-5",
		`region + "-" + model`:       "eu-gpt-5",
		`region == "eu" ? "a" : "b"`: "a",
		`region in ["us", "eu"] ? "multi" : "one"`:                                   "multi",
		`region not in ["us"] ? "a" : "b"`:                                           "a",
		`model startsWith "gpt-" and not (model endsWith "-mini") ? "full" : "mini"`: "full",
		`model contains "-" || false ? "a" : "b"`:                                    "a",
		`model matches "^gpt-[0-9]$" ? "a" : "b"`:                                    "a",
		`header("x-a")`:                         "first",
		`header("X-None")`:                      "",
		`query("k")`:                            "v1",
		`query("e")`:                            "é x",
		`query("bad")`:                          "",
		`query("flag")`:                         "",
		`query("")`:                             "empty",
		`query("none")`:                         "",
		`'single' + "\"double\"" + ` + "`back`": `single"double"back`,
		`header("X-A") == "first" ? query("k") : model`: "v1",
	} {
		p, problems := compiled(text)
		if problems != nil {
			t.Errorf("%s: %v", text, problems)
			continue
		}
		if got, err := p.render(testScope("eu", "gpt-5")); err != nil || got != want {
			t.Errorf("%s = %q, %v, want %q", text, got, err, want)
		}
	}
}

// What the file's author cannot have meant is found when the file is loaded: no expression that compiles can fail on a request.
func FuzzHole(f *testing.F) {
	for _, seed := range []string{`region`, `region + model`, `region == "eu" ? "a" : "b"`, `region in ["a", 1] ? model : "x"`, `header("X-A") + query("k")`, `model matches "^a+$" ? "a" : ""`, `let x = 1; x`, `{"a": 1}.a`, `1 == 1.0 ? "a" : "b"`} {
		f.Add(seed, "eu", "gpt-5")
	}
	f.Fuzz(func(t *testing.T, text, region, model string) {
		p, problems := compiled(text)
		if problems != nil {
			return
		}
		if _, err := p.render(testScope(region, model)); err != nil {
			t.Errorf("%s fails on %q, %q: %v", text, region, model, err)
		}
	})
}

// FuzzHost holds that no value of a path variable makes a host that does not end in the file's own text.
func FuzzHost(f *testing.F) {
	for _, seed := range []string{"eu", "evil.example#", "a.b", "a@b", "%00", "\u212a", "[::1]", "a:80", "-", ""} {
		f.Add(seed)
	}
	u, problems := compileUpstream(config.Template{Text: config.Text{Value: "x"}, Parts: []config.Part{
		{Literal: "https://"}, {Hole: &config.Text{Value: "region"}}, {Literal: "."},
		{Hole: &config.Text{Value: `model == "global" ? "" : model + ".api"`}}, {Literal: ".example.com/v1/"}, {Hole: &config.Text{Value: "model"}},
	}}, []string{"region", "model"})
	if problems != nil {
		f.Fatal(problems)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, s := range []*scope{testScope(value, "global"), testScope("eu", value)} {
			host, path, refused := u.address(s)
			if refused != nil {
				continue
			}
			parsed, err := url.Parse("https://" + host + "/")
			if err != nil || parsed.Host != host || parsed.Port() != "" || !strings.HasSuffix(host, ".example.com") || strings.Trim(strings.ToLower(host), "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" {
				t.Errorf("%q makes the host %q (%v)", value, host, err)
			}
			if !strings.HasPrefix(path, "/v1/") {
				t.Errorf("%q makes the path %q", value, path)
			}
		}
	})
}

// FuzzUpstream holds that what is accepted as an upstream is what package url takes it for.
func FuzzUpstream(f *testing.F) {
	for _, seed := range []string{"https://api.example.com", "http://[::1]:8080/v1/", "https://a@b", "https://a/b?c", "https://a\\b", "https://a:1/../", "HTTPS://A", "https://a.b.:443//x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		scheme, host, path, fault := splitUpstream(text)
		if fault != "" || strings.Contains(text, "\x00") {
			return
		}
		parsed, err := url.Parse(scheme + "://" + host)
		if err != nil || parsed.Scheme != scheme || parsed.Host != host || parsed.User != nil || parsed.Path != "" {
			t.Errorf("%q is split into %q, %q, %q; package url says %+v, %v", text, scheme, host, path, parsed, err)
		}
		if strings.ContainsAny(path, "?# \\") || (path != "" && path[0] != '/') {
			t.Errorf("%q has the path %q", text, path)
		}
	})
}
