package config

import "strings"

// Template is text with {expression} holes and ${…} references, cut into its parts. References are resolved while the
// file is loaded, and what they yield is text: it is never parsed again.
type Template struct {
	Text
	Parts []Part
}

// Part is one piece of a Template. Exactly one of its fields is set.
type Part struct {
	Literal string
	Secret  *Secret // a resolved reference
	Hole    *Text   // an expression, at its own place in the file
}

// HoldsSecret reports whether a reference stands in the template.
func (t Template) HoldsSecret() bool {
	for _, p := range t.Parts {
		if p.Secret != nil {
			return true
		}
	}
	return false
}

// templateParser cuts one text. Literal text is collected until something else comes.
type templateParser struct {
	text     Text
	resolve  func(reference string) (Secret, error)
	parts    []Part
	literal  strings.Builder
	problems Problems
}

// parseTemplate cuts a text into its parts: `{{` is a literal brace, `$${` a literal `${`. With a problem there are no parts.
func parseTemplate(text Text, resolve func(reference string) (Secret, error)) ([]Part, Problems) {
	p := templateParser{text: text, resolve: resolve}
	for i := 0; i < len(text.Value); {
		i += p.step(i)
	}
	p.flush()
	if p.problems != nil {
		return nil, p.problems
	}
	return p.parts, nil
}

// step reads what stands at an offset and says how long it is.
func (p *templateParser) step(at int) int {
	rest := p.text.Value[at:]
	switch {
	case strings.HasPrefix(rest, "$${"):
		p.literal.WriteString("${")
		return len("$${")
	case strings.HasPrefix(rest, "${"):
		return p.reference(at, rest)
	case strings.HasPrefix(rest, "{{"):
		p.literal.WriteByte('{')
		return len("{{")
	case rest[0] == '{':
		return p.hole(at, rest)
	}
	p.literal.WriteByte(rest[0])
	return 1
}

func (p *templateParser) reference(at int, rest string) int {
	end := strings.IndexByte(rest, '}')
	if end < 0 {
		p.reject(at, "this ${ is not closed; write $${ for a literal ${")
		return len(rest)
	}
	secret, err := p.resolve(rest[len("${"):end])
	if err != nil {
		p.reject(at, "%v", err)
	} else {
		p.flush()
		p.parts = append(p.parts, Part{Secret: &secret})
	}
	return end + 1
}

func (p *templateParser) hole(at int, rest string) int {
	end := holeEnd(rest)
	if end < 0 {
		p.reject(at, "this { is not closed; write {{ for a literal brace")
		return len(rest)
	}
	expression := rest[1:end]
	switch {
	case strings.TrimSpace(expression) == "":
		p.reject(at, "this hole is empty; write {{ for a literal brace")
	case len(expression) > maxExpression:
		p.reject(at, "an expression of %d bytes is too long; at most %d are allowed", len(expression), maxExpression)
	default:
		p.flush()
		p.parts = append(p.parts, Part{Hole: p.inset(at+1, expression)})
	}
	return end + 1
}

// inset is a piece of the text at its own place.
func (p *templateParser) inset(at int, value string) *Text {
	piece := Text{Value: value, Pos: p.text.ProblemAt(at, "").Pos, Path: p.text.Path}
	if p.text.Inset < 0 {
		piece.Inset = -1
	}
	return &piece
}

func (p *templateParser) flush() {
	if p.literal.Len() > 0 {
		p.parts = append(p.parts, Part{Literal: p.literal.String()})
		p.literal.Reset()
	}
}

func (p *templateParser) reject(at int, format string, args ...any) {
	p.problems = append(p.problems, p.text.ProblemAt(at, format, args...))
}

// holeEnd is the offset of the brace that closes the one at the start, or -1. Braces in the expression's own brackets and
// texts do not count.
func holeEnd(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		case '"', '\'', '`':
			length := quotedLength(s[i:])
			if length < 0 {
				return -1
			}
			i += length - 1
		}
	}
	return -1
}

// quotedLength is the length of the quoted text at the start, quotes included, or -1 if it is not closed. A backslash
// escapes, but not between backticks.
func quotedLength(s string) int {
	for i := 1; i < len(s); i++ {
		if s[i] == '\\' && s[0] != '`' {
			i++
		} else if s[i] == s[0] {
			return i + 1
		}
	}
	return -1
}
