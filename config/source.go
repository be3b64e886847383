package config

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// source is the text of a file by its lines, to find out where in it a scalar's own characters stand.
type source struct {
	file  string
	lines []string
	last  cursor
}

// cursor is a place in characters, from 1, and in bytes of its line, from 0. Scalars are asked for in the order in which
// they stand: to count from the last one keeps a file that is one long line from taking quadratic time.
type cursor struct{ line, column, offset int }

func newSource(file string, data []byte) *source {
	text := string(bytes.TrimPrefix(data, []byte("\ufeff")))
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(text)
	return &source{file: file, lines: strings.Split(text, "\n")}
}

func (s *source) pos(n *yaml.Node) Pos { return s.within(n.Line, n.Column) }

// within is a place in the file. The parser puts what stands at the end of the file on the line behind the last one.
func (s *source) within(line, column int) Pos {
	if line > len(s.lines) {
		line, column = len(s.lines), utf8.RuneCountInString(s.lines[len(s.lines)-1])+1
	}
	return Pos{File: s.file, Line: max(line, 1), Column: max(column, 1)}
}

// from is the rest of a line from a column on, both counted from 1.
func (s *source) from(line, column int) string {
	if line < 1 || line > len(s.lines) {
		return ""
	}
	text := s.lines[line-1]
	if line != s.last.line || column < s.last.column {
		s.last = cursor{line: line, column: 1}
	}
	for s.last.column < column && s.last.offset < len(text) {
		_, size := utf8.DecodeRuneInString(text[s.last.offset:])
		s.last.offset += size
		s.last.column++
	}
	return text[s.last.offset:]
}

// inset is the number of columns between a scalar's place and the first character of its value, or -1 if its
// characters do not stand in the file one by one (block scalars, escapes, more than one line).
func (s *source) inset(n *yaml.Node) int {
	rest := s.from(n.Line, n.Column)
	switch {
	case isPlain(n) && strings.HasPrefix(rest, n.Value):
		return 0
	case len(rest) > 0 && (rest[0] == '\'' || rest[0] == '"') && strings.HasPrefix(rest[1:], n.Value+rest[:1]):
		return 1
	}
	return -1
}
