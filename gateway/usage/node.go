package usage

import (
	"strings"

	"github.com/tidwall/gjson"
)

// node is a value in an index, which paths are relative to. The zero node is nothing: there is no event.
type node struct {
	in *index
	at int // which member it is
}

// text is the value as it stands in the event; empty for nothing.
func (n node) text() string {
	if n.in == nil {
		return ""
	}
	return n.in.text(n.at)
}

// follow is where the keys lead; nothing if one of them is not there.
func (n node) follow(keys []key) node {
	for _, k := range keys {
		if n.at = n.in.find(n.at, k); n.at == 0 {
			return node{}
		}
	}
	return n
}

// lacks reports whether there is surely nothing at any path that begins with a key of those marks: it is asked for every field,
// and for every spelling of many, so it must be quick.
func (n node) lacks(m marks) bool {
	return n.in == nil || n.in.lacks(n.at, m)
}

// get is what stands at a path, as gjson finds it.
func (n node) get(p *path) gjson.Result {
	if n.in == nil {
		return gjson.Result{}
	}
	if n.in.partial {
		return gjson.Get(n.text(), p.text)
	}
	text := n.follow(p.keys).text()
	switch {
	case p.rest == "":
		return gjson.Parse(text)
	case isContainer(text):
		return gjson.Get(text, p.rest)
	}
	return gjson.Result{}
}

// scalar is what get finds, as a value. Most paths are keys, and most of those lead to numbers or to nothing.
func (n node) scalar(p *path) value {
	if n.in == nil || n.in.partial || p.rest != "" {
		return scalarOf(n.get(p))
	}
	text := n.follow(p.keys).text()
	if text == "" {
		return value{}
	}
	switch c := text[0]; {
	case c == '{', c == '[', c == 'n':
		return value{}
	case c == '"' && strings.IndexByte(text, '\\') < 0:
		return textThere(text[1 : len(text)-1])
	case c == '"', c == 't', c == 'f':
		return scalarOf(gjson.Parse(text))
	}
	return parseNumber(text)
}

// holdsObject reports whether it is an object that is not empty, or an array with one in it.
func (n node) holdsObject() bool {
	text := n.text()
	if isObject(text) && !n.in.partial {
		return int(n.in.members[n.at].end) > n.at+1
	}
	return holdsObject(gjson.Parse(text))
}

// holdsObject is node.holdsObject for what is in an array.
func holdsObject(x gjson.Result) bool {
	found := false
	switch {
	case x.IsObject():
		x.ForEach(func(_, _ gjson.Result) bool { found = true; return false })
	case x.IsArray():
		x.ForEach(func(_, element gjson.Result) bool {
			found = element.IsObject() && holdsObject(element)
			return !found
		})
	}
	return found
}

func isObject(text string) bool    { return text != "" && text[0] == '{' }
func isArray(text string) bool     { return text != "" && text[0] == '[' }
func isContainer(text string) bool { return isObject(text) || isArray(text) }
