package gateway

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"windhover/config"
)

// mask hides what references have yielded in texts that people read: errors and explanations show addresses, and the
// value of an environment variable or a file may stand in one.
type mask []string

// minMasked is the length of the shortest value that is hidden, in bytes. A shorter one, such as the number of a
// version, stands in a text by chance too, and hiding it there would garble an address that people have to read.
const minMasked = 6

// with is the mask that also hides the references of a template, in the spellings in which an address holds them.
// A default is not hidden: it stands in the file as the rest of the address does.
func (m mask) with(t config.Template) mask {
	for _, part := range t.Parts {
		if part.Secret == nil || part.Secret.Written() {
			continue
		}
		value := part.Secret.Reveal()
		if len(value) < minMasked {
			continue
		}
		m = append(m, value, url.QueryEscape(value), url.PathEscape(value))
	}
	slices.SortFunc(m, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b)) })
	return slices.Compact(m)
}

// hide is the text without them.
func (m mask) hide(text string) string {
	for _, secret := range m {
		text = strings.ReplaceAll(text, secret, "***")
	}
	return text
}
