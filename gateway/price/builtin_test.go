package price

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"windhover/config"
)

// loadBuiltin reads the table as any other file.
func loadBuiltin(t *testing.T) *config.File {
	t.Helper()
	f, err := config.Load("", config.Options{Builtin: []byte(Builtin)})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestBuiltinTableIsAFileOfPrices(t *testing.T) {
	t.Parallel()
	f := loadBuiltin(t)
	if _, problems := Compile(f); problems != nil {
		t.Error(problems.Err())
	}
	if len(f.Prices) <= 500 {
		t.Errorf("the table has %d models, want more than 500", len(f.Prices))
	}
	for key, rows := range f.Prices {
		for _, r := range rows {
			if !r.Off && (r.Source.Empty() || r.Checked.Empty()) {
				t.Errorf("%s: a row says source %q, checked %q; both have to be there", key, r.Source.Value, r.Checked.Value)
			}
		}
	}
}

// What the table is searched by, line by line, is what a parser finds in it.
func TestBuiltinTableIsReadWithoutAParserAsWithOne(t *testing.T) {
	t.Parallel()
	f := loadBuiltin(t)
	found := map[string]bool{}
	for _, e := range builtinEntries("") {
		found[e.key] = true
		rows, ok := f.Prices[e.key]
		if !ok {
			t.Errorf("no entry has the key %q", e.key)
			continue
		}
		var also []string
		for _, r := range rows {
			for _, name := range r.Also {
				also = append(also, name.Value)
			}
		}
		if !slices.Equal(e.also, also) {
			t.Errorf("%s is also %q, want %q", e.key, e.also, also)
		}
		if e.off != rows.Off() {
			t.Errorf("%s is off: %t, want %t", e.key, e.off, rows.Off())
		}
		if e.off {
			continue
		}
		if got := len(e.rows()); got != len(rows) {
			t.Errorf("%s has %d rows, want %d", e.key, got, len(rows))
			continue
		}
		for i, w := range e.rows() {
			if want := rowJSON(rows[i]); !bytes.Equal(w.price.Row, want) {
				t.Errorf("%s is %s, want %s", e.key, w.price.Row, want)
			}
		}
	}
	for key := range f.Prices {
		if !found[key] {
			t.Errorf("%s was not found", key)
		}
	}
}

func TestBuiltinEntriesOfAPricingNameStandTogether(t *testing.T) {
	t.Parallel()
	byName := map[string][]string{}
	for _, e := range builtinEntries("") {
		name, _ := config.CutPriceKey(e.key)
		byName[name] = append(byName[name], e.key)
	}
	for name, want := range byName {
		var got []string
		for _, e := range builtinEntries(name) {
			got = append(got, e.key)
		}
		if !slices.Equal(got, want) {
			t.Errorf("entries of %s = %d, want %d", name, len(got), len(want))
		}
	}
	if got := builtinEntries("nobody"); got != nil {
		t.Errorf("entries of nobody = %v", got)
	}
}

// A pattern that ended in * alone would catch the next model of that line, at the price of this one.
func TestBuiltinPatternsEndInVersionsOnly(t *testing.T) {
	t.Parallel()
	for _, e := range builtinEntries("") {
		for _, name := range e.names() {
			if name == "*" || !strings.HasSuffix(name, "*") {
				continue
			}
			ends := func(suffix string) bool { return strings.HasSuffix(name, suffix) }
			if !slices.ContainsFunc([]string{"-202*", "-2025*", "@2025*", "@*", "-0*", "-1*"}, ends) {
				t.Errorf("%s: %s would match what is another model", e.key, name)
			}
		}
	}
}
