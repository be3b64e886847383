package usage

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"windhover/config"
)

// problemsOf compiles a file's text and lists what is wrong with its meaning, a line each, without the folder's name.
func problemsOf(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "providers.yaml")
	if err := os.WriteFile(path, []byte(strings.TrimPrefix(text, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := config.Load(path, config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	sets, problems := Compile(file)
	for _, name := range []string{"a", "b"} {
		_, bound := sets.Bind(file.Providers[name].Usage)
		problems = append(problems, bound...)
	}
	if problems.Err() == nil {
		return ""
	}
	return strings.ReplaceAll(problems.Err().Error(), dir+string(filepath.Separator), "")
}

func TestEveryProblemOfARuleIsReportedWhereItStands(t *testing.T) {
	t.Parallel()
	got := problemsOf(t, `
version: 1
providers:
  a:
    path: /{region}/*
    upstream: https://a.example
    usage: [s, opnai]
fields:
  group:
    input_tokens: first("a" "b")
usage:
  s:
    - when: sttus == 200 and path contains "/x"
      with: grup
      fields:
        inputtokens: first("x")
        output_tokens: 'frist("x")'
        model: param("zone")
      from: [usage, "a|b"]
    - parts: list
    - where: status
      fields:
        images: param("region")
  unused:
    - {}
`)
	want := strings.TrimPrefix(`
providers.yaml:6:16: providers.a.usage[1]: unknown rule set opnai; known are s, unused
providers.yaml:9:29: fields.group.input_tokens: unexpected text "b"; an operator or a comma is missing before it
providers.yaml:12:13: usage.s[0].when: unknown name sttus; did you mean status?
providers.yaml:13:13: usage.s[0].with: unknown group of fields grup; did you mean group?
providers.yaml:15:22: usage.s[0].fields.inputtokens: unknown field inputtokens; did you mean input_tokens?
providers.yaml:16:25: usage.s[0].fields.output_tokens: unknown function frist; did you mean first?
providers.yaml:17:22: usage.s[0].fields.model: no provider's path has a variable zone; known are region
providers.yaml:18:21: usage.s[0].from[1]: path "a|b": | is not allowed; a path names keys, indexes, # and #(key=="value")
providers.yaml:19:7: usage.s[1]: the rule does nothing; it needs fields, with, end, format or consumes
providers.yaml:19:14: usage.s[1].parts: parts are read by the rule's own fields, and it has none
providers.yaml:20:14: usage.s[2].where: the expression gives a number; this place needs true or false
providers.yaml:24:7: usage.unused[0]: the rule does nothing; it needs fields, with, end, format or consumes`, "\n")
	if got != want {
		t.Errorf("problems:\n%s\nwant:\n%s", got, want)
	}
}

// A mistake in a rule is one; that the rule does nothing without what is mistaken would be another, and wrong.
func TestABrokenRuleIsNotSaidToDoNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "providers.yaml")
	text := "version: 1\nproviders: {a: {upstream: 'https://a.example', usage: s}}\nusage:\n  s:\n    - feilds: {model: first(\"model\")}\n    - {fields: 5, parts: list}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := config.Load(path, config.Options{})
	if err == nil {
		t.Fatal("the load finds no problem")
	}
	if _, problems := Compile(file); problems.Err() != nil {
		t.Errorf("Compile = %v, want no more problems", problems)
	}
}

func TestAVariableOfAnyProviderMayBeAskedFor(t *testing.T) {
	t.Parallel()
	got := problemsOf(t, `
version: 1
providers:
  a: {upstream: "https://a.example", usage: s}
  b:
    routes:
      - {path: "/{deployment}/*", upstream: "https://b.example"}
    usage: s
usage:
  s:
    - fields: {model: param("deployment")}
`)
	if got != "" {
		t.Errorf("problems = %s, want none", got)
	}
}

func TestSetsApplyInTheOrderTheProviderListsThem(t *testing.T) {
	t.Parallel()
	file := loadYAML(t, `
usage:
  one: [{fields: {input_tokens: first("a")}}]
  two: [{fields: {input_tokens: first("b")}}]
`)
	sets, problems := Compile(file)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for order, want := range map[string]string{"one two": `{"input_tokens":2}`, "two one": `{"input_tokens":1}`} {
		rules, _ := sets.Bind(setNames(strings.Fields(order)...))
		o := rules.Observe(answer("application/json"))
		o.Write([]byte(`{"a":1,"b":2}`))
		if got := numbers(t, o.Close(true)); got != want {
			t.Errorf("Usage with sets %s = %s, want %s", order, got, want)
		}
	}
}

func TestPlansAreRememberedUpToABound(t *testing.T) {
	t.Parallel()
	var yaml strings.Builder
	yaml.WriteString("usage:\n  a:\n")
	for _, word := range strings.Split("abcdefghij", "") {
		yaml.WriteString("    - {when: path contains \"" + word + "\", fields: {input_tokens: first(\"i\")}}\n")
	}
	rules := compileYAML(t, yaml.String()) // ten rules, 1,024 ways to combine them
	for n := 1; n < 1024; n++ {
		x := answer("application/json")
		x.Path = "/"
		for i := range 10 {
			if n&(1<<i) != 0 {
				x.Path += string(rune('a' + i))
			}
		}
		o := rules.Observe(x)
		o.Write([]byte(`{"i":1}`))
		if res := o.Close(true); res.State != Reported {
			t.Fatalf("State for %s = %s, want reported", x.Path, res.State)
		}
	}
	if got := len(rules.plans); got != maxPlans {
		t.Errorf("plans = %d, want %d", got, maxPlans)
	}
}

func TestTargetsAreRememberedUpToABound(t *testing.T) {
	t.Parallel()
	rules := compileYAML(t, `usage: {a: [{when: path endsWith "1", consumes: false}]}`)
	for range 2 {
		for n := range 3 * maxTargets {
			x := Exchange{Path: "/" + strconv.Itoa(n)}
			if got, want := rules.Observe(x) != nil, n%10 == 1; got != want {
				t.Fatalf("a rule applies to %s: %v, want %v", x.Path, got, want)
			}
			if got := len(rules.targets); got > maxTargets {
				t.Fatalf("targets = %d, want at most %d", got, maxTargets)
			}
		}
	}
	rules.Observe(Exchange{Path: strings.Repeat("/", maxTargetPath+1)})
	for target := range rules.targets {
		if len(target.path) > maxTargetPath {
			t.Errorf("a path of %d bytes is remembered, want at most %d", len(target.path), maxTargetPath)
		}
	}
}

func TestAWhenThatAsksForMoreThanTheTargetIsAskedEachTime(t *testing.T) {
	t.Parallel()
	rules := compileYAML(t, `usage: {a: [{when: header("X-Kind") == "good", fields: {input_tokens: first("i")}}]}`)
	for _, kind := range []string{"good", "bad", "good"} {
		x := answer("application/json")
		x.Header.Set("X-Kind", kind)
		if got, want := rules.Observe(x) != nil, kind == "good"; got != want {
			t.Errorf("a rule applies to %s = %v, want %v", kind, got, want)
		}
	}
}
