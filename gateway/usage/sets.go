package usage

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"windhover/config"
	"windhover/gateway/stream"
)

// Sets are all compiled rule sets of a file. They are never written after they are made, and safe for concurrent use.
type Sets struct {
	rules map[string][]*rule
}

// Compile compiles the file's `fields` and `usage`. The problems are all there are, each at its place in the file; the
// sets hold what is right.
func Compile(f *config.File) (*Sets, config.Problems) {
	l := &loader{variables: variables(f), groups: map[string][]reading{}}
	for _, name := range slices.Sorted(maps.Keys(f.Fields)) {
		l.groups[name] = l.readings(f.Fields[name])
	}
	sets := &Sets{rules: map[string][]*rule{}}
	for _, name := range slices.Sorted(maps.Keys(f.Usage)) {
		rules := []*rule{}
		for _, r := range f.Usage[name] {
			rules = append(rules, l.rule(r))
		}
		sets.rules[name] = rules
	}
	return sets, l.problems
}

// variables are the names of the path variables of all providers. Sets are shared: a rule may ask for a variable that
// only some of them have, but one that nobody has is a mistake.
func variables(f *config.File) []string {
	variable := regexp.MustCompile(`\{([A-Za-z_][A-Za-z0-9_]*)`)
	found := map[string]bool{}
	add := func(path config.Text) {
		for _, m := range variable.FindAllStringSubmatch(path.Value, -1) {
			found[m[1]] = true
		}
	}
	for _, p := range f.Providers {
		add(p.Path)
		for _, route := range p.Routes {
			add(route.Path)
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// loader gathers the problems of a file while it compiles.
type loader struct {
	variables []string
	groups    map[string][]reading
	problems  config.Problems
}

func (l *loader) problem(p config.Problem) { l.problems = append(l.problems, p) }

func (l *loader) rule(r config.Rule) *rule {
	compiled := &rule{
		name:     r.YAML,
		when:     l.expression(r.When, wants{yield: yieldsBoolean, header: true}),
		where:    l.expression(r.Where, wants{yield: yieldsBoolean}),
		end:      l.expression(r.End, wants{yield: yieldsBoolean}),
		consumes: r.Consumes,
		fields:   overlaid(l.group(r.With), l.readings(r.Fields)),
		format:   l.format(r.Format),
	}
	for _, t := range r.From {
		if p := l.path(t, structure); p != nil {
			compiled.from = append(compiled.from, *p)
		}
	}
	if !r.Parts.Empty() {
		compiled.parts = l.path(r.Parts, structure)
	}
	var ok bool
	if compiled.merge, ok = parseMerge(r.Merge); !ok {
		l.problem(r.Merge.Problem("unknown merge %s; write overlay, sum or max", r.Merge))
	}
	l.checkUse(r)
	return compiled
}

// checkUse finds rules that could never do anything. What is broken has been reported, and what it lacks says nothing.
func (l *loader) checkUse(r config.Rule) {
	if r.Broken {
		return
	}
	reads := len(r.Fields) > 0 || !r.With.Empty()
	if !reads && r.End.Empty() && r.Format.Empty() && r.Consumes == nil {
		l.problem(config.Problem{Pos: r.Pos, Path: r.YAML, Message: "the rule does nothing; it needs fields, with, end, format or consumes"})
	}
	if !reads && !r.Parts.Empty() {
		l.problem(r.Parts.Problem("parts are read by the rule's own fields, and it has none"))
	}
}

// expression compiles a text of the file; nil if it is empty or wrong.
func (l *loader) expression(t config.Text, w wants) *expression {
	if t.Empty() {
		return nil
	}
	x, err := compileExpression(t.Value, w)
	if err != nil {
		l.problem(problem(t, err))
		return nil
	}
	for _, m := range x.params {
		if !slices.Contains(l.variables, m.name) {
			l.problem(ProblemAt(t, m.offset, "no provider's path has a variable "+m.name+didYouMean(m.name, l.variables)))
		}
	}
	return x
}

func (l *loader) readings(group config.FieldGroup) []reading {
	var found []reading
	for _, name := range slices.Sorted(maps.Keys(group)) {
		t := group[name]
		f, ok := ParseField(name)
		if !ok {
			l.problem(t.Problem("unknown field %s%s", name, didYouMean(name, fieldNames())))
			continue
		}
		want := yieldsText
		if f.Number() {
			want = yieldsNumber
		}
		if x := l.expression(t, wants{yield: want}); x != nil {
			found = append(found, newReading(f, x))
		}
	}
	return found
}

func (l *loader) group(name config.Text) []reading {
	if name.Empty() {
		return nil
	}
	group, ok := l.groups[name.Value]
	if !ok {
		l.problem(name.Problem("unknown group of fields %s%s", name, didYouMean(name.Value, slices.Sorted(maps.Keys(l.groups)))))
	}
	return group
}

// overlaid is the group with the rule's own fields in place of those of the same name.
func overlaid(group, own []reading) []reading {
	fields := slices.Clone(own)
	for _, g := range group {
		if !slices.ContainsFunc(own, func(o reading) bool { return o.field == g.field }) {
			fields = append(fields, g)
		}
	}
	slices.SortFunc(fields, func(a, b reading) int { return int(a.field) - int(b.field) })
	return fields
}

func (l *loader) path(t config.Text, takes shape) *path {
	p, err := parsePath(t.Value, takes)
	if err != nil {
		l.problem(t.Problem("%v", err))
		return nil
	}
	return &p
}

func (l *loader) format(t config.Text) *stream.Format {
	if t.Empty() {
		return nil
	}
	f, ok := stream.FormatNamed(t.Value)
	if !ok {
		l.problem(t.Problem("unknown format %s; write json, sse or ndjson", t))
		return nil
	}
	return &f
}

// didYouMean is the end of a message about a name that is not known: the nearest one that is, or all of them.
func didYouMean(name string, known []string) string {
	if near := config.Nearest(name, known); near != "" {
		return "; did you mean " + near + "?"
	}
	if len(known) == 0 {
		return "; there is none"
	}
	return "; known are " + strings.Join(known, ", ")
}
