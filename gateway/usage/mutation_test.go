package usage

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"windhover"
	"windhover/config"
)

// The cases of testdata/replay hold the shipped rules in place: whatever is changed in a rule, a case must notice.

// unnoticed are the changes that no case can notice, each with the reason.
var unnoticed = map[string]string{
	"bedrock before anthropic":       disjoint,
	"google before anthropic":        disjoint,
	"google before hidden-reasoning": disjoint,
	"grok before hidden-reasoning":   disjoint,
	"llama-cpp before anthropic":     disjoint,
	"ollama before anthropic":        disjoint,
	"vercel before anthropic":        disjoint,
	"watsonx before openai":          disjoint,
}

const disjoint = "the two sets read no number of the same answer"

// mutation is a change of one set, or of one provider's list of sets.
type mutation struct {
	name      string
	providers []string // whose cases may notice
	rules     func(provider string) []*rule
}

func TestCasesNoticeEveryChangeOfARule(t *testing.T) {
	t.Parallel()
	f := loadShipped(t)
	noticed := map[string]bool{}
	for _, m := range slices.Concat(f.drops(), f.merges(), f.swaps()) {
		noticed[m.name] = f.notices(m)
		switch reason, excused := unnoticed[m.name]; {
		case !noticed[m.name] && !excused:
			t.Errorf("no case notices: %s", m.name)
		case noticed[m.name] && excused:
			t.Errorf("a case notices: %s; it is excused with %q", m.name, reason)
		}
	}
	for name := range unnoticed {
		if _, tried := noticed[name]; !tried {
			t.Errorf("excused, but there is no such change: %s", name)
		}
	}
}

// shippedFile is the shipped file with the cases of its providers.
type shippedFile struct {
	sets      map[string][]*rule
	providers map[string][]string // the sets of each
	cases     map[string][]baseline
}

// baseline is a case and how the shipped rules read it.
type baseline struct {
	replayed
	outcomes []outcome
}

// outcome is what a reading came to.
type outcome struct {
	usage Usage
	state State
	ended bool
	parts int
}

func loadShipped(t *testing.T) *shippedFile {
	t.Helper()
	file, err := config.Load("", config.Options{Builtin: windhover.Providers})
	if err != nil {
		t.Fatal(err)
	}
	sets, problems := Compile(file)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	f := &shippedFile{sets: sets.rules, providers: map[string][]string{}, cases: map[string][]baseline{}}
	for name, p := range file.Providers {
		for _, set := range p.Usage {
			f.providers[name] = append(f.providers[name], set.Value)
		}
	}
	for _, c := range cases(t, filepath.Join("..", "..", "testdata", "replay")) {
		if sets, ok := f.providers[c.provider]; ok {
			f.cases[c.provider] = append(f.cases[c.provider], baseline{c, read(f.bind(sets), c)})
		}
	}
	return f
}

func (f *shippedFile) bind(sets []string) []*rule {
	var rules []*rule
	for _, set := range sets {
		rules = append(rules, f.sets[set]...)
	}
	return rules
}

// read reads the case's answer whole, and broken off where half of it was there.
func read(rules []*rule, c replayed) []outcome {
	r := &Rules{rules: rules, plans: map[match]*plan{}}
	var outcomes []outcome
	for _, body := range [][]byte{c.body, c.body[:len(c.body)/2]} {
		o := r.Observe(c.exchange)
		o.Write(body)
		res := o.Close(true)
		outcomes = append(outcomes, outcome{res.Usage, res.State, res.Ended, len(res.Parts)})
	}
	return outcomes
}

// notices reports whether a case of those providers is read differently.
func (f *shippedFile) notices(m mutation) bool {
	for _, provider := range m.providers {
		for _, c := range f.cases[provider] {
			if !slices.Equal(read(m.rules(provider), c.replayed), c.outcomes) {
				return true
			}
		}
	}
	return false
}

// users are the providers that have the set.
func (f *shippedFile) users(set string) []string {
	var users []string
	for _, provider := range slices.Sorted(maps.Keys(f.providers)) {
		if slices.Contains(f.providers[provider], set) {
			users = append(users, provider)
		}
	}
	return users
}

// replaced is a mutation that has other rules in place of a set's own.
func (f *shippedFile) replaced(name, set string, rules []*rule) mutation {
	return mutation{name, f.users(set), func(provider string) []*rule {
		var all []*rule
		for _, s := range f.providers[provider] {
			if s == set {
				all = append(all, rules...)
				continue
			}
			all = append(all, f.sets[s]...)
		}
		return all
	}}
}

// drops leave out each rule in turn.
func (f *shippedFile) drops() []mutation {
	var mutations []mutation
	for _, set := range slices.Sorted(maps.Keys(f.sets)) {
		for i, r := range f.sets[set] {
			rest := slices.Delete(slices.Clone(f.sets[set]), i, i+1)
			mutations = append(mutations, f.replaced("drop "+r.name, set, rest))
		}
	}
	return mutations
}

// merges change how each rule's numbers become one. Of rules that overlay, only those matter of which an answer says a
// number more than once: a single number adds up to itself.
func (f *shippedFile) merges() []mutation {
	var mutations []mutation
	for _, set := range slices.Sorted(maps.Keys(f.sets)) {
		for i, r := range f.sets[set] {
			if !r.counts() || r.merge == overlay && !f.repeats(set, r) {
				continue
			}
			changed := *r
			changed.merge = map[merge]merge{overlay: sum, sum: overlay, largest: sum}[r.merge]
			rules := slices.Clone(f.sets[set])
			rules[i] = &changed
			mutations = append(mutations, f.replaced("merge of "+r.name, set, rules))
		}
	}
	return mutations
}

// repeats reports whether an answer gives one of the rule's numbers in several events.
func (f *shippedFile) repeats(set string, r *rule) bool {
	for _, provider := range f.users(set) {
		rules := &Rules{rules: f.bind(f.providers[provider]), plans: map[match]*plan{}}
		for _, c := range f.cases[provider] {
			tracer := rules.Trace(c.exchange)
			tracer.Write(c.body)
			tracer.Close(true)
			if saysTwice(tracer.Events, r.name) {
				return true
			}
		}
	}
	return false
}

func saysTwice(events []TracedEvent, rule string) bool {
	seen := map[Field]bool{}
	for _, e := range events {
		for _, s := range e.Set {
			if s.Rule != rule || !s.Field.Number() || s.Value == json.Number("0") {
				continue
			}
			if seen[s.Field] {
				return true
			}
			seen[s.Field] = true
		}
	}
	return false
}

// swaps exchange two sets that stand side by side in a provider's list, for all providers that list them so.
func (f *shippedFile) swaps() []mutation {
	users := map[[2]string][]string{}
	for _, provider := range slices.Sorted(maps.Keys(f.providers)) {
		sets := f.providers[provider]
		for i := 1; i < len(sets); i++ {
			pair := [2]string{sets[i-1], sets[i]}
			users[pair] = append(users[pair], provider)
		}
	}
	var mutations []mutation
	for pair, providers := range users {
		mutations = append(mutations, mutation{pair[1] + " before " + pair[0], providers, func(provider string) []*rule {
			sets := slices.Clone(f.providers[provider])
			i := slices.Index(sets, pair[0])
			sets[i], sets[i+1] = sets[i+1], sets[i]
			return f.bind(sets)
		}})
	}
	return mutations
}
