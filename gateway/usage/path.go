package usage

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// path is a place in an event's JSON, in gjson's syntax less what can compute: no modifiers, literals, pipes, multipaths
// or wildcards. What is left names keys (`a.b`), elements (`a.0`, `a.#`) and queries (`a.#(kind=="x").n`), at a cost
// linear in the event.
type path struct {
	text   string
	keys   []key  // the plain keys it begins with
	first  marks  // the mark of the first of them; unmarked if it begins with something else
	rest   string // what follows them
	last   string // the last plain key; empty if there is none
	behind bool   // something other than a key stands behind last
	all    bool   // it ends in #(…)#, which gives an empty list where nothing matches
	takes  shape
	length bool // only the length of the array there is asked for
}

// The limits of one path, which are those of a projection.
const (
	maxPath       = 256 // bytes
	maxComponents = 32
	maxIndex      = 9999
)

// kept is the path by which a projection keeps all that is asked for.
func (p path) kept() string {
	if p.length {
		return p.text + ".#"
	}
	return p.text
}

// shape is what a value must be to be of use to the one who asks for it.
type shape uint8

const (
	anything  shape = iota
	scalar          // a number, a text, a truth value
	structure       // an object or an array
)

// fits reports whether a value that begins with this byte can have the shape.
func (s shape) fits(first byte) bool {
	container := first == '{' || first == '['
	switch s {
	case scalar:
		return !container && first != 'n'
	case structure:
		return container
	}
	return true
}

// parsePath checks a path. The error says what is wrong with it, for the author of a rule.
func parsePath(s string, takes shape) (path, error) {
	p := path{text: s, takes: takes}
	if s == "" {
		return path{}, fmt.Errorf("an empty path names nothing")
	}
	if len(s) > maxPath || strings.Count(s, ".") >= maxComponents {
		return path{}, fmt.Errorf("a path is at most %d bytes and %d components long", maxPath, maxComponents)
	}
	if s[0] == '#' {
		return path{}, fmt.Errorf("path %q: a path begins with a key; the elements of a top-level array are events of their own", s)
	}
	for rest, more := s, true; more; {
		component, next, err := cutComponent(rest)
		if err != nil {
			return path{}, fmt.Errorf("path %q: %w", s, err)
		}
		if component == "" || next == "." {
			return path{}, fmt.Errorf("path %q has an empty component", s)
		}
		if strings.Trim(component, "0123456789") == "" && len(component) > len(strconv.Itoa(maxIndex)) {
			return path{}, fmt.Errorf("path %q: element %s is above %d", s, component, maxIndex)
		}
		p.step(component)
		rest, more = strings.CutPrefix(next, ".")
	}
	p.keys, p.rest = leadingKeys(s)
	if p.first = unmarked; len(p.keys) > 0 {
		p.first = p.keys[0].mark()
	}
	return p, nil
}

// leadingKeys splits a path behind the plain keys it begins with.
func leadingKeys(s string) (keys []key, rest string) {
	for rest = s; rest != ""; {
		component, next, _ := strings.Cut(rest, ".")
		if !isKey(component) {
			break
		}
		keys, rest = append(keys, newKey(component)), next
	}
	return keys, rest
}

// step takes the next component. A query needs its own key to be there.
func (p *path) step(component string) {
	query, isQuery := strings.CutPrefix(component, "#(")
	p.all = isQuery && strings.HasSuffix(component, "#")
	p.behind = true
	switch {
	case isQuery:
		name := query[:strings.IndexAny(query, "=!<>%)")]
		name = strings.TrimSpace(name[strings.LastIndex(name, ".")+1:])
		if isKey(name) {
			p.last = name
		}
	case isKey(component):
		p.last, p.behind = component, false
	}
}

// cutComponent splits a path behind its first component; rest begins with the dot, or is empty.
func cutComponent(s string) (component, rest string, err error) {
	if strings.HasPrefix(s, "#(") {
		end, err := queryEnd(s)
		if err != nil {
			return "", "", err
		}
		if strings.HasPrefix(s[end:], "#") {
			end++
		}
		if end < len(s) && s[end] != '.' {
			return "", "", fmt.Errorf("a dot must follow the query %s", s[:end])
		}
		return s[:end], s[end:], nil
	}
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '.':
			return s[:i], s[i:], nil
		case '\\':
			i++ // the next byte stands for itself
			if i == len(s) {
				return "", "", fmt.Errorf(`nothing follows the last \`)
			}
		case '@', '!', '|', '*', '?', '{', '}', '[', ']', '(', ')', '"':
			return "", "", fmt.Errorf(`%c is not allowed; a path names keys, indexes, # and #(key=="value")`, s[i])
		case '#':
			if i > 0 || len(s) > 1 && s[1] != '.' {
				return "", "", fmt.Errorf("# stands alone between dots, or begins a query #(…)")
			}
		}
		if s[i] < ' ' || s[i] > '~' {
			return "", "", fmt.Errorf("only ASCII letters, digits and signs are allowed")
		}
	}
	return s, "", nil
}

// queryEnd is the offset behind the query's closing parenthesis.
func queryEnd(s string) (int, error) {
	quoted := false
	for i := 2; i < len(s); i++ {
		switch c := s[i]; {
		case c < ' ' || c > '~':
			return 0, fmt.Errorf("only ASCII letters, digits and signs are allowed")
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == ')':
			return i + 1, nil
		case strings.IndexByte("@|~{}[](", c) >= 0:
			return 0, fmt.Errorf("%c is not allowed in a query", c)
		}
	}
	return 0, fmt.Errorf("the query is not closed")
}

// isKey reports whether a component is a plain name: neither escaped nor #, a query or an index.
func isKey(component string) bool {
	return strings.Trim(component, "0123456789") != "" && !strings.ContainsAny(component, `#\`)
}

// maxDepth is how deep in arrays a sum looks, as deep as a path with a few # can ask for: what a stranger sends must not
// decide how deep we recurse.
const maxDepth = 4

// sumOf adds up the numbers in r and, depth deep, in its arrays.
func sumOf(r gjson.Result, depth int) value {
	if !r.IsArray() || depth == 0 {
		return scalarOf(r).number()
	}
	var total value
	r.ForEach(func(_, element gjson.Result) bool {
		total = addThere(total, sumOf(element, depth-1))
		return true
	})
	return total
}

// addThere is the sum of those of two numbers that are there.
func addThere(a, b value) value {
	switch {
	case !a.there():
		return b
	case !b.there():
		return a
	}
	return add(a, b)
}

// textThere is a text; nothing if it is empty.
func textThere(s string) value {
	if s == "" {
		return value{}
	}
	return ofText(s)
}

// scalarOf is a number, a text that is not empty, or a truth value; nothing for anything else.
func scalarOf(r gjson.Result) value {
	switch r.Type {
	case gjson.Number:
		if r.Raw == "" { // the length of an array
			return ofInt(int64(r.Num))
		}
		return parseNumber(r.Raw)
	case gjson.String:
		return textThere(r.Str)
	case gjson.True:
		return ofBool(true)
	case gjson.False:
		return ofBool(false)
	}
	return value{}
}
