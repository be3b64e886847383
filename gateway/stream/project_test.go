package stream

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
)

// project is what is kept of a document that arrives in these pieces.
func project(x *Projector, pieces ...string) string {
	x.Reset()
	for _, p := range pieces {
		x.Write([]byte(p))
	}
	return string(x.Bytes())
}

func TestProjectionKeepsWhatThePathsName(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 257)
	for _, c := range []struct{ paths, doc, want string }{
		{"usage", `{"id":"a","usage":{"n":1,"m":[{"k":2}]},"x":[1]}`, `{"usage":{"n":1,"m":[{"k":2}]}}`},
		{"usage", `{"id": "a", "usage": {"n": 1}, "x": [1] }`, `{"usage":{"n": 1}}`},
		{"usage.n", `{"usage":{"n":1,"m":2},"n":3}`, `{"usage":{"n":1}}`},
		{"usage.n usage", `{"usage":{"n":1,"m":2}}`, `{"usage":{"n":1,"m":2}}`},
		{"a.b a.c", `{"a":{"c":1,"x":2,"b":3}}`, `{"a":{"c":1,"b":3}}`},
		{"a.b", `{"a":5}`, `{"a":5}`},
		{"a.b", `{"a":[{"b":1}]}`, `{"a":[]}`},
		{"a.b", `{"a":5,"a":{"b":1},"a":{"b":2}}`, `{"a":5,"a":{"b":1},"a":{"b":2}}`},
		{"a.b", `[{"a":1}]`, `[]`},
		{"a", `7`, `7`},
		{"a", ` "x" `, `"x"`},
		{"data.#", `{"data":[{"x":[1,2]},"y",3]}`, `{"data":[0,0,0]}`},
		{"data.#", `{"data":[]}`, `{"data":[]}`},
		{"data.#", `{"data":{"#":5,"x":6}}`, `{"data":{"#":5}}`},
		{"data.#.n", `{"data":[{"n":1,"x":2},3,{"x":4}]}`, `{"data":[{"n":1},3,{}]}`},
		{"data.# data.#.n", `{"data":[{"n":1,"x":2}]}`, `{"data":[{"n":1}]}`},
		{"data", `{"data":[{"x":[1,2]},"y",3]}`, `{"data":[{"x":[1,2]},"y",3]}`},
		{"choices.1.usage", `{"choices":[{"usage":1},{"usage":2,"x":3},{"usage":4}]}`, `{"choices":[0,{"usage":2}]}`},
		{"choices.0.usage choices.#.n", `{"choices":[{"usage":1,"n":2},{"usage":3,"n":4}]}`, `{"choices":[{"usage":1,"n":2},{"n":4}]}`},
		{"choices.0", `{"choices":{"0":1,"1":2}}`, `{"choices":{"0":1}}`},
		{`details.#(modality=="AUDIO").tokenCount`, `{"details":[{"modality":"AUDIO","tokenCount":1,"x":2}],"x":3}`, `{"details":[{"modality":"AUDIO","tokenCount":1,"x":2}]}`},
		{"a.b*.c", `{"a":{"bc":1},"x":2}`, `{"a":{"bc":1}}`},
		{`gpt-4\.1`, `{"gpt-4.1":1,"gpt-4":{"1":2}}`, `{"gpt-4.1":1}`},
		{`\*a.\#`, `{"*a":{"#":1,"b":2},"xa":3}`, `{"*a":{"#":1}}`},
		{"é.a", `{"\u00e9":{"a":1},"e":2}`, `{"\u00e9":{"a":1}}`},
		{"a", `{"b":"\"a\":1","a":2}`, `{"a":2}`},
		{"a", `{"a":"` + long + `","b":1}`, `{"a":""}`},
		{"a", `{"a":{"k":"` + long + `","` + long + `":"` + long[1:] + `"}}`, `{"a":{"k":"","":"` + long[1:] + `"}}`},
		{"a", `{"` + long + `":1,"a":2}`, `{"a":2}`},
		{"a", `{}`, `{}`},
	} {
		x := projection(t, strings.Fields(c.paths)...).New()
		if got := project(x, c.doc); got != c.want || !x.Valid() || x.Overflow() {
			t.Errorf("%s of %s = %s, valid %v, overflow %v, want %s, true, false", c.paths, clip(c.doc), got, x.Valid(), x.Overflow(), c.want)
		}
		if got := project(x, strings.Split(c.doc, "")...); got != c.want || !x.Valid() {
			t.Errorf("%s of the bytes of %s = %s, want %s", c.paths, clip(c.doc), got, c.want)
		}
	}
}

func TestProjectionRefusesPathsItCannotFollow(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"":                              `path "": part 1 is empty`,
		"a..b":                          `path "a..b": part 2 is empty`,
		"a.":                            `path "a.": part 2 is empty`,
		"..a":                           `path "..a": part 1 is empty`,
		"@this":                         `path "@this": it begins with "@this", which would keep the whole document`,
		"a|b":                           `path "a|b": it begins with "a|b", which would keep the whole document`,
		"*.a":                           `path "*.a": it begins with "*", which would keep the whole document`,
		"#(a==1).b":                     `path "#(a==1).b": it begins with "#(a==1)", which would keep the whole document`,
		"{a,b}":                         `path "{a,b}": it begins with "{a,b}", which would keep the whole document`,
		"!1":                            `path "!1": it begins with "!1", which would keep the whole document`,
		"a.10000":                       `path "a.10000": element 10000 is above 9999`,
		"a.99999999999999999999":        `path "a.99999999999999999999": element 99999999999999999999 is above 9999`,
		strings.Repeat("a.", 32) + "a":  `path "` + strings.Repeat("a.", 32) + `a": it has more than 32 parts`,
		"a." + strings.Repeat("x", 257): `path "a.` + strings.Repeat("x", 257) + `": part 2 is longer than 256 bytes`,
	} {
		_, err := NewProjection([]string{"usage", path})
		if err == nil || err.Error() != want {
			t.Errorf("NewProjection(%q): %v, want %s", path, err, want)
		}
	}
}

func TestProjectionCountsAtTheEndOfALongPath(t *testing.T) {
	t.Parallel()
	path := strings.Repeat("a.", 31) + "a.#"
	if _, err := NewProjection([]string{path}); err != nil {
		t.Errorf("NewProjection(%q): %v, want nil", path, err)
	}
}

func TestProjectorTellsBrokenDocuments(t *testing.T) {
	t.Parallel()
	x := projection(t, "a", "b.#.c").New()
	for _, doc := range []string{
		"", " ", "{", `{"a"`, `{"a":`, `{"a":1`, `{"a":1,}`, `{"a":1]`, `{a:1}`, `{"a" 1}`, `{"a":1 2}`, `{"a":}`, `{"x":,}`,
		`{"a":"x`, `{"b":[1,]}`, `{"b":[1}`, `{"b":[`, `}`, `]`, `x`, `<html>`, `{} {}`, `{}x`, `{,}`, `{"b":[,]}`, `1,`, `"x`, `{"x":{"y":1}`,
	} {
		if got := project(x, doc); x.Valid() {
			t.Errorf("%q is valid as %q, want it not to be", doc, got)
		}
	}
}

func TestProjectorBoundsItsOutput(t *testing.T) {
	t.Parallel()
	x := projection(t, "a", "n.#").New()
	project(x, `{"a":[`, strings.Repeat(`"12345678",`, 100_000), `1]}`)
	if !x.Overflow() || len(x.Bytes()) > 512<<10 {
		t.Errorf("overflow = %v with %d bytes, want true and at most 512 KiB", x.Overflow(), len(x.Bytes()))
	}
	project(x, `{"n":[`, strings.Repeat(`1,`, 1_000_000), `1]}`)
	if !x.Overflow() || len(x.Bytes()) > 512<<10 {
		t.Errorf("overflow = %v with %d bytes, want true and at most 512 KiB", x.Overflow(), len(x.Bytes()))
	}
	if got, want := project(x, `{"a":1}`), `{"a":1}`; got != want || x.Overflow() {
		t.Errorf("after Reset: %s, overflow %v, want %s, false", got, x.Overflow(), want)
	}
}

func TestProjectorTakesAnyDepth(t *testing.T) {
	t.Parallel()
	const depth = 1_000_000
	x := projection(t, "usage").New()
	got := project(x, `{"x":`, strings.Repeat(`[{"a":`, depth), "1", strings.Repeat("}]", depth), `,"usage":7}`)
	if want := `{"usage":7}`; got != want || !x.Valid() {
		t.Errorf("projection = %s, valid %v, want %s, true", got, x.Valid(), want)
	}
}

// emptied is doc with its long strings empty, as the projection has them.
func emptied(doc string) string {
	var b strings.Builder
	for i := 0; i < len(doc); i++ {
		if doc[i] != '"' {
			b.WriteByte(doc[i])
			continue
		}
		end := i + 1
		for doc[end] != '"' {
			if doc[end] == '\\' {
				end++
			}
			end++
		}
		if end-i-1 <= 256 {
			b.WriteString(doc[i:end])
		} else {
			b.WriteByte('"')
		}
		b.WriteByte('"')
		i = end
	}
	return b.String()
}

// sameAnswers fails if a path yields something else on the projection of doc than on doc.
func sameAnswers(t *testing.T, paths []string, doc string, seed uint64) {
	t.Helper()
	p, err := NewProjection(paths)
	if err != nil {
		return
	}
	x := p.New()
	small := project(x, cuts(doc, seed)...)
	if x.Overflow() {
		return
	}
	if !x.Valid() || !gjson.Valid(small) {
		t.Fatalf("projection of %q = %q, valid %v, want valid JSON", doc, small, x.Valid())
	}
	whole := emptied(doc)
	for _, path := range paths {
		got, want := gjson.Get(small, path), gjson.Get(whole, path)
		if got.Raw != want.Raw || got.Type != want.Type || got.String() != want.String() {
			t.Errorf("%q: %s of the projection %q of %q = %s, want %s", paths, path, small, doc, got.Raw, want.Raw)
		}
	}
}

func TestProjectionAnswersAsTheWholeDocument(t *testing.T) {
	t.Parallel()
	doc := `{"id":"x","model":"m","choices":[{"index":0,"usage":{"n":1}},{"index":1,"usage":null}],"usage":{"total_tokens":7,
		"details":[{"modality":"TEXT","tokenCount":3},{"modality":"AUDIO","tokenCount":4}],"0":"zero","#":"hash"},
		"data":[{"b64_json":"` + strings.Repeat("QUJD", 200) + `"},{"b64_json":""}],"nested":[[1,[2]],[{"a":[{"b":1},{"b":2}]}]]}`
	paths := []string{"model", "choices.0.usage", "choices.#.index", "choices.#", "usage.total_tokens", "usage.0", "usage.#",
		`usage.details.#(modality=="AUDIO").tokenCount`, "data.#", "data.0.b64_json", "nested.0.1.0", "nested.1.0.a.#.b", "nested.#.#.a", "absent.x"}
	for seed := range uint64(50) {
		sameAnswers(t, paths, doc, seed)
		for _, path := range paths {
			sameAnswers(t, []string{path}, doc, seed)
		}
	}
}

func FuzzProjection(f *testing.F) {
	doc := `{"a":[{"b":1,"c":"x\"}"},{"b":[2,{"0":3}]},4],"é":{"#":{"a":"b"}},"a":{"b":{"0":5}}}`
	f.Add(doc, "a.#.b a.0.c a.# a.b.0", uint64(1))
	f.Add(doc, "é.# é.#.a", uint64(2))
	f.Add(`[[1,2],[{"a":"`+strings.Repeat("x", 300)+`"}]]`, "#.0 1.0.a # 1.#.a", uint64(3))
	f.Add(`{"a":[{"m":"A","n":1},{"m":"B","n":2}]}`, `a.#(m=="B").n a.#(m%"*")#.n a\.b`, uint64(4))
	f.Add(`{"*a":[{"#":1}],"b|":[1],"0":{"1":2}}`, `\*a.0.\# b\|.0 \0.\1`, uint64(5))
	f.Fuzz(func(t *testing.T, doc, paths string, seed uint64) {
		fields := strings.Fields(paths)
		if _, err := NewProjection(fields); err != nil {
			return
		}
		x := projection(t, fields...).New()
		got := project(x, cuts(doc, seed)...)
		if want := project(x, doc); got != want {
			t.Errorf("%q of %q cut by %d = %q, want %q", fields, doc, seed, got, want)
		}
		if json.Valid([]byte(doc)) {
			sameAnswers(t, fields, doc, seed)
		}
	})
}

func BenchmarkProjection(b *testing.B) {
	image := `{"created":1,"data":[{"b64_json":"` + strings.Repeat("QUJD", 256<<10) + `"}],"usage":{"total_tokens":7}}`
	embedding := `{"object":"list","data":[{"embedding":[` + strings.Repeat("-0.0123456789,", 70_000) + `0]}],"usage":{"total_tokens":7}}`
	for name, doc := range map[string]string{"base64": image, "floats": embedding} {
		b.Run(name, func(b *testing.B) {
			x := projection(b, "usage", "data.#", "model").New()
			body := []byte(doc)
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				x.Reset()
				for p := range slices.Chunk(body, 32<<10) {
					x.Write(p)
				}
			}
		})
	}
}
