package usage

import (
	"strings"

	"github.com/expr-lang/expr/ast"

	"windhover/config"
)

// compiler turns a syntax tree into functions. What it has no case for is refused: that is the whole allow-list.
type compiler struct {
	headerOnly bool // there is no event yet
	attempt    bool // there is no event at all, but an attempt
	whole      bool // there is a body in place of an event
	nodes      int
	paths      []path
	params     []mention
	base       bool // something else than paths is read
	beyond     bool // more of the exchange is read than method, path and status
}

// term is a compiled node.
type term struct {
	eval  func(*scope) value
	yield yield
}

func (c *compiler) compile(n ast.Node) (term, error) {
	if c.nodes++; c.nodes > maxNodes {
		return term{}, at(n, "the expression has more than %d parts; make it several rules", maxNodes)
	}
	c.base = c.base || !readsPaths(n)
	switch n := n.(type) {
	case *ast.NilNode:
		return constant(value{}, unknown), nil
	case *ast.BoolNode:
		return constant(ofBool(n.Value), yieldsBoolean), nil
	case *ast.IntegerNode:
		return constant(ofInt(int64(n.Value)), yieldsNumber), nil
	case *ast.FloatNode:
		return constant(ofFloat(n.Value), yieldsNumber), nil
	case *ast.StringNode:
		return constant(ofText(n.Value), yieldsText), nil
	case *ast.IdentifierNode:
		return c.name(n)
	case *ast.UnaryNode:
		return c.unary(n)
	case *ast.BinaryNode:
		return c.binary(n)
	case *ast.ConditionalNode:
		return c.conditional(n)
	case *ast.CallNode:
		return c.call(n)
	}
	return term{}, refuse(n)
}

// readsPaths reports whether a node has no value of its own without an event: arithmetic, and functions over paths.
// Their other arguments are nodes again.
func readsPaths(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.CallNode:
		callee, ok := n.Callee.(*ast.IdentifierNode)
		return ok && (callee.Value == "first" || callee.Value == "sum" || callee.Value == "count")
	case *ast.BinaryNode:
		return isArithmetic(n)
	}
	return false
}

// refuse says what a node that has no meaning in a rule is called.
func refuse(n ast.Node) *fault {
	switch n := n.(type) {
	case *ast.BuiltinNode:
		return unknownFunction(n, n.Name)
	case *ast.VariableDeclaratorNode, *ast.SequenceNode:
		return at(n, "variables and statements are not allowed in a rule")
	case *ast.PredicateNode, *ast.PointerNode:
		return at(n, "loops are not allowed in a rule")
	case *ast.MemberNode, *ast.ChainNode, *ast.SliceNode:
		return at(n, `members are read by a path: first("a.b")`)
	case *ast.ArrayNode:
		return at(n, "a list may only stand behind `in`")
	case *ast.MapNode:
		return at(n, "maps are not allowed in a rule")
	}
	return at(n, "this is not allowed in a rule")
}

func constant(v value, y yield) term {
	return term{func(*scope) value { return v }, y}
}

// name compiles a word that stands alone.
func (c *compiler) name(n *ast.IdentifierNode) (term, error) {
	switch n.Value {
	case "path":
		return term{func(s *scope) value { return ofText(s.exchange.Path) }, yieldsText}, nil
	case "method":
		return term{func(s *scope) value { return ofText(s.exchange.Method) }, yieldsText}, nil
	case "status":
		return term{(*scope).status, yieldsNumber}, nil
	case "event":
		own, err := parsePath("type", scalar)
		if err != nil {
			return term{}, err
		}
		return term{func(s *scope) value { return s.event(&own) }, yieldsText}, c.readsEvent(n, "event")
	case "data":
		return term{(*scope).dataText, yieldsText}, c.readsEvent(n, "data")
	case "attempt", "elapsed", "end":
		if c.attempt {
			return attemptName(n.Value), nil
		}
	}
	names := c.names()
	if near := config.Nearest(n.Value, append(names, functionNames()...)); near != "" {
		return term{}, at(n, "unknown name %s; did you mean %s?", n.Value, near)
	}
	return term{}, at(n, "unknown name %s; the names are %s; text stands in quotes", n.Value, inWords(names))
}

// names are the words that may stand alone.
func (c *compiler) names() []string {
	switch {
	case c.attempt:
		return []string{"path", "method", "status", "attempt", "elapsed", "end"}
	case c.whole:
		return []string{"path", "method", "status"}
	}
	return []string{"path", "method", "status", "event", "data"}
}

// inWords is a list as a sentence holds it.
func inWords(names []string) string {
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// attemptName is what can be asked of an attempt alone.
func attemptName(name string) term {
	switch name {
	case "attempt":
		return term{func(s *scope) value { return ofInt(int64(s.exchange.Attempt)) }, yieldsNumber}
	case "elapsed":
		return term{func(s *scope) value { return ofFloat(s.exchange.Elapsed.Seconds()) }, yieldsNumber}
	}
	return term{func(s *scope) value { return ofText(string(s.exchange.End)) }, yieldsText}
}

// readsEvent refuses to read an event where there is none yet.
func (c *compiler) readsEvent(n ast.Node, what string) error {
	switch {
	case c.attempt:
		return at(n, "`on` is asked before the body is read: it cannot use %s", what)
	case c.whole && (what == "event" || what == "data"):
		return at(n, "`fault` is asked of a whole answer: it cannot use %s", what)
	case c.headerOnly:
		return at(n, "`when` is asked before the body is there: it cannot use %s; `where` can", what)
	}
	return nil
}

func (c *compiler) unary(n *ast.UnaryNode) (term, error) {
	x, err := c.compile(n.Node)
	if err != nil {
		return term{}, err
	}
	switch n.Operator {
	case "not", "!":
		if err := suits(n.Node, x.yield, yieldsBoolean); err != nil {
			return term{}, err
		}
		return term{func(s *scope) value { return ofBool(!x.eval(s).truth()) }, yieldsBoolean}, nil
	case "-", "+":
		if err := suits(n.Node, x.yield, yieldsNumber); err != nil {
			return term{}, err
		}
		sign := ofInt(1)
		if n.Operator == "-" {
			sign = ofInt(-1)
		}
		return term{func(s *scope) value { return calculate(multiply, sign, x.eval(s)) }, yieldsNumber}, nil
	}
	return term{}, at(n, "the operator %s is not allowed in a rule", n.Operator)
}

// conditional compiles `a ? b : c`, also when it is written with if.
func (c *compiler) conditional(n *ast.ConditionalNode) (term, error) {
	condition, err := c.compile(n.Cond)
	if err != nil {
		return term{}, err
	}
	if err := suits(n.Cond, condition.yield, yieldsBoolean); err != nil {
		return term{}, err
	}
	yes, err := c.compile(n.Exp1)
	if err != nil {
		return term{}, err
	}
	no, err := c.compile(n.Exp2)
	if err != nil {
		return term{}, err
	}
	choose := func(s *scope) value {
		if condition.eval(s).truth() {
			return yes.eval(s)
		}
		return no.eval(s)
	}
	return term{choose, either(yes.yield, no.yield)}, nil
}

// either is what is known of a value that may be one of two.
func either(a, b yield) yield {
	if a == b {
		return a
	}
	return unknown
}
