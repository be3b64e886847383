package usage

import (
	"net/http"
	"net/url"

	"github.com/expr-lang/expr/ast"
	"github.com/tidwall/gjson"

	"windhover/config"
)

func functionNames() []string {
	return []string{"first", "sum", "count", "has", "extract", "header", "request", "param"}
}

func unknownFunction(n ast.Node, name string) *fault {
	if near := config.Nearest(name, functionNames()); near != "" {
		return at(n, "unknown function %s; did you mean %s?", name, near)
	}
	return at(n, "unknown function %s; the functions are first, sum, count, has, extract, header, request and param", name)
}

func (c *compiler) call(n *ast.CallNode) (term, error) {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		return term{}, refuse(n.Callee)
	}
	switch callee.Value {
	case "first":
		return c.first(n)
	case "sum":
		return c.sum(n)
	case "count":
		return c.count(n)
	case "has":
		return c.has(n)
	case "extract":
		return c.extract(n)
	}
	c.beyond = true
	switch callee.Value {
	case "header":
		return c.header(n)
	case "request":
		return c.request(n)
	case "param":
		return c.param(n)
	}
	return term{}, unknownFunction(n, callee.Value)
}

// argument of a function is a path, which a literal text is, or else a value.
type argument struct {
	first marks // of the path, which need not be looked at where nothing begins like it; unmarked for a value
	path  *path
	eval  func(*scope) value
}

// first is the first of its arguments that is there.
func (c *compiler) first(n *ast.CallNode) (term, error) {
	arguments, err := c.arguments(n, "first", scalar)
	if err != nil {
		return term{}, err
	}
	return term{func(s *scope) value {
		for i := range arguments {
			a := &arguments[i]
			if a.path != nil && s.json.lacks(a.first) {
				continue // as most spellings are
			}
			if v := s.argument(a); v.there() && (v.kind != text || v.s != "") {
				return v
			}
		}
		return value{}
	}, unknown}, nil
}

func (s *scope) argument(a *argument) value {
	if a.path != nil {
		return s.scalar(a.path)
	}
	return a.eval(s)
}

// sum adds up those of its arguments that are there. Arrays at paths add up.
func (c *compiler) sum(n *ast.CallNode) (term, error) {
	arguments, err := c.arguments(n, "sum", anything)
	if err != nil {
		return term{}, err
	}
	return term{func(s *scope) value {
		var total value
		for i := range arguments {
			a := &arguments[i]
			if a.path != nil {
				total = addThere(total, s.sum(a.path))
			} else {
				total = addThere(total, a.eval(s).number())
			}
		}
		return total
	}, yieldsNumber}, nil
}

// arguments compiles arguments of which there must be one at least.
func (c *compiler) arguments(n *ast.CallNode, name string, takes shape) ([]argument, error) {
	if len(n.Arguments) == 0 {
		return nil, at(n, `%s needs a path or a value: %s("a.b", header("X"))`, name, name)
	}
	var arguments []argument
	for _, node := range n.Arguments {
		if literal, ok := node.(*ast.StringNode); ok {
			p, err := c.path(literal, path{takes: takes})
			if err != nil {
				return nil, err
			}
			arguments = append(arguments, argument{first: p.first, path: &p})
			continue
		}
		t, err := c.compile(node)
		if err != nil {
			return nil, err
		}
		arguments = append(arguments, argument{first: unmarked, eval: t.eval})
	}
	return arguments, nil
}

// path checks a literal path, and notes that the expression reads it.
func (c *compiler) path(n *ast.StringNode, like path) (path, error) {
	p, err := parsePath(n.Value, like.takes)
	if err != nil {
		return path{}, at(n, "%v", err)
	}
	p.length = like.length
	c.paths = append(c.paths, p)
	return p, c.readsEvent(n, "the event's JSON")
}

// onePath compiles the argument of a function that takes a path and nothing else.
func (c *compiler) onePath(n *ast.CallNode, name string, like path) (path, error) {
	literal, err := oneText(n, name, "a path")
	if err != nil {
		return path{}, err
	}
	return c.path(literal, like)
}

// oneText is the only argument of a call, a text in quotes.
func oneText(n *ast.CallNode, name, what string) (*ast.StringNode, error) {
	if len(n.Arguments) == 1 {
		if literal, ok := n.Arguments[0].(*ast.StringNode); ok && literal.Value != "" {
			return literal, nil
		}
	}
	return nil, at(n, `%s needs one argument, %s in quotes`, name, what)
}

// count is the length of an array; nothing if there is none, or if it lists the matches of a query and nothing matched.
func (c *compiler) count(n *ast.CallNode) (term, error) {
	p, err := c.onePath(n, "count", path{takes: structure, length: true})
	if err != nil {
		return term{}, err
	}
	return term{func(s *scope) value {
		r := s.json.get(&p)
		if !r.IsArray() {
			return value{}
		}
		length := 0
		r.ForEach(func(_, _ gjson.Result) bool { length++; return true })
		if length == 0 && p.all {
			return value{}
		}
		s.found = true
		return ofInt(int64(length))
	}, yieldsNumber}, nil
}

// has reports whether something other than null stands at the path.
func (c *compiler) has(n *ast.CallNode) (term, error) {
	p, err := c.onePath(n, "has", path{takes: anything})
	if err != nil {
		return term{}, err
	}
	return term{func(s *scope) value {
		there := s.json.get(&p).Type != gjson.Null
		s.found = s.found || there
		return ofBool(there)
	}, yieldsBoolean}, nil
}

// extract is the first group of a match. The path is percent-decoded first, as model names hold slashes and colons.
func (c *compiler) extract(n *ast.CallNode) (term, error) {
	if len(n.Arguments) != 2 {
		return term{}, at(n, `extract needs a text and a pattern: extract(path, "/models/([^/]+)")`)
	}
	x, err := c.compile(n.Arguments[0])
	if err != nil {
		return term{}, err
	}
	if x.yield == yieldsNumber || x.yield == yieldsBoolean {
		return term{}, at(n.Arguments[0], "extract looks into text, and this is %v", x.yield)
	}
	pattern, err := compilePattern(n.Arguments[1], "extract")
	if err != nil {
		return term{}, err
	}
	if pattern.NumSubexp() != 1 {
		return term{}, at(n.Arguments[1], "the pattern of extract needs exactly one group in parentheses; (?:…) groups without counting")
	}
	subject := x.eval
	if name, ok := n.Arguments[0].(*ast.IdentifierNode); ok && name.Value == "path" {
		subject = decodedPath
	}
	return term{func(s *scope) value {
		v := subject(s)
		if v.kind != text {
			return value{}
		}
		m := pattern.FindStringSubmatchIndex(v.s)
		if m == nil || m[2] < 0 || m[2] == m[3] {
			return value{}
		}
		return ofText(v.s[m[2]:m[3]])
	}, yieldsText}, nil
}

func decodedPath(s *scope) value {
	decoded, err := url.PathUnescape(s.exchange.Path)
	if err != nil {
		decoded = s.exchange.Path
	}
	return ofText(decoded)
}

// header is a field of the answer's header; the provider sends it, so it is worth as much as the body.
func (c *compiler) header(n *ast.CallNode) (term, error) {
	literal, err := oneText(n, "header", "the name of a response header")
	if err != nil {
		return term{}, err
	}
	name := http.CanonicalHeaderKey(literal.Value)
	return term{func(s *scope) value {
		values := s.exchange.Header[name]
		if len(values) == 0 || values[0] == "" {
			return value{}
		}
		return ofText(values[0])
	}, unknown}, nil
}

// request is a member of the request's body; the client sends it, so it may say what it likes.
func (c *compiler) request(n *ast.CallNode) (term, error) {
	literal, err := oneText(n, "request", "a path in the request's body")
	if err != nil {
		return term{}, err
	}
	p, err := parsePath(literal.Value, scalar)
	if err != nil {
		return term{}, at(literal, "%v", err)
	}
	return term{func(s *scope) value {
		if s.exchange.Request == nil {
			return value{}
		}
		return requestMember(s.exchange.Request(), p.text)
	}, unknown}, nil
}

// param is a path variable of the provider's route, decoded once.
func (c *compiler) param(n *ast.CallNode) (term, error) {
	literal, err := oneText(n, "param", "a path variable's name")
	if err != nil {
		return term{}, err
	}
	c.params = append(c.params, mention{literal.Value, literal.Location().From})
	name := literal.Value
	return term{func(s *scope) value {
		if s.exchange.Param == nil {
			return value{}
		}
		v := s.exchange.Param(name)
		if v == "" {
			return value{}
		}
		return ofText(v)
	}, unknown}, nil
}
