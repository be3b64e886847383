package usage

import (
	"errors"
	"testing"

	"github.com/expr-lang/expr/parser"

	"windhover/config"
)

func TestSyntaxErrorsAreInOurWords(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]struct {
		at      int
		message string
	}{
		`event = 'x'`:     {6, "write == to compare"},
		`"é" = event`:     {4, "write == to compare"},
		`path ==`:         {6, "the expression is not complete"},
		`first("a" "b")`:  {10, `unexpected text "b"; an operator or a comma is missing before it`},
		`path path`:       {5, "unexpected path; an operator or a comma is missing before it, or quotes around it"},
		`status 200`:      {7, "unexpected 200; an operator or a comma is missing before it, or quotes around it"},
		`first("a"))`:     {10, "unexpected )"},
		`path == "a`:      {10, "the text has no closing quote"},
		`path @ "a"`:      {5, "unrecognized character: U+0040 '@'"},
		`status == 1 ? 2`: {14, "the expression is not complete"},
	} {
		_, err := parser.Parse(source)
		if err == nil {
			t.Errorf("%s is an expression, want an error", source)
			continue
		}
		if at, message := SyntaxError(err); at != want.at || message != want.message {
			t.Errorf("SyntaxError of %s = %d, %q, want %d, %q", source, at, message, want.at, want.message)
		}
	}
	if at, message := SyntaxError(errors.New("too long")); at != 0 || message != "too long" {
		t.Errorf("SyntaxError of another error = %d, %q, want its text", at, message)
	}
}

func TestProblemAtCountsCharacters(t *testing.T) {
	t.Parallel()
	text := config.Text{Value: `"é" = path`, Pos: config.Pos{File: "f", Line: 1, Column: 10}}
	for n, want := range map[int]int{0: 10, 4: 14, 10: 20, 99: 20} {
		if got := ProblemAt(text, n, "wrong"); got.Pos.Column != want || got.Message != "wrong" {
			t.Errorf("ProblemAt(%d) = %v, want column %d", n, got, want)
		}
	}
}

func TestAProblemBehindOtherLettersStandsAtItsColumn(t *testing.T) {
	t.Parallel()
	got := problemsOf(t, `
version: 1
providers:
  a: {upstream: "https://a.example", usage: s}
usage:
  s:
    - when: path == "é" and method = "GET"
      where: event == "é" and evnt == "x"
      fields: {model: '"é" == path ? "x" : param("zone")'}
`)
	want := `providers.yaml:6:36: usage.s[0].when: write == to compare
providers.yaml:7:31: usage.s[0].where: unknown name evnt; did you mean event?
providers.yaml:8:50: usage.s[0].fields.model: no provider's path has a variable zone; there is none`
	if got != want {
		t.Errorf("problems:\n%s\nwant:\n%s", got, want)
	}
}
