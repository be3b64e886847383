package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// maxAliased bounds how many nodes the aliases of one file may stand for: each may name others, and a file of a few
// hundred bytes could otherwise fill the memory.
const maxAliased = 100_000

// maxDepth bounds how deep a file nests; what the file can say needs less than ten levels.
const maxDepth = 64

// parse reads one YAML file to its tree. The tree is nil if the file is no YAML, or no mapping; otherwise it leaves out
// what the problems name.
func parse(file string, data []byte) (*node, Problems) {
	if p, ok := unreadable(file, data); ok {
		return nil, Problems{p}
	}
	source := newSource(file, data)
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		return nil, Problems{source.syntaxProblem(err)}
	}
	var first, second yaml.Node
	if err := loader.Load(&first); errors.Is(err, io.EOF) {
		return nil, Problems{{Pos: Pos{File: file}, Message: "the file is empty; it needs at least version: 1"}}
	} else if err != nil {
		return nil, Problems{source.syntaxProblem(err)}
	}
	b := builder{source: source, open: map[*yaml.Node]bool{}}
	if err := loader.Load(&second); err == nil {
		b.reject(&second, "", "a second document starts here; the file must be one: remove the --- before it")
	} else if !errors.Is(err, io.EOF) {
		return nil, Problems{source.syntaxProblem(err)}
	}
	return b.root(first.Content[0]), b.problems
}

// unreadable finds the bytes that the YAML parser would stop at without saying where.
func unreadable(file string, data []byte) (Problem, bool) {
	pos := Pos{File: file, Line: 1, Column: 1}
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		if r == utf8.RuneError && size == 1 {
			return Problem{Pos: pos, Message: fmt.Sprintf("byte 0x%02x is not UTF-8; save the file as UTF-8", data[0])}, true
		}
		if r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f {
			return Problem{Pos: pos, Message: fmt.Sprintf("control character U+%04X; write it as \"\\x%02x\" in double quotes if it is meant", r, r)}, true
		}
		data = data[size:]
		pos.Column++
		if r == '\n' {
			pos.Line, pos.Column = pos.Line+1, 1
		}
	}
	return Problem{}, false
}

// builder turns the parser's nodes into ours: aliases are followed, and what YAML allows but no reader expects is refused.
type builder struct {
	source   *source
	problems Problems
	open     map[*yaml.Node]bool // anchored nodes that are being built, to see an anchor that holds itself
	aliased  int                 // nodes built from aliases so far
	inAlias  int                 // how many aliases the node that is being built came through
}

func (b *builder) root(n *yaml.Node) *node {
	root := b.node(n, "")
	switch root.kind {
	case mappingKind:
		return root
	case nothingKind:
		b.reject(n, "", "the file is empty; it needs at least version: 1")
	case brokenKind:
	default:
		b.reject(n, "", "the file is %s; it must be a mapping with keys such as version and providers", root.kind.noun())
	}
	return nil
}

func (b *builder) node(n *yaml.Node, path string) *node {
	if n.Kind == yaml.AliasNode {
		return b.alias(n, path)
	}
	if b.inAlias > 0 {
		b.aliased++
	}
	if n.Style&yaml.TaggedStyle != 0 && n.Tag != "!!str" {
		return b.broken(n, path, "put single quotes around this expression: it starts with !")
	}
	if len(b.open) >= maxDepth {
		return b.broken(n, path, "this is nested more than %d levels deep", maxDepth)
	}
	x := &node{pos: b.source.pos(n), path: path, inset: -1, flow: isFlow(n), plain: isPlain(n), comment: n.LineComment != ""}
	b.open[n] = true
	defer delete(b.open, n)
	switch n.Kind {
	case yaml.MappingNode:
		x.kind = mappingKind
		b.entries(x, n)
	case yaml.SequenceNode:
		x.kind = listKind
		for i, c := range n.Content {
			x.items = append(x.items, b.node(c, fmt.Sprintf("%s[%d]", path, i)))
		}
	default:
		x.kind = kindOf(n.Tag)
		x.text = scalarText(n)
		x.inset = b.source.inset(n)
	}
	return x
}

// scalarText is a scalar's value. The last line break of a block scalar belongs to the layout of the file.
func scalarText(n *yaml.Node) string {
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return strings.TrimRight(n.Value, "\n")
	}
	return n.Value
}

func (b *builder) entries(x *node, n *yaml.Node) {
	seen := map[string]Pos{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if !b.goodKey(key, x.path) {
			x.partial = true
			continue
		}
		pos := b.source.pos(n.Content[i])
		if first, ok := seen[key.Value]; ok {
			b.problems = append(b.problems, Problem{pos, x.path, fmt.Sprintf("duplicate key %s; it stands at %s already", quoted(key.Value), first)})
			continue
		}
		seen[key.Value] = pos
		v := b.node(value, under(x.path, key.Value))
		if (v.kind == listKind || v.kind == mappingKind) && !v.flow {
			v.pos = pos // a block begins with its key, for a reader
		}
		x.entries = append(x.entries, entry{key.Value, pos, v})
	}
}

func (b *builder) goodKey(key *yaml.Node, path string) bool {
	switch {
	case key.Kind != yaml.ScalarNode:
		b.reject(key, path, "a list or a mapping cannot be a key; if this is an expression with holes, put single quotes around it")
	case key.Tag == "!!merge":
		b.reject(key, path, "merge keys (<<) are not read; write the keys out, or put what providers share under defaults")
	case key.Style&yaml.TaggedStyle != 0:
		b.reject(key, path, "a key cannot have a tag; remove %s", quoted(key.Tag))
	default:
		return true
	}
	return false
}

func (b *builder) alias(n *yaml.Node, path string) *node {
	if b.open[n.Alias] {
		return b.broken(n, path, "the anchor %s holds itself", quoted(n.Value))
	}
	if b.aliased >= maxAliased {
		return b.broken(n, path, "the file's aliases stand for more than %d values", maxAliased)
	}
	b.inAlias++
	defer func() { b.inAlias-- }()
	return b.node(n.Alias, path)
}

// broken is what stands for a value that cannot be read.
func (b *builder) broken(n *yaml.Node, path, format string, args ...any) *node {
	b.reject(n, path, format, args...)
	return &node{pos: b.source.pos(n), path: path, kind: brokenKind}
}

func (b *builder) reject(n *yaml.Node, path, format string, args ...any) {
	b.problems = append(b.problems, Problem{b.source.pos(n), path, fmt.Sprintf(format, args...)})
}
