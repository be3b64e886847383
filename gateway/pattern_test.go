package gateway

import (
	"slices"
	"strings"
	"testing"

	"windhover/config"
)

func TestPatternKnowsWhichVariablesAreClosed(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"/{a}/*":                      "",
		"/{a:us|eu}/*":                "a",
		"/{a:us|eu}-{b}/*":            "a",
		"/{a:(us|eu)(-west)?}/*":      "a",
		"/{a:(?i)us|eu}/*":            "a",
		"/{a:^us$|^eu$}/*":            "a",
		"/{a:us-(east|west)-[1-3]}/*": "a",
		"/{a:us}/{b:v1|v1beta1}/*":    "a b",
		"/{a:[0-9]{1,2}}/*":           "a",
		"/{a:[0-9]{3}}/*":             "",
		"/{a:[a-z]+}/*":               "",
		"/{a:bedrock[a-z-]*}/*":       "",
		"/{a:us|.*}/*":                "",
		"/{a:us|[^/]}/*":              "",
		"/{a:[a-z0-9-]{1,63}}/*":      "",
		"/{a:(a|b){1,}}/*":            "",
		"/{a:((a|b){9}){9}}/*":        "",
	} {
		p, err := parsePattern(pattern)
		if got := strings.Join(p.closed, " "); err != nil || got != want {
			t.Errorf("closed variables of %s = %q, %v, want %q", pattern, got, err, want)
		}
	}
}

// Without brackets of its own, ^us|eu$ would also match what only begins with us or ends in eu.
func TestChoiceInPatternMatchesWholeValues(t *testing.T) {
	t.Parallel()
	r, problems := compileRoute(config.Route{Path: config.Text{Value: "/{region:us|eu}/*"}})
	if problems != nil {
		t.Fatal(problems)
	}
	for path, want := range map[string]bool{
		"/us/v1": true, "/eu/v1": true, "/us-evil/v1": false, "/evil-eu/v1": false, "/useu/v1": false, "/US/v1": false,
	} {
		if _, got := r.match(path); got != want {
			t.Errorf("%s matches %s = %v, want %v", r.pattern, path, got, want)
		}
	}
}

func TestPatternThatCannotBeReadIsExplained(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"v1/*":          `p: pattern "v1/*": it does not begin with /`,
		"/{a b}/*":      `p: pattern "/{a b}/*": "a b" is no name for a variable; letters, digits and _ are`,
		"/{a:(}/*":      "p: pattern \"/{a:(}/*\": a: error parsing regexp: missing closing ): `(`",
		"/{a}/{a}/*":    `p: pattern "/{a}/{a}/*": routing pattern '/{a}/{a}/*' contains duplicate param key, 'a'`,
		"/{a:us|eu}/*x": `p: pattern "/{a:us|eu}/*x": wildcard '*' must be the last value in a route. trim trailing text or use a '{param}' instead`,
		"/{a/*":         `p: pattern "/{a/*": route param closing delimiter '}' is missing`,
	} {
		_, problems := compileRoute(config.Route{Path: config.Text{Value: pattern, Pos: config.Pos{File: "p"}}})
		if len(problems) != 1 || problems[0].Error() != want {
			t.Errorf("problems of %s = %v, want %s", pattern, problems, want)
		}
	}
}

func FuzzParsePattern(f *testing.F) {
	for _, seed := range []string{"/*", "/{a}/*", "/{a:us|eu}/{b:[a-z]{1,3}}/*", "/{a:(a|b)?}/{b}", "/{a:{}", "/}{", "/{a:(?i)x}/*"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePattern(text)
		if err != nil {
			return
		}
		for _, name := range p.closed {
			if !slices.Contains(p.names, name) {
				t.Errorf("closed variable %q of %q is none of its variables %q", name, text, p.names)
			}
		}
		_, _ = newMux(p.text) // an error, never a panic
	})
}
