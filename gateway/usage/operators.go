package usage

import (
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// binary compiles an operator between two values. With nothing on a side, arithmetic is nothing and a comparison is
// false; only `== nil` and `??` look for nothing.
func (c *compiler) binary(n *ast.BinaryNode) (term, error) {
	switch n.Operator {
	case "in":
		return c.in(n)
	case "matches":
		return c.matches(n)
	}
	left, right, err := c.operands(n)
	if err != nil {
		return term{}, err
	}
	switch n.Operator {
	case "and", "&&", "or", "||":
		return logic(n, left, right)
	case "==", "!=":
		return equality(n, left, right)
	case "<", "<=", ">", ">=":
		return order(n, left, right)
	case "+", "-", "*", "/":
		return arithmetic(n, left, right)
	case "contains", "startsWith", "endsWith":
		return search(n, left, right)
	case "??":
		return coalesce(left, right), nil
	}
	return term{}, at(n, "the operator %s is not allowed in a rule", n.Operator)
}

// operands compiles both sides. Arithmetic has a value without an event only if both have one.
func (c *compiler) operands(n *ast.BinaryNode) (left, right term, err error) {
	base := c.base
	c.base = false
	if left, err = c.compile(n.Left); err != nil {
		return term{}, term{}, err
	}
	leftBase := c.base
	c.base = false
	if right, err = c.compile(n.Right); err != nil {
		return term{}, term{}, err
	}
	if isArithmetic(n) {
		c.base = base || leftBase && c.base
	} else {
		c.base = base || leftBase || c.base
	}
	return left, right, nil
}

func isArithmetic(n *ast.BinaryNode) bool {
	return n.Operator == "+" || n.Operator == "-" || n.Operator == "*" || n.Operator == "/"
}

func logic(n *ast.BinaryNode, left, right term) (term, error) {
	if err := suits(n.Left, left.yield, yieldsBoolean); err != nil {
		return term{}, err
	}
	if err := suits(n.Right, right.yield, yieldsBoolean); err != nil {
		return term{}, err
	}
	if n.Operator == "and" || n.Operator == "&&" {
		return term{func(s *scope) value { return ofBool(left.eval(s).truth() && right.eval(s).truth()) }, yieldsBoolean}, nil
	}
	return term{func(s *scope) value { return ofBool(left.eval(s).truth() || right.eval(s).truth()) }, yieldsBoolean}, nil
}

func equality(n *ast.BinaryNode, left, right term) (term, error) {
	if left.yield != right.yield && left.yield != unknown && right.yield != unknown {
		return term{}, at(n, "%v never equals %v", left.yield, right.yield)
	}
	negated := n.Operator == "!="
	switch {
	case isNil(n.Right):
		return isNothing(left, negated), nil
	case isNil(n.Left):
		return isNothing(right, negated), nil
	}
	return term{func(s *scope) value {
		a, b := left.eval(s), right.eval(s)
		return ofBool((a.there() && b.there() && equal(a, b)) != negated)
	}, yieldsBoolean}, nil
}

func isNil(n ast.Node) bool {
	_, ok := n.(*ast.NilNode)
	return ok
}

func isNothing(x term, negated bool) term {
	return term{func(s *scope) value { return ofBool(x.eval(s).there() == negated) }, yieldsBoolean}
}

func order(n *ast.BinaryNode, left, right term) (term, error) {
	for _, t := range []term{left, right} {
		if t.yield == yieldsText || t.yield == yieldsBoolean {
			return term{}, at(n, "%s compares numbers, and one side is %v", n.Operator, t.yield)
		}
	}
	holds := comparison(n.Operator)
	return term{func(s *scope) value {
		a, b := left.eval(s).number(), right.eval(s).number()
		return ofBool(a.there() && b.there() && holds(compare(a, b)))
	}, yieldsBoolean}, nil
}

func comparison(operator string) func(int) bool {
	switch operator {
	case "<":
		return func(c int) bool { return c < 0 }
	case "<=":
		return func(c int) bool { return c <= 0 }
	case ">":
		return func(c int) bool { return c > 0 }
	}
	return func(c int) bool { return c >= 0 }
}

func arithmetic(n *ast.BinaryNode, left, right term) (term, error) {
	for _, t := range []term{left, right} {
		if t.yield == yieldsText || t.yield == yieldsBoolean {
			return term{}, at(n, "%s takes numbers; texts cannot be joined in a rule", n.Operator)
		}
	}
	var operation func(a, b value) value
	switch n.Operator {
	case "+":
		operation = add
	case "-":
		operation = subtract
	case "*":
		operation = multiply
	case "/":
		operation = divide
	}
	return term{func(s *scope) value { return calculate(operation, left.eval(s), right.eval(s)) }, yieldsNumber}, nil
}

// calculate is nothing if a side is nothing or no number.
func calculate(operation func(a, b value) value, a, b value) value {
	a, b = a.number(), b.number()
	if !a.there() || !b.there() {
		return value{}
	}
	return operation(a, b)
}

func search(n *ast.BinaryNode, left, right term) (term, error) {
	if err := textOperands(n, left, right); err != nil {
		return term{}, err
	}
	var holds func(s, part string) bool
	switch n.Operator {
	case "contains":
		holds = strings.Contains
	case "startsWith":
		holds = strings.HasPrefix
	case "endsWith":
		holds = strings.HasSuffix
	}
	return term{func(s *scope) value {
		a, b := left.eval(s), right.eval(s)
		return ofBool(a.kind == text && b.kind == text && holds(a.s, b.s))
	}, yieldsBoolean}, nil
}

func textOperands(n *ast.BinaryNode, terms ...term) error {
	for _, t := range terms {
		if t.yield == yieldsNumber || t.yield == yieldsBoolean {
			return at(n, "%s looks into text, and one side is %v", n.Operator, t.yield)
		}
	}
	return nil
}

func coalesce(left, right term) term {
	return term{func(s *scope) value {
		if v := left.eval(s); v.there() {
			return v
		}
		return right.eval(s)
	}, either(left.yield, right.yield)}
}

// in compiles `x in ["a", "b"]`, the one place where a list may stand.
func (c *compiler) in(n *ast.BinaryNode) (term, error) {
	x, err := c.compile(n.Left)
	if err != nil {
		return term{}, err
	}
	list, ok := n.Right.(*ast.ArrayNode)
	if !ok {
		return term{}, at(n, `in needs a list: in ["a", "b"]`)
	}
	var members []value
	for _, node := range list.Nodes {
		switch node.(type) {
		case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode:
		default:
			return term{}, at(node, "the list behind `in` holds quoted texts and numbers only")
		}
		member, err := c.compile(node)
		if err != nil {
			return term{}, err
		}
		members = append(members, member.eval(nil))
	}
	return term{func(s *scope) value {
		v := x.eval(s)
		for _, m := range members {
			if v.there() && equal(v, m) {
				return ofBool(true)
			}
		}
		return ofBool(false)
	}, yieldsBoolean}, nil
}

func (c *compiler) matches(n *ast.BinaryNode) (term, error) {
	x, err := c.compile(n.Left)
	if err != nil {
		return term{}, err
	}
	if err := textOperands(n, x); err != nil {
		return term{}, err
	}
	pattern, err := compilePattern(n.Right, "matches")
	if err != nil {
		return term{}, err
	}
	return term{func(s *scope) value {
		v := x.eval(s)
		return ofBool(v.kind == text && pattern.MatchString(v.s))
	}, yieldsBoolean}, nil
}

// The limits of one pattern. Matching takes time linear in the text, times what these bound.
const (
	maxPattern = 256 // bytes
	maxRepeat  = 100 // as in x{100}
)

// compilePattern compiles a regular expression (RE2) that stands in quotes; one made at run time could be of any size.
func compilePattern(n ast.Node, operator string) (*regexp.Regexp, error) {
	literal, ok := n.(*ast.StringNode)
	if !ok {
		return nil, at(n, "%s needs a pattern in quotes", operator)
	}
	if len(literal.Value) > maxPattern {
		return nil, at(n, "the pattern is longer than %d bytes", maxPattern)
	}
	parsed, err := syntax.Parse(literal.Value, syntax.Perl)
	if err != nil {
		return nil, at(n, "%v", err)
	}
	if repeats(parsed) > maxRepeat {
		return nil, at(n, "the pattern repeats something more than %d times", maxRepeat)
	}
	pattern, err := regexp.Compile(literal.Value)
	if err != nil {
		return nil, at(n, "%v", err)
	}
	return pattern, nil
}

// repeats is the largest counted repetition in a pattern, with what it is nested in.
func repeats(r *syntax.Regexp) int {
	inside := 1
	for _, sub := range r.Sub {
		inside = max(inside, repeats(sub))
	}
	if r.Op == syntax.OpRepeat {
		return inside * max(1, r.Min, r.Max)
	}
	return inside
}
