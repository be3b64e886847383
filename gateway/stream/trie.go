package stream

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// Projection is a set of gjson paths, laid out for one walk through a document. It never changes; any number of
// projectors share it.
type Projection struct {
	root *node
	leaf *node // a node at which a path ends
}

// node is a place in a document that a path leads to or through.
type node struct {
	keep   bool             // a path ends here, or goes on in a way only gjson follows: the value is kept whole
	keys   map[string]*node // members of an object
	index  []indexed        // elements of an array
	each   *node            // every element of an array; gjson also takes it as the member named "#"
	length bool             // the length of an array; gjson also takes it as the member named "#"
}

// indexed is one element of an array that a path names by its number.
type indexed struct {
	at   int
	node *node
}

const (
	maxParts = 32   // of a path
	maxIndex = 9999 // of an array's element: all before it leave a trace in the output
)

// NewProjection compiles paths in gjson's syntax. Refused are those that begin with something other than a plain part
// (a modifier, a literal, a wildcard, a query, a multipath, a JSON lines prefix), that have empty parts, parts above
// 256 bytes, more than 32 of them, or a number above 9999: none of them could be followed in bounded memory. From a
// wildcard, query, pipe or modifier onwards the value in front of it is kept whole.
//
// A path that asks for an array's length ends in `.#`, which keeps the length alone; the array's own path keeps its elements.
func NewProjection(paths []string) (*Projection, error) {
	p := &Projection{root: &node{}, leaf: &node{keep: true}}
	for _, path := range paths {
		if err := p.add(path); err != nil {
			return nil, fmt.Errorf("path %q: %w", path, err)
		}
	}
	return p, nil
}

// New is a filter for one document.
func (p *Projection) New() *Projector {
	room := new(usualRoom)
	return &Projector{projection: p, out: room.out[:0], open: room.open[:0], nodes: room.nodes[:0], name: room.name[:0]}
}

func (p *Projection) add(path string) error {
	n, rest, more := p.root, path, true
	for parts := 0; more; parts++ {
		var raw string
		raw, rest, more = cutPart(rest)
		if !plain(raw) {
			if parts == 0 {
				return fmt.Errorf("it begins with %q, which would keep the whole document", raw)
			}
			n.keep = true
			return nil
		}
		if raw == "#" && !more {
			n.length = true
			return nil
		}
		if err := checkPart(raw, parts); err != nil {
			return err
		}
		n = n.child(unescapePart(raw))
	}
	n.keep = true
	return nil
}

// cutPart is the path up to its first dot that no backslash escapes, and what follows it.
func cutPart(path string) (part, rest string, more bool) {
	for i := 0; i < len(path); i++ {
		switch path[i] {
		case '\\':
			i++
		case '.':
			return path[:i], path[i+1:], true
		}
	}
	return path, "", false
}

// plain tells whether a part is a key, a number or `#`, and nothing that gjson reads in another way.
func plain(part string) bool {
	for i := 0; i < len(part); i++ {
		switch part[i] {
		case '\\':
			i++ // what is escaped stands for itself
		case '*', '?', '|':
			return false
		case '@', '!', '{', '[', '#':
			if i == 0 && part != "#" {
				return false
			}
		}
	}
	return true
}

func checkPart(part string, parts int) error {
	switch {
	case part == "":
		return fmt.Errorf("part %d is empty", parts+1)
	case len(part) > maxText:
		return fmt.Errorf("part %d is longer than %d bytes", parts+1, maxText)
	case parts >= maxParts:
		return fmt.Errorf("it has more than %d parts", maxParts)
	}
	if i, ok := elementIndex(part); ok && i > maxIndex {
		return fmt.Errorf("element %s is above %d", part, maxIndex)
	}
	return nil
}

// elementIndex is the number of an array's element that gjson reads a part as.
func elementIndex(part string) (int, bool) {
	if strings.Trim(part, "0123456789") != "" {
		return 0, false
	}
	i, err := strconv.Atoi(part)
	if err != nil {
		return maxIndex + 1, true
	}
	return i, true
}

func unescapePart(part string) string {
	if !strings.Contains(part, `\`) {
		return part
	}
	var b strings.Builder
	for i := 0; i < len(part); i++ {
		if part[i] == '\\' {
			if i++; i == len(part) {
				break
			}
		}
		b.WriteByte(part[i])
	}
	return b.String()
}

// child is the node below n that a part of a path leads to, made if need be.
func (n *node) child(part string) *node {
	if part == "#" {
		if n.each == nil {
			n.each = &node{}
		}
		return n.each
	}
	if c := n.keys[part]; c != nil {
		return c
	}
	if n.keys == nil {
		n.keys = map[string]*node{}
	}
	c := &node{}
	n.keys[part] = c
	if i, ok := elementIndex(part); ok {
		n.index = append(n.index, indexed{i, c})
	}
	return c
}

// member appends to nodes where the paths lead from n to the member of this name.
func (p *Projection) member(n *node, name []byte, nodes []*node) []*node {
	if c := n.keys[string(name)]; c != nil {
		return append(nodes, c)
	}
	if string(name) != "#" {
		return nodes
	}
	if n.each != nil {
		nodes = append(nodes, n.each)
	}
	if n.length {
		nodes = append(nodes, p.leaf)
	}
	return nodes
}

// element appends to nodes where the paths lead from n to the element at index i.
func (n *node) element(i int, nodes []*node) []*node {
	if n.each != nil {
		nodes = append(nodes, n.each)
	}
	for _, x := range n.index {
		if x.at == i {
			nodes = append(nodes, x.node)
		}
	}
	return nodes
}

// needs tells whether element i of an array must leave a trace in the output, so that others keep their place or the
// array its length.
func (n *node) needs(i int) bool {
	if n.length || n.each != nil {
		return true
	}
	for _, x := range n.index {
		if i <= x.at {
			return true
		}
	}
	return false
}

// memberName is the text of a member's name as gjson compares it. raw is what stands between the quotes.
func memberName(raw []byte) []byte {
	for _, c := range raw {
		if c == '\\' {
			return []byte(gjson.Parse(`"` + string(raw) + `"`).Str)
		}
	}
	return raw
}
