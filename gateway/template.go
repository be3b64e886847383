package gateway

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

	"windhover/config"
	"windhover/gateway/usage"
)

// template is a compiled config.Template: literal text and holes.
type template struct {
	parts []piece
}

// piece is a literal, a path variable as it stands, or an expression.
type piece struct {
	literal  string
	variable string
	program  *vm.Program
	uses     []string // the path variables that program reads
}

// scope is what the holes of one request can read.
type scope struct {
	keys   []string // path variables
	raw    []string // their values as they stood in the request target
	values []string // decoded once
	header http.Header
	query  string
}

func (s *scope) value(key string) string { return s.values[slices.Index(s.keys, key)] }

// maxTemplateNodes bounds the work that one hole can make; a long expression belongs in no header.
const maxTemplateNodes = 100

// compileTemplate compiles the holes of parts. Expressions read the path variables, and header("X") and query("k") where the client's request may be read.
func compileTemplate(parts []config.Part, variables []string, readsRequest bool) (template, config.Problems) {
	var t template
	var problems config.Problems
	for _, p := range parts {
		switch {
		case p.Secret != nil:
			t.parts = append(t.parts, piece{literal: p.Secret.Reveal()})
		case p.Hole == nil:
			t.parts = append(t.parts, piece{literal: p.Literal})
		default:
			hole, err := compileHole(*p.Hole, variables, readsRequest)
			problems = append(problems, err...)
			t.parts = append(t.parts, hole)
		}
	}
	return t, problems
}

func compileHole(x config.Text, variables []string, readsRequest bool) (piece, config.Problems) {
	if name := strings.TrimSpace(x.Value); slices.Contains(variables, name) {
		return piece{variable: name, uses: []string{name}}, nil
	}
	names := types.Map{"header": types.TypeOf(readsText), "query": types.TypeOf(readsText)}
	for _, v := range variables {
		names[v] = types.String
	}
	guard := &templateGuard{variables: variables, readsRequest: readsRequest}
	options := []expr.Option{expr.Env(names), expr.DisableAllBuiltins(), expr.MaxNodes(maxTemplateNodes), expr.Patch(guard), expr.AsKind(reflect.String), expr.WarnOnAny()}
	program, err := expr.Compile(x.Value, options...)
	if guard.problem != "" {
		return piece{}, config.Problems{usage.ProblemAt(x, guard.offset, guard.problem)}
	}
	if err != nil {
		return piece{}, config.Problems{expressionProblem(x, err)}
	}
	return piece{program: program, uses: guard.uses}, nil
}

// readsText is the type of header and query in an expression.
func readsText(string) string { return "" }

// expressionProblem is a compile error of package expr, at its place in the file.
func expressionProblem(x config.Text, err error) config.Problem {
	at, message := usage.SyntaxError(err)
	switch kind, ok := strings.CutPrefix(message, "expected string, but got "); {
	case ok && strings.HasPrefix(kind, "func("):
		message = `header and query are functions; write header("Name") or query("name")`
	case ok && kind == "unknown":
		message = "the expression does not yield text in every case"
	case ok:
		message = "the expression yields " + kind + ", not text"
	}
	return usage.ProblemAt(x, at, message)
}

// templateGuard is the allow-list over a hole's syntax tree.
// Everything that is not named here is refused: loops, ranges, lambdas, variables and built-in functions could hang the gateway or fill its memory.
type templateGuard struct {
	variables    []string
	readsRequest bool
	uses         []string
	problem      string
	offset       int // in characters
}

// Visit is called for every node, the innermost first.
func (g *templateGuard) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.StringNode, *ast.BoolNode, *ast.IntegerNode, *ast.ConditionalNode, *ast.ArrayNode:
	case *ast.IdentifierNode:
		g.identifier(n)
	case *ast.UnaryNode:
		g.allow(n, n.Operator, "not", "!")
	case *ast.BinaryNode:
		g.pattern(n)
		g.allow(n, n.Operator, "==", "!=", "and", "&&", "or", "||", "in", "contains", "startsWith", "endsWith", "matches", "+")
	case *ast.CallNode:
		g.call(n)
	case *ast.VariableDeclaratorNode:
		g.problem = "" // its own name is unknown only because of it
		g.refuse(n, "a template has no variables of its own")
	default:
		g.refuse(n, "this is not allowed in a template; use variables, text, comparisons, a ? b : c and +")
	}
}

func (g *templateGuard) identifier(n *ast.IdentifierNode) {
	if slices.Contains(g.variables, n.Value) {
		g.uses = append(g.uses, n.Value)
		return
	}
	if n.Value == "header" || n.Value == "query" {
		return // the call around it decides
	}
	g.refuse(n, g.unknown(n.Value))
}

func (g *templateGuard) unknown(name string) string {
	if near := config.Nearest(name, g.variables); near != "" {
		return fmt.Sprintf("unknown name %s; did you mean %s?", name, near)
	}
	if len(g.variables) == 0 {
		return fmt.Sprintf("unknown name %s; the path has no variables", name)
	}
	return fmt.Sprintf("unknown name %s; the path has %s", name, strings.Join(g.variables, ", "))
}

func (g *templateGuard) call(n *ast.CallNode) {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	switch {
	case !ok || (callee.Value != "header" && callee.Value != "query"):
		if g.offset == n.Callee.Location().From {
			g.problem = "" // a function of that name is what is missing, not a variable
		}
		g.refuse(n, `unknown function; a template has header("Name") and query("name")`)
	case !g.readsRequest:
		g.refuse(n, "no part of the request but path variables can choose where it goes")
	}
}

func (g *templateGuard) allow(n ast.Node, operator string, allowed ...string) {
	if slices.Contains(allowed, operator) {
		return
	}
	problem := fmt.Sprintf("operator %s is not allowed in a template", operator)
	if operator == "??" && g.readsRequest {
		problem += `; what is absent is the empty text: write header("X") == "" ? "none" : header("X")`
	}
	g.refuse(n, problem)
}

// pattern refuses a pattern that is put together while a request runs: it may not be one, and compiling it costs time.
func (g *templateGuard) pattern(n *ast.BinaryNode) {
	if _, literal := n.Right.(*ast.StringNode); n.Operator == "matches" && !literal {
		g.refuse(n, "the pattern behind matches must be a text")
	}
}

func (g *templateGuard) refuse(n ast.Node, problem string) {
	if g.problem == "" {
		g.problem, g.offset = problem, n.Location().From
	}
}

// constant is the text of a template without holes.
func (t template) constant() (text string, ok bool) {
	if len(t.parts) == 1 && t.parts[0].program == nil && t.parts[0].variable == "" {
		return t.parts[0].literal, true
	}
	return "", false
}

// render is the template's text. An error means that an expression failed on this request.
func (t template) render(s *scope) (string, error) {
	if text, ok := t.constant(); ok {
		return text, nil
	}
	var b strings.Builder
	for _, p := range t.parts {
		text, err := p.render(s)
		if err != nil {
			return "", err
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

func (p piece) render(s *scope) (string, error) {
	switch {
	case p.variable != "":
		return s.value(p.variable), nil
	case p.program == nil:
		return p.literal, nil
	}
	return p.run(s)
}

// run evaluates the expression. What the guard lets through cannot fail.
func (p piece) run(s *scope) (string, error) {
	env := make(map[string]any, len(s.keys)+2)
	for i, key := range s.keys {
		env[key] = s.values[i]
	}
	env["header"] = s.header.Get
	env["query"] = func(name string) string { return queryValue(s.query, name) }
	out, err := expr.Run(p.program, env)
	if err != nil {
		return "", err
	}
	return out.(string), nil
}

// queryValue is the first value of name, decoded; empty where it is absent or cannot be decoded.
func queryValue(query, name string) string {
	for pair := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(key); err != nil || decoded != name {
			continue
		}
		decoded, err := url.QueryUnescape(value)
		if err != nil {
			return ""
		}
		return decoded
	}
	return ""
}
