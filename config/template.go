package config

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
