package config

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v4"
)

// kind is what a node of a file is. A plain scalar that YAML would read as something else than text keeps that kind, so
// that nothing is turned into text behind its author's back.
type kind uint8

const (
	textKind kind = iota
	numberKind
	truthKind
	dateKind
	nothingKind
	listKind
	mappingKind
	brokenKind // a problem has been reported, and there is no value
)

// noun is the kind as a message names it.
func (k kind) noun() string {
	switch k {
	case numberKind:
		return "a number"
	case truthKind:
		return "a truth value"
	case dateKind:
		return "a date"
	case nothingKind:
		return "nothing"
	case listKind:
		return "a list"
	case mappingKind:
		return "a mapping"
	}
	return "text"
}

// node is one value of a YAML file with its place. A tree of them is never changed, so that parts of it can be shared.
type node struct {
	pos      Pos
	path     string // from the file's root, as in providers.openai.usage[0]
	kind     kind
	text     string // of a scalar
	inset    int    // see Text.Inset
	plain    bool   // a scalar without quotes
	flow     bool   // a list or mapping in brackets
	comment  bool   // a comment follows on the same line
	replaces bool   // an entry that stands in the place of one in a more general file
	partial  bool   // a mapping with keys that could not be read: one that is not here is not missing

	entries []entry // of a mapping, each key once
	items   []*node // of a list
}

// entry is a key of a mapping and its value.
type entry struct {
	key   string
	pos   Pos // of the key
	value *node
}

// find is the value of a key, or nil.
func (n *node) find(key string) *node {
	for _, e := range n.entries {
		if e.key == key {
			return e.value
		}
	}
	return nil
}

// gives reports whether a mapping has a key, or was meant to: a problem has been reported where the key should stand.
func (n *node) gives(key string, known []string) bool {
	return n.partial || n.find(key) != nil || slices.ContainsFunc(n.entries, func(e entry) bool {
		return !slices.Contains(known, e.key) && Nearest(e.key, known) == key
	})
}

// lacks reports whether something in the node could not be read.
func (n *node) lacks() bool {
	return n.kind == brokenKind || n.partial ||
		slices.ContainsFunc(n.items, (*node).lacks) ||
		slices.ContainsFunc(n.entries, func(e entry) bool { return e.value.lacks() })
}

// asText is the scalar as the file's plain data carries it.
func (n *node) asText() Text {
	return Text{Value: n.text, Pos: n.pos, Path: n.path, Inset: n.inset}
}

// problem is a problem with the node.
func (n *node) problem(format string, args ...any) Problem {
	return Problem{Pos: n.pos, Path: n.path, Message: fmt.Sprintf(format, args...)}
}

// under is the path of a key below another path.
func under(path, key string) string {
	if path == "" {
		return quoted(key)
	}
	return path + "." + quoted(key)
}

// kindOf is the kind of a scalar by the tag that YAML gave it.
func kindOf(tag string) kind {
	switch tag {
	case "!!int", "!!float":
		return numberKind
	case "!!bool":
		return truthKind
	case "!!timestamp":
		return dateKind
	case "!!null":
		return nothingKind
	}
	return textKind
}

// isFlow reports whether a list or mapping stands in brackets.
func isFlow(n *yaml.Node) bool { return n.Style&yaml.FlowStyle != 0 }

// isPlain reports whether a scalar stands without quotes, on lines of its own neither.
func isPlain(n *yaml.Node) bool {
	return n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
}
