package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// show writes parts so that a test can compare them: holes in {}, secrets in <>.
func show(parts []Part) string {
	var b strings.Builder
	for _, p := range parts {
		switch {
		case p.Hole != nil:
			b.WriteString("{" + p.Hole.Value + "}")
		case p.Secret != nil:
			b.WriteString("<" + p.Secret.Reveal() + ">")
		default:
			b.WriteString("[" + p.Literal + "]")
		}
	}
	return b.String()
}

func resolveForTest(reference string) (Secret, error) {
	if reference == "MISSING" {
		return Secret{}, errors.New("MISSING is not set")
	}
	return NewSecret("{" + reference + "}${X}"), nil
}

func TestTemplateIsCutIntoParts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                          "",
		"plain":                     "[plain]",
		"https://{host}/v1":         "[https://]{host}[/v1]",
		"{a}{b}":                    "{a}{b}",
		"{{a}":                      "[{a}]",
		"{{{a}":                     "[{]{a}",
		"a}b":                       "[a}b]",
		"$${A}":                     "[${A}]",
		"$$${A}":                    "[$${A}]",
		"$a $":                      "[$a $]",
		"x${A}y":                    "[x]<{A}${X}>[y]",
		"${A:-b}":                   "<{A:-b}${X}>",
		`{a == "}" ? "{" : b}x`:     `{a == "}" ? "{" : b}[x]`,
		`{a == '}'}x`:               `{a == '}'}[x]`,
		"{`}` + \"\\\"}\"}x":        "{`}` + \"\\\"}\"}[x]",
		"{ {\"a\": {\"b\": 1}}.a }": "{ {\"a\": {\"b\": 1}}.a }",
	} {
		parts, problems := parseTemplate(Text{Value: text}, resolveForTest)
		if problems != nil || show(parts) != want {
			t.Errorf("parseTemplate(%q) = %s, %v, want %s", text, show(parts), problems, want)
		}
	}
}

func TestTemplateProblemsStandWhereTheyAre(t *testing.T) {
	t.Parallel()
	text := Text{Value: "é{a} ${MISSING} {} {b", Pos: Pos{"f.yaml", 3, 10}, Path: "x", Inset: 1}
	_, problems := parseTemplate(text, resolveForTest)
	want := "f.yaml:3:16: x: MISSING is not set\n" +
		"f.yaml:3:27: x: this hole is empty; write {{ for a literal brace\n" +
		"f.yaml:3:30: x: this { is not closed; write {{ for a literal brace"
	if got := problems.Error(); got != want {
		t.Errorf("problems =\n%s\nwant\n%s", got, want)
	}
}

func TestHolesStandAtTheirOwnPlace(t *testing.T) {
	t.Parallel()
	text := Text{Value: "é{a}", Pos: Pos{"f.yaml", 3, 10}, Path: "x", Inset: 1}
	parts, _ := parseTemplate(text, resolveForTest)
	equal(t, "hole", *parts[1].Hole, Text{Value: "a", Pos: Pos{"f.yaml", 3, 13}, Path: "x"})

	text.Inset = -1
	parts, _ = parseTemplate(text, resolveForTest)
	equal(t, "hole in a block", *parts[1].Hole, Text{Value: "a", Pos: Pos{"f.yaml", 3, 10}, Path: "x", Inset: -1})
}

func TestReferencesAreResolvedOnce(t *testing.T) {
	t.Parallel()
	acme := loadGood(t, "templates.yaml").Providers["acme"]
	equal(t, "upstream", show(acme.Upstream.Parts), `[https://]{region == "eu" ? "eu." : ""}{resource}[.acme.test/]{"}"}[/{literal}/${NAME}]`)
	headers := acme.Request.Headers
	for name, want := range map[string]string{
		"Authorization": "[Bearer ]<hunter2>",
		"X-File":        "<hunter4>",
		"X-Default":     "<{not a hole>[}]",
		"X-Mixed":       `[a]{header("X")}[b]<hunter2>[c]`,
		"X-Empty":       "",
	} {
		if got := show(headers.Set[name].Parts); got != want {
			t.Errorf("%s = %s, want %s", name, got, want)
		}
	}
	equal(t, "X-Folded", show(headers.Default["X-Folded"].Parts), "[one ]{path}[ line]")
	equal(t, "query with line break", show(acme.Request.Query.Set["lines"].Parts), "<hunter2\nhunter3>")
	equal(t, "HoldsSecret", headers.Set["X-File"].HoldsSecret(), true)
	equal(t, "HoldsSecret", headers.Default["X-Folded"].HoldsSecret(), false)
}

func TestNoSecretsLooksNothingUp(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "own.yaml")
	writeFile(t, path, `version: 1
providers:
  acme:
    upstream: https://${HOST:-acme.test}
    request: {headers: {set: {X-Key: "${NOT_SET}", X-File: "${file:none}"}}}
`)
	file := load(t, path, Options{NoSecrets: true, LookupEnv: func(name string) (string, bool) {
		t.Errorf("%s was looked up", name)
		return "", false
	}})
	acme := file.Providers["acme"]
	equal(t, "upstream", show(acme.Upstream.Parts), "[https://]<acme.test>")
	equal(t, "default is missing", acme.Upstream.Parts[1].Secret.Missing(), false)
	for _, name := range []string{"X-Key", "X-File"} {
		equal(t, name+" is missing", acme.Request.Headers.Set[name].Parts[0].Secret.Missing(), true)
	}
	equal(t, "Paths", file.Paths, []string{path, filepath.Join(filepath.Dir(path), "none")})
}

func TestSecretFilesLoseOneLineBreak(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	own := filepath.Join(folder, "own.yaml")
	writeFile(t, own, "version: 1\nproviders:\n  acme: {upstream: https://acme.test, request: {headers: {set: {X-Key: '${file:key}'}}}}\n")
	for content, want := range map[string]string{"a": "a", "a\n": "a", "a\r\n": "a", " a ": " a "} {
		writeFile(t, filepath.Join(folder, "key"), content)
		file := load(t, own, testOptions())
		equal(t, fmt.Sprintf("secret of %q", content), file.Providers["acme"].Request.Headers.Set["X-Key"].Parts[0].Secret.Reveal(), want)
	}
	for content, want := range map[string]string{
		"":                            "the file " + filepath.Join(folder, "key") + " is empty",
		"a\n\n":                       "what the reference yields holds a line break or another control character, which cannot be sent",
		strings.Repeat("a", 64<<10+1): "it is larger than 64KiB",
	} {
		writeFile(t, filepath.Join(folder, "key"), content)
		if _, err := Load(own, testOptions()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load with a secret of %d bytes = %v, want %v", len(content), err, want)
		}
	}
}

func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{"https://{a}.b", "{{", "${A:-b}", "$${", `{"}"}`, "{`", "{", "${", "é{x}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parts, problems := parseTemplate(Text{Value: text}, func(string) (Secret, error) { return NewSecret("s"), nil })
		for _, p := range problems {
			if p.Pos.Column < 0 || p.Pos.Column > len(text) {
				t.Errorf("%v is outside of %q", p, text)
			}
		}
		for _, p := range parts {
			if set := btoi(p.Literal != "") + btoi(p.Secret != nil) + btoi(p.Hole != nil); set != 1 {
				t.Errorf("part %+v of %q has %d fields set", p, text, set)
			}
			if p.Hole != nil && !strings.Contains(text, "{"+p.Hole.Value+"}") {
				t.Errorf("hole %q does not stand in %q", p.Hole.Value, text)
			}
		}
	})
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
