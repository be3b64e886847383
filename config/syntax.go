package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// syntaxProblem says where and why the parser stopped. Where it stopped at an expression that YAML cannot hold without
// quotes, the problem says that instead: what the parser itself complains about there helps nobody.
func (s *source) syntaxProblem(err error) Problem {
	var stop *yaml.LoadError
	if !errors.As(err, &stop) {
		return Problem{Pos: Pos{File: s.file}, Message: err.Error()}
	}
	line, column := stop.Mark.Line, stop.Mark.Column
	at := func(line, column int, message string) Problem {
		return Problem{Pos: s.within(line, column), Message: message}
	}
	if tab := s.tabIndent(line); tab > 0 {
		return at(line, tab, "a tab cannot indent; use spaces")
	}
	if column, why, ok := s.unquoted(line); ok && !s.inside(stop) {
		return at(line, column, "put single quotes around this expression: it "+why)
	}
	switch stop.ContextMsg {
	case "while scanning a quoted scalar":
		if strings.Contains(stop.Message, "end of stream") {
			return at(stop.ContextMark.Line, stop.ContextMark.Column, "this quote is not closed")
		}
	case "while parsing a flow sequence":
		return at(stop.ContextMark.Line, stop.ContextMark.Column, fmt.Sprintf("this [ is not closed, or a comma is missing before line %d, column %d", line, column))
	case "while parsing a flow mapping":
		return at(stop.ContextMark.Line, stop.ContextMark.Column, fmt.Sprintf("this { is not closed, or a comma is missing before line %d, column %d", line, column))
	case "while scanning a simple key":
		return at(stop.ContextMark.Line, stop.ContextMark.Column, "a key stands here without its colon; write key: value")
	}
	return at(line, column, syntaxMessage(stop.Message))
}

// inside reports whether the parser stopped inside of something that was opened on purpose: a quoted text, or a list or
// mapping in brackets that spans lines or is the whole value.
func (s *source) inside(stop *yaml.LoadError) bool {
	switch stop.ContextMsg {
	case "while scanning a quoted scalar":
		return true
	case "while parsing a flow sequence", "while parsing a flow mapping":
		value := strings.TrimSpace(s.from(stop.ContextMark.Line, stop.ContextMark.Column))
		return stop.ContextMark.Line < stop.Mark.Line || strings.HasSuffix(value, "]") || strings.HasSuffix(value, "}")
	}
	return false
}

// syntaxMessage is the parser's complaint in the words of someone who writes a file.
func syntaxMessage(message string) string {
	switch message {
	case "mapping values are not allowed in this context":
		return "no key can stand here; check the indentation of this line and the one above"
	case "did not find expected key":
		return "a key is expected here; check the indentation of this line"
	case "did not find expected '-' indicator":
		return "a list item is expected here; check the indentation of this line"
	case "block sequence entries are not allowed in this context":
		return "a list cannot start on the line of its key; put the - on a line of its own"
	case "found unknown escape character":
		return "this escape is not known; use single quotes, in which a backslash is a backslash"
	}
	return "the file is no YAML: " + message
}

// tabIndent is the column of the first tab in a line's indentation, or 0.
func (s *source) tabIndent(line int) int {
	if line < 1 || line > len(s.lines) {
		return 0
	}
	text := s.lines[line-1]
	indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]
	return strings.IndexByte(indent, '\t') + 1
}

// unquoted finds the value on a line that needs quotes and has none: its column and what in it YAML takes for its own.
func (s *source) unquoted(line int) (column int, why string, ok bool) {
	if line < 1 || line > len(s.lines) {
		return 0, "", false
	}
	text := s.lines[line-1]
	lead := regexp.MustCompile(`^\s*(- +)*([\w.-]+: +|- +)`).FindString(text)
	value := text[len(lead):]
	if lead == "" || value == "" {
		return 0, "", false
	}
	switch {
	case strings.ContainsRune("{[!\"'&*%@`", rune(value[0])):
		why = fmt.Sprintf("starts with %c", value[0])
	case strings.Contains(value, ": "):
		why = `contains ": "`
	case strings.Contains(value, " #"):
		why = `contains " #"`
	default:
		return 0, "", false
	}
	return len([]rune(lead)) + 1, why, true
}
