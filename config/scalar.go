package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// text is a scalar that is text. ok is false where there was a problem.
func (d *decoder) text(n *node, f field) (text Text, ok bool) {
	if !d.isText(n, f) {
		return Text{}, false
	}
	text = n.asText()
	if n.text == "" {
		d.reject(n, "the text is empty; write a value or remove the key")
		return Text{}, false
	}
	if at := findReference(n.text); at >= 0 {
		d.add(text.ProblemAt(at, "a reference cannot stand here; only upstream, proxy, access tokens and the values of headers and of the query may hold one"))
		return Text{}, false
	}
	if !d.inForm(n, f) {
		return Text{}, false
	}
	return text, true
}

// isText reports whether a node is text, and says how to write it where it is something else.
func (d *decoder) isText(n *node, f field) bool {
	switch n.kind {
	case textKind:
		if len(n.text) > maxText {
			d.reject(n, "a text of %d bytes is too long; at most %d are allowed", len(n.text), maxText)
			return false
		}
		return true
	case numberKind, truthKind, dateKind:
		d.reject(n, "%s is %s to YAML; put quotes around it: '%s'", quoted(n.text), n.kind.noun(), n.text)
	case mappingKind, listKind:
		d.rejectBrackets(n, f)
	default:
		d.wrongKind(n, "text")
	}
	return false
}

// rejectBrackets is about a list or mapping where text belongs: in brackets it is most likely a template or an expression.
func (d *decoder) rejectBrackets(n *node, f field) {
	switch {
	case n.flow && n.kind == mappingKind:
		d.reject(n, "put single quotes around this expression: it starts with {")
	case n.flow && f.form == "expression":
		d.reject(n, "put single quotes around this expression: it starts with [")
	default:
		d.wrongKind(n, "text")
	}
}

// inForm checks a text against the tags of its field.
func (d *decoder) inForm(n *node, f field) bool {
	if check := d.formCheck(f.form); check != nil && !check(n) {
		return false
	}
	if f.enum != nil && !slices.Contains(f.enum, n.text) {
		d.reject(n, "%s", unknown("value", n.text, f.enum))
		return false
	}
	return true
}

// formCheck is what says whether a text has a form; nil where any will do.
func (d *decoder) formCheck(form string) func(*node) bool {
	switch form {
	case "check":
		return d.isCheck
	case "expression":
		return d.isExpression
	case "header name":
		return d.isHeaderPattern
	case "settable header":
		return d.isHeader
	case "server":
		return d.isServerName
	case "pricing":
		return d.isPricing
	case "carrier":
		return d.isCarrier
	}
	return nil
}

func (d *decoder) isPricing(n *node) bool {
	if isProviderName(n.text) && len(n.text) <= maxProviderName {
		return true
	}
	d.reject(n, "%s is no pricing name; it may hold a-z, 0-9 and, not at its start, . _ -", quoted(n.text))
	return false
}

// isExpression checks what can be seen of an expression without compiling it. YAML ends an unquoted text at ` #` without
// a word, so a comment there may be half of the expression.
func (d *decoder) isExpression(n *node) bool {
	switch {
	case n.plain && n.comment:
		d.reject(n, "a comment behind an expression cuts it: put single quotes around it or move the comment")
	case len(n.text) > maxExpression:
		d.reject(n, "an expression of %d bytes is too long; at most %d are allowed", len(n.text), maxExpression)
	default:
		return true
	}
	return false
}

// textList is a list of texts, or a single one.
func (d *decoder) textList(n *node, f field) TextList {
	return oneOrMore(d, n, func(item *node) (Text, bool) { return d.text(item, f) })
}

// oneOrMore is a list of what one reads, or a single one without brackets.
func oneOrMore[T any](d *decoder, n *node, one func(*node) (T, bool)) []T {
	items := []*node{n}
	switch n.kind {
	case listKind:
		items = n.items
	case mappingKind, nothingKind, brokenKind:
		d.wrongKind(n, "a text or a list of texts")
		return nil
	}
	var list []T
	for _, item := range items {
		if x, ok := one(item); ok {
			list = append(list, x)
		}
	}
	return list
}

// fieldGroup is usage fields by name, each an expression.
func (d *decoder) fieldGroup(n *node) FieldGroup {
	if !d.isMapping(n, "a mapping of fields to expressions") {
		return nil
	}
	group := make(FieldGroup, len(n.entries))
	for _, e := range n.entries {
		if text, ok := d.text(e.value, field{form: "expression"}); ok {
			group[e.key] = text
		}
	}
	return group
}

func (d *decoder) duration(n *node, f field) Duration {
	switch n.kind {
	case textKind, numberKind:
	case listKind, mappingKind, nothingKind, brokenKind:
		d.wrongKind(n, "a duration such as 30s")
		return Duration{}
	default:
		d.reject(n, "%s is %s to YAML; write a duration such as 30s", quoted(n.text), n.kind.noun())
		return Duration{}
	}
	x, err := ParseDuration(n.text)
	if err != nil {
		d.reject(n, "%s %v", cmp.Or(f.form, "timeout"), err)
		return Duration{}
	}
	if x == 0 && f.form == "period" {
		d.reject(n, "period %s is none; write one above 0s, as in 30s", n.text)
		return Duration{}
	}
	return Duration{Duration: x, Set: true}
}

func (d *decoder) truth(n *node) *bool {
	if n.kind != truthKind {
		d.wrongKind(n, "true or false")
		return nil
	}
	x := strings.EqualFold(n.text, "true")
	return &x
}

// size takes a text or a number, which lacks its unit.
func (d *decoder) size(n *node) ByteSize {
	if n.kind != textKind && n.kind != numberKind {
		d.wrongKind(n, "a size such as 20MiB")
		return ByteSize{}
	}
	x, err := ParseSize(n.text)
	if err != nil {
		d.reject(n, "%v", err)
		return ByteSize{}
	}
	return ByteSize{Size: x, Set: true}
}

// number is one of those that the field's tags name, or else any from 1.
func (d *decoder) number(n *node, f field) int {
	if n.kind != numberKind && f.enum == nil {
		d.wrongKind(n, "a whole number from 1")
		return 0
	}
	if n.kind != numberKind {
		d.wrongKind(n, "the number "+strings.Join(f.enum, " or "))
		return 0
	}
	if f.enum != nil && !slices.Contains(f.enum, n.text) {
		d.reject(n, "%s %s is not known; write %s", f.key, quoted(n.text), strings.Join(f.enum, " or "))
		return 0
	}
	x, err := strconv.Atoi(n.text)
	if err != nil {
		d.reject(n, "%s is no whole number", quoted(n.text))
		return 0
	}
	if x < 1 {
		d.reject(n, "%s is less than 1; leave %s out for no limit", quoted(n.text), f.key)
		return 0
	}
	return x
}

func (d *decoder) add(ps ...Problem) { d.problems = append(d.problems, ps...) }
