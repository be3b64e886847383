package stream

import (
	"slices"
	"testing"
)

func TestNDJSONFramings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		want []seen
	}{
		"lines":                      {"{\"a\":1}\n{\"b\":2}\n", data(`{"a":1}`, `{"b":2}`)},
		"last line without line end": {"{\"a\":1}\n{\"b\":2}", data(`{"a":1}`, `{"b":2}`)},
		"carriage returns":           {"1\r\n2\r\n", data("1", "2")},
		"blank lines":                {"\n1\n \t\r\n\n2\n\n", data("1", "2")},
		"white space around":         {"  1 \n\t2\t\n", data("1", "2")},
		"byte order mark":            {"\xef\xbb\xbf1\n2\n", data("1", "2")},
		"no JSON":                    {"oops\n1\n", data("oops", "1")},
		"nothing":                    {"", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, dropped := decode(NDJSON, Options{}, c.body)
			if !slices.Equal(got, c.want) || dropped != 0 {
				t.Errorf("events = %q, %d dropped, want %q, 0 dropped", got, dropped, c.want)
			}
			eachCut(t, NDJSON, Options{}, c.body, 100)
		})
	}
}

func FuzzNDJSON(f *testing.F) {
	f.Add("{\"usage\":{}}\r\n\n {\"a\":[{\"b\":1}]}", uint64(1))
	p := projection(f, "usage", "a.#.b")
	f.Fuzz(func(t *testing.T, body string, seed uint64) {
		for _, o := range []Options{{}, {Limit: 8}, {Limit: 8, Project: p}} {
			sameCut(t, NDJSON, o, body, seed)
		}
	})
}
