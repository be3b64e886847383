package price

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"windhover/config"
)

// entry is a key of the table with its rows.
type entry struct {
	key   string // NAME/MODEL as it is written
	model string // what stands behind the slash
	also  []string
	off   bool
	file  string // where it stands, for people
	pos   config.Pos

	text    string // of a built-in entry that nobody has asked for yet: rows are compiled when they are needed
	compile sync.Once
	list    []*row
}

// rows are the entry's rows, in the order of the file.
func (e *entry) rows() []*row {
	if e.text != "" {
		e.compile.Do(func() { e.list = builtinRows(e.key, e.text) })
	}
	return e.list
}

// at is the row that holds at a time, or nil.
func (e *entry) at(t time.Time) *row {
	for _, w := range e.rows() {
		if w.holds(t) {
			return w
		}
	}
	return nil
}

// names are the models that the entry is for, its key's own first; each may hold `*`.
func (e *entry) names() []string { return append([]string{e.model}, e.also...) }

// namespace is the entries of one pricing name, by what they are looked up with. Letters count without regard to case:
// providers do not agree on it with their own documents, and no two models differ in nothing else.
type namespace struct {
	exact map[string]*entry
	globs []glob // most literal characters first
}

type glob struct {
	pattern string // lower case
	literal int    // how many characters of it are no *
	entry   *entry
}

// add takes up entries that are laid over those that follow: a name that is there already stays.
func (s *namespace) add(entries []*entry) {
	for _, e := range entries {
		for _, name := range e.names() {
			name = strings.ToLower(name)
			if !strings.Contains(name, "*") {
				if s.exact[name] == nil {
					s.exact[name] = e
				}
				continue
			}
			if !slices.ContainsFunc(s.globs, func(g glob) bool { return g.pattern == name }) {
				s.globs = append(s.globs, glob{name, len(name) - strings.Count(name, "*"), e})
			}
		}
	}
}

// sort puts the patterns in the order in which they are tried.
func (s *namespace) sort() {
	slices.SortStableFunc(s.globs, func(a, b glob) int {
		return cmp.Or(cmp.Compare(b.literal, a.literal), cmp.Compare(a.pattern, b.pattern))
	})
}

// find is every name that fits a model, the one that counts first.
func (s *namespace) find(model string) []match {
	var found []match
	model = strings.ToLower(model)
	if e := s.exact[model]; e != nil {
		found = append(found, match{e, model})
	}
	for _, g := range s.globs {
		if fits(g.pattern, model) {
			found = append(found, match{g.entry, g.pattern})
		}
	}
	return found
}

// match is an entry and the one of its names that fits.
type match struct {
	entry *entry
	name  string
}

// fits reports whether a text is a pattern with anything in the place of each `*`.
func fits(pattern, text string) bool {
	first, rest, found := strings.Cut(pattern, "*")
	if !found {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, first)
	if !ok {
		return false
	}
	for {
		part, more, found := strings.Cut(rest, "*")
		if !found {
			return strings.HasSuffix(text, part)
		}
		at := strings.Index(text, part)
		if at < 0 {
			return false
		}
		text, rest = text[at+len(part):], more
	}
}
