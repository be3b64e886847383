package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Pos is where a value stands in a file. Line and Column count from 1; a zero Line means the file as a whole.
type Pos struct {
	File         string
	Line, Column int
}

func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Problem is one thing that is wrong in a file, said so that its author can mend it: where, which value, why, and the remedy.
type Problem struct {
	Pos     Pos
	Path    string // of the value, as in providers.openai.usage[0]; empty for the file as a whole
	Message string
}

// Error is the problem on one line: FILE:LINE:COL: path: message.
func (p Problem) Error() string {
	if p.Path == "" {
		return p.Pos.String() + ": " + p.Message
	}
	return p.Pos.String() + ": " + p.Path + ": " + p.Message
}

// Problems are all problems of one load.
type Problems []Problem

// Error is every problem, a line each.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Err is nil when there is no problem; otherwise the problems by file and line, each once.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	sorted := slices.Clone(ps)
	slices.SortStableFunc(sorted, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(a.Pos.File, b.Pos.File),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Column, b.Pos.Column),
			cmp.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(sorted, func(a, b Problem) bool {
		return a.Pos == b.Pos && a.Message == b.Message
	})
}
