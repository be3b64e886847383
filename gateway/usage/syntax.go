package usage

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/file"

	"windhover/config"
)

// ProblemAt is a problem at the n-th character of an expression, from 0: package expr counts characters, a file's texts
// count bytes.
func ProblemAt(t config.Text, n int, message string) config.Problem {
	offset := len(t.Value)
	for i := range t.Value {
		if n == 0 {
			offset = i
			break
		}
		n--
	}
	return t.ProblemAt(offset, "%s", message)
}

// SyntaxError is an error of package expr in our words, and the character at which it stands, from 0.
func SyntaxError(err error) (at int, message string) {
	var located *file.Error
	if !errors.As(err, &located) {
		return 0, inOurWords(err.Error())
	}
	return located.From, inOurWords(located.Message)
}

func inOurWords(message string) string {
	message = strings.TrimSpace(message)
	if token, ok := strings.CutPrefix(message, "unexpected token "); ok {
		return unexpected(token)
	}
	if message == "literal not terminated" {
		return "the text has no closing quote"
	}
	return message
}

// unexpected says what is wrong with a token that package expr names as KIND("value").
func unexpected(token string) string {
	kind, rest, _ := strings.Cut(token, "(")
	value, err := strconv.Unquote(strings.TrimSuffix(rest, ")"))
	switch {
	case kind == "EOF":
		return "the expression is not complete"
	case err != nil:
		return "unexpected " + token
	case kind == "Operator" && value == "=":
		return "write == to compare"
	case kind == "String":
		return fmt.Sprintf("unexpected text %q; an operator or a comma is missing before it", value)
	case kind == "Identifier" || kind == "Number":
		return "unexpected " + value + "; an operator or a comma is missing before it, or quotes around it"
	}
	return "unexpected " + value
}
