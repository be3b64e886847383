package config

import (
	"bytes"
	"strings"

	"go.yaml.in/yaml/v4"
)

// source is the text of a file by its lines, to find out where in it a scalar's own characters stand.
type source struct {
	file  string
	lines []string
}

func newSource(file string, data []byte) source {
	text := string(bytes.TrimPrefix(data, []byte("\ufeff")))
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(text)
	return source{file: file, lines: strings.Split(text, "\n")}
}

func (s source) pos(n *yaml.Node) Pos {
	return Pos{File: s.file, Line: n.Line, Column: n.Column}
}

// from is the rest of a line from a column on, both counted from 1.
func (s source) from(line, column int) string {
	if line < 1 || line > len(s.lines) {
		return ""
	}
	for i := range s.lines[line-1] {
		if column--; column == 0 {
			return s.lines[line-1][i:]
		}
	}
	return ""
}

// inset is the number of columns between a scalar's place and the first character of its value, or -1 if its
// characters do not stand in the file one by one (block scalars, escapes, more than one line).
func (s source) inset(n *yaml.Node) int {
	rest := s.from(n.Line, n.Column)
	switch {
	case isPlain(n) && strings.HasPrefix(rest, n.Value):
		return 0
	case len(rest) > 0 && (rest[0] == '\'' || rest[0] == '"') && strings.HasPrefix(rest[1:], n.Value+rest[:1]):
		return 1
	}
	return -1
}
