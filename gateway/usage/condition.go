package usage

import (
	"slices"

	"windhover/config"
)

// Condition is a compiled expression about one attempt as a whole: which answers are failures (`fault`), when another attempt
// is worth it (`on`). It is never written after it is made, and safe for concurrent use.
type Condition struct{ expression *expression }

// CompileFault compiles a `fault` of a provider with these path variables. It is asked of answers, and of the body of those
// that are errors. The condition is nil where the text is empty or wrong.
func CompileFault(t config.Text, variables []string) (*Condition, config.Problems) {
	return compileCondition(t, variables, wants{yield: yieldsBoolean, whole: true})
}

// CompileOn compiles an `on` of a provider with these path variables. It is asked of attempts, before a body is read.
// The condition is nil where the text is empty or wrong.
func CompileOn(t config.Text, variables []string) (*Condition, config.Problems) {
	return compileCondition(t, variables, wants{yield: yieldsBoolean, attempt: true})
}

func compileCondition(t config.Text, variables []string, w wants) (*Condition, config.Problems) {
	if t.Empty() {
		return nil, nil
	}
	x, err := compileExpression(t.Value, w)
	if err != nil {
		return nil, config.Problems{problem(t, err)}
	}
	var problems config.Problems
	for _, m := range x.params {
		if !slices.Contains(variables, m.name) {
			problems = append(problems, ProblemAt(t, m.offset, "the provider's path has no variable "+m.name+didYouMean(m.name, variables)))
		}
	}
	if problems != nil {
		return nil, problems
	}
	return &Condition{x}, nil
}

// ReadsBody reports whether the condition asks for something in the answer's body.
func (c *Condition) ReadsBody() bool { return c != nil && len(c.expression.paths) > 0 }

// Holds evaluates the condition. The body is that of an error answer, decoded; nil where there is none, or it is of no interest.
func (c *Condition) Holds(x Exchange, body []byte) bool {
	s := &scope{exchange: &x}
	if len(body) > 0 && s.document.of(string(body)) {
		s.json = s.root()
	}
	return c.expression.eval(s).truth()
}
