package usage

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
)

// pathsToFind are of every kind that an index tells apart.
func pathsToFind(t testing.TB) []path {
	t.Helper()
	var paths []path
	for _, text := range []string{"a", "b", "a.b", "a.b.c", "usage.input_tokens", "a.0", "a.#", "a.0.b", "0.a", "choices.0.usage", `a.#(b==1).c`} {
		p, err := parsePath(text, anything)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, p)
	}
	return paths
}

// twins reports whether an object holds a key twice. JSON gives no meaning to that, and gjson finds one or the other.
func twins(x *index) bool {
	for object := range x.members {
		seen := map[string]bool{}
		for i := object + 1; i < int(x.members[object].end); i = int(x.members[i].end) {
			m := x.members[i]
			key := x.json[m.key:m.keyEnd]
			if seen[key] {
				return true
			}
			seen[key] = true
		}
	}
	return false
}

// checkIndex compares an index with what gjson thinks of the text.
func checkIndex(t *testing.T, json string, paths []path) {
	t.Helper()
	x := new(index)
	valid := x.of(json)
	if want := gjson.Valid(json); valid != want {
		t.Fatalf("of(%q) = %v, want %v", json, valid, want)
	}
	if !valid || twins(x) {
		return
	}
	for _, p := range paths {
		root := node{in: x}
		want := gjson.Get(json, p.text)
		if got := root.get(&p); got.Raw != want.Raw || got.Type != want.Type {
			t.Errorf("get(%s) of %q = %q, want %q", p.text, json, got.Raw, want.Raw)
		}
		if got, want := root.scalar(&p), scalarOf(want); got != want {
			t.Errorf("scalar(%s) of %q = %+v, want %+v", p.text, json, got, want)
		}
		if root.lacks(p.first) && want.Exists() {
			t.Errorf("lacks(%s) of %q = true, but it is there", p.text, json)
		}
	}
}

// manyMembers is an object of more members than an index lists.
func manyMembers() string {
	var b strings.Builder
	b.WriteByte('{')
	for i := range maxMembers {
		fmt.Fprintf(&b, `"k%d":{"b":%d},`, i, i)
	}
	b.WriteString(`"a":{"b":7,"c":[]}}`)
	return b.String()
}

func TestAnIndexFindsWhatGJSONFinds(t *testing.T) {
	t.Parallel()
	paths := pathsToFind(t)
	for _, json := range []string{
		``, ` `, `{}`, `[]`, `null`, `"a"`, `0`, `-1.5e+3`, `true`, ` {"a" : {"b" : {"c" : -0.5} } } `,
		`{"a":{"x":{"a":1},"b":2},"b":{"a":3}}`, `{"a":[{"b":1,"c":2}],"b":"x\ty"}`, `{"a":{}}`, `{"":1,"a":null}`, `[{"a":1}]`,
		`{"\u0061":1,"b":2}`, `{"x":{"\u0061":1},"a":{"b":2}}`, `{"usage":{"input_tokens":12}}`, `{"choices":[{"usage":{"n":1}}]}`,
		`{"a":"` + strings.Repeat("long text with \\\" in it, ", 9) + `","b":1}`, manyMembers(),
		`{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{"a" 1}`, `{a:1}`, `[1,]`, `[1 2]`, `[`, `{}}`, `{} x`, `01`, `-`, `1.`, `1e`, `+1`, `.5`,
		`tru`, `nul`, `falsy`, `"`, `"\x"`, `"\u00g0"`, `"\u00`, "\"\n\"", `{"a":"`, "\xff",
	} {
		checkIndex(t, json, paths)
	}
}

func TestAStringIsReadToItsEndWhereverSpecialBytesStand(t *testing.T) {
	t.Parallel()
	for at := range 20 {
		for c := range 256 {
			text := []byte(`"` + strings.Repeat("\xc3", 20) + `"`)
			text[1+at] = byte(c)
			if got, want := new(index).of(string(text)), gjson.Valid(string(text)); got != want {
				t.Errorf("of(%q) = %v, want %v", text, got, want)
			}
		}
	}
}

func TestAnIndexIsBoundedHoweverDeepTheNesting(t *testing.T) {
	t.Parallel()
	const depth = 512 << 10
	for _, json := range []string{strings.Repeat("[", depth) + strings.Repeat("]", depth), strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth)} {
		x := new(index)
		if !x.of(json) {
			t.Errorf("of(%.5s…) = false, want true", json)
		}
		if len(x.members) > maxMembers {
			t.Errorf("members = %d, want at most %d", len(x.members), maxMembers)
		}
	}
}

func FuzzIndex(f *testing.F) {
	for _, json := range []string{sample, manyMembers(), `{"a":{"b":{"c":1.5}},"b":[{"\u0061":"x"}]}`, `[[],{},"\"",true,null,-0e1]`} {
		f.Add(json)
	}
	paths := pathsToFind(f)
	f.Fuzz(func(t *testing.T, json string) { checkIndex(t, json, paths) })
}
