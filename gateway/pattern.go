package gateway

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// pattern is a chi pattern, read.
type pattern struct {
	text   string   // as chi takes it: each regular expression must match the whole value of its variable
	names  []string // of the variables, in order
	closed []string // those of them that can have only values which the pattern itself lists
}

var variableName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// parsePattern reads what is in the braces of a chi pattern.
func parsePattern(text string) (pattern, error) {
	if !strings.HasPrefix(text, "/") {
		return pattern{}, errors.New("it does not begin with /")
	}
	var p pattern
	rest := text
	for {
		before, braces, after, found := cutBraces(rest)
		p.text += before
		if !found {
			return p, nil
		}
		name, choice, _ := strings.Cut(braces, ":")
		if !variableName.MatchString(name) {
			return pattern{}, fmt.Errorf("%q is no name for a variable; letters, digits and _ are", name)
		}
		p.names = append(p.names, name)
		if choice == "" {
			p.text += "{" + name + "}"
			rest = after
			continue
		}
		re, err := syntax.Parse(choice, syntax.Perl)
		if err != nil {
			return pattern{}, fmt.Errorf("%s: %w", name, err)
		}
		if choices(re) <= maxChoices {
			p.closed = append(p.closed, name)
		}
		// chi puts ^ and $ around it, which in us|eu bind to one choice each: it would match us-east and old-eu.
		p.text += "{" + name + ":(?:" + choice + ")}"
		rest = after
	}
}

// cutBraces cuts at the first pair of braces; pairs inside of it belong to a regular expression. Braces that do not
// close stay in before: chi says what is wrong with them.
func cutBraces(s string) (before, inside, after string, found bool) {
	depth, start := 0, 0
	for i, c := range s {
		switch {
		case c == '{':
			if depth++; depth == 1 {
				start = i
			}
		case c == '}' && depth > 0:
			if depth--; depth == 0 {
				return s[:start], s[start+1 : i], s[i+1:], true
			}
		}
	}
	return s, "", "", false
}

// maxChoices is how many values a closed variable may have: more than any provider has regions, and fewer than any
// two free characters make.
const maxChoices = 256

// choices is an upper bound of how many texts a regular expression matches as a whole, without regard to case; any
// number above maxChoices means too many to count.
func choices(re *syntax.Regexp) int {
	switch re.Op {
	case syntax.OpNoMatch:
		return 0
	case syntax.OpEmptyMatch, syntax.OpLiteral, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText,
		syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return 1
	case syntax.OpCharClass:
		n := 0
		for i := 0; i < len(re.Rune) && n <= maxChoices; i += 2 {
			n += int(re.Rune[i+1]-re.Rune[i]) + 1
		}
		return n
	case syntax.OpCapture:
		return choices(re.Sub[0])
	case syntax.OpQuest:
		return 1 + choices(re.Sub[0])
	case syntax.OpRepeat:
		return repeated(re)
	case syntax.OpAlternate:
		n := 0
		for _, sub := range re.Sub {
			n = min(n+choices(sub), maxChoices+1)
		}
		return n
	case syntax.OpConcat:
		n := 1
		for _, sub := range re.Sub {
			n = min(n*choices(sub), maxChoices+1)
		}
		return n
	}
	return maxChoices + 1 // *, + and . have no end
}

// repeated is choices of x{min,max}.
func repeated(re *syntax.Regexp) int {
	each := choices(re.Sub[0])
	if re.Max < 0 {
		return maxChoices + 1
	}
	n, power := 0, 1
	for i := 0; i <= re.Max; i++ {
		if i >= re.Min {
			n = min(n+power, maxChoices+1)
		}
		power = min(power*each, maxChoices+1)
	}
	return n
}
