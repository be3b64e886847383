package usage

import (
	"errors"
	"fmt"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/parser"

	"windhover/config"
)

// An expression is written in expr's language and parsed by expr, but it is compiled here, into a tree of small Go
// functions. Rules need that for four reasons: `nothing` gives every operator a meaning that expr's own does not have;
// it must be known whether a path that was asked for was there; an event costs no allocation; and an expression costs
// time linear in its length whatever it says, because what the compiler does not know (loops, lambdas, ranges,
// variables, joined texts) does not exist. An expr program could run for hours or take all memory.

// The limits of one expression.
const (
	maxSource = 2 << 10 // bytes
	maxNodes  = 200     // of the syntax tree
)

// expression is a compiled expression. It is never written after it is made, and safe for concurrent use.
type expression struct {
	eval   func(*scope) value
	yield  yield  // what kind of value comes out
	paths  []path // what it reads of an event, relative to `from`
	params []mention
	base   bool // it can have a value without any event
	exact  bool // of an exchange it reads method, path and status alone
}

// mention is a name that is checked where more is known than one expression.
type mention struct {
	name   string
	offset int // where it stands in the expression, in characters
}

// yield is what is known about a value before it is there.
type yield uint8

const (
	unknown yield = iota
	yieldsBoolean
	yieldsNumber
	yieldsText
)

func (y yield) String() string {
	switch y {
	case yieldsBoolean:
		return "true or false"
	case yieldsNumber:
		return "a number"
	case yieldsText:
		return "text"
	}
	return "any value"
}

// fault is what is wrong with an expression, and where in it.
type fault struct {
	offset  int // in characters
	message string
}

func (f *fault) Error() string { return f.message }

// problem is an error of compileExpression as a problem of the file.
func problem(t config.Text, err error) config.Problem {
	var f *fault
	if errors.As(err, &f) {
		return ProblemAt(t, f.offset, f.message)
	}
	return t.Problem("%v", err)
}

// wants is what the place of an expression asks of it.
type wants struct {
	yield  yield
	header bool // it is asked before the body, when there is no event yet

	attempt bool // so it is, and of an attempt, which may have no answer
	whole   bool // it is asked of a whole body, which is no event
}

// compileExpression compiles an expression for its place in a rule. Every error is a *fault.
func compileExpression(source string, w wants) (*expression, error) {
	if len(source) > maxSource {
		return nil, &fault{0, fmt.Sprintf("the expression is longer than %d bytes; make it several rules", maxSource)}
	}
	tree, err := parser.ParseWithConfig(source, &conf.Config{Functions: functionTable()})
	if err != nil {
		offset, message := SyntaxError(err)
		return nil, &fault{offset, message}
	}
	c := &compiler{headerOnly: w.header, attempt: w.attempt, whole: w.whole}
	root, err := c.compile(tree.Node)
	if err != nil {
		return nil, err
	}
	if err := suits(tree.Node, root.yield, w.yield); err != nil {
		return nil, err
	}
	return &expression{eval: root.eval, yield: root.yield, paths: c.paths, params: c.params, base: c.base, exact: !c.beyond}, nil
}

// suits checks that an expression's value is of use where the expression stands.
func suits(n ast.Node, got, want yield) error {
	switch {
	case want == unknown || got == unknown || got == want:
		return nil
	case want == yieldsText && got == yieldsNumber:
		return nil // a number can be written out
	}
	return at(n, "the expression gives %v; this place needs %v", got, want)
}

// functionTable names our functions, so that expr parses calls of them as ordinary calls: first, sum and count are
// also functions of its own, with other arguments.
func functionTable() conf.FunctionsTable {
	t := conf.FunctionsTable{}
	for _, name := range functionNames() {
		t[name] = &builtin.Function{Name: name}
	}
	return t
}

// at is a fault at a node.
func at(n ast.Node, format string, args ...any) *fault {
	return &fault{n.Location().From, fmt.Sprintf(format, args...)}
}
