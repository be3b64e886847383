package config

import (
	"fmt"
	"unicode/utf8"
)

// Text is a string that remembers where it stands, so that what is found wrong with it later (a pattern, an expression, a name) can be reported there.
type Text struct {
	Value string
	Pos   Pos
	Path  string
	// Inset is the number of columns between Pos and the first character of Value (1 behind a quote), or -1 where a
	// column inside Value has no fixed place in the file (block scalars, escapes).
	Inset int
}

// Problem is a problem with the whole text.
func (t Text) Problem(format string, args ...any) Problem {
	return Problem{Pos: t.Pos, Path: t.Path, Message: fmt.Sprintf(format, args...)}
}

// ProblemAt is a problem at the byte offset in Value.
func (t Text) ProblemAt(offset int, format string, args ...any) Problem {
	p := t.Problem(format, args...)
	if t.Inset >= 0 {
		p.Pos.Column += t.Inset + utf8.RuneCountInString(t.Value[:min(offset, len(t.Value))])
	}
	return p
}

// Empty reports whether nothing stands in the file for this text.
func (t Text) Empty() bool { return t.Value == "" }

func (t Text) String() string { return t.Value }

// Values are the texts alone.
func (l TextList) Values() []string {
	var values []string
	for _, t := range l {
		values = append(values, t.Value)
	}
	return values
}
