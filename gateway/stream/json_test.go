package stream

import (
	"slices"
	"testing"
)

func TestJSONBodies(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body    string
		want    []seen
		dropped int
	}{
		"object":               {`{"a":[1,2]}`, data(`{"a":[1,2]}`), 0},
		"white space in front": {"\n\n  {\"a\":1}\n", data("{\"a\":1}\n"), 0},
		"byte order mark":      {"\xef\xbb\xbf{}", data("{}"), 0},
		"number":               {"12", data("12"), 0},
		"cut off":              {`{"a":`, data(`{"a":`), 0},
		"no JSON":              {"<html>", data("<html>"), 0},
		"array":                {`[{"a":"]"},{"b":"\"]"}]`, data(`{"a":"]"}`, `{"b":"\"]"}`), 0},
		"array as Gemini's":    {"[{\"a\": 1\n}\n,\r\n{\"b\": [[2]]}\n]\n", data("{\"a\": 1\n}", `{"b": [[2]]}`), 0},
		"array of values":      {`[1, "x", null,[2,3]]`, data("1", `"x"`, "null", "[2,3]"), 0},
		"empty array":          {"[ ]", nil, 0},
		"array cut off":        {`[{"a":1},{"b":12`, data(`{"a":1}`), 1},
		"array cut in number":  {`[1,12`, data("1"), 1},
		"array without end":    {`[{"a":1}`, data(`{"a":1}`), 0},
		"array closed wrongly": {`[{"a":1}},{"b":1}]`, data(`{"a":1}`), 1},
		"text behind an array": {`[1] {"b":1}`, data("1"), 0},
		"white space":          {" \n ", nil, 0},
		"nothing":              {"", nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, dropped := decode(JSON, Options{}, c.body)
			if !slices.Equal(got, c.want) || dropped != c.dropped {
				t.Errorf("events = %q, %d dropped, want %q, %d dropped", got, dropped, c.want, c.dropped)
			}
			eachCut(t, JSON, Options{}, c.body, 100)
		})
	}
}

func TestJSONArrayHandsEachElementOnAtOnce(t *testing.T) {
	t.Parallel()
	var got []string
	d := New(JSON, func(e Event) { got = append(got, string(e.Data)) }, Options{})
	for _, step := range []struct {
		write string
		want  int
	}{{`[{"a":1`, 0}, {`}`, 1}, {`,{"b":2}`, 2}, {`]`, 2}} {
		d.Write([]byte(step.write))
		if len(got) != step.want {
			t.Errorf("events after %q = %d, want %d", step.write, len(got), step.want)
		}
	}
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"usage":{"a":"\\\""}}`, `[{"a":[{"b":"x"}]},"\u00e9",12]`, `[}`, `"\\"`} {
		f.Add(s, uint64(1))
	}
	p := projection(f, "usage", "a.#.b")
	f.Fuzz(func(t *testing.T, body string, seed uint64) {
		for _, o := range []Options{{}, {Limit: 8}, {Limit: 8, Project: p}} {
			sameCut(t, JSON, o, body, seed)
		}
	})
}
