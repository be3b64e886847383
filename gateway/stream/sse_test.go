package stream

import (
	"slices"
	"strings"
	"testing"
)

func TestSSEFramings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		want []seen
	}{
		"line feeds":                    {"data: a\n\ndata: b\n\n", data("a", "b")},
		"carriage returns":              {"data: a\r\rdata: b\r\r", data("a", "b")},
		"both":                          {"data: a\r\n\r\ndata: b\r\n\r\n", data("a", "b")},
		"mixed":                         {"data: a\r\n\ndata: b\n\r\n", data("a", "b")},
		"byte order mark":               {"\xef\xbb\xbfdata: a\n\n", data("a")},
		"lines joined":                  {"data: a\ndata:\ndata: b\n\n", data("a\n\nb")},
		"comments":                      {": ping\n\n:\ndata: a\n: OPENROUTER PROCESSING\n\n", data("a")},
		"no space":                      {"data:{\"a\":1}\n\n", data(`{"a":1}`)},
		"one space of two":              {"data:  a\n\n", data(" a")},
		"name first":                    {"event: x\ndata: a\n\n", []seen{{Name: "x", Data: "a"}}},
		"name last":                     {"data: a\nevent: x\n\n", []seen{{Name: "x", Data: "a"}}},
		"name without space":            {"event:x\ndata:a\n\n", []seen{{Name: "x", Data: "a"}}},
		"last name counts":              {"event: x\nevent: y\ndata: a\n\n", []seen{{Name: "y", Data: "a"}}},
		"name taken back":               {"event: x\nevent\ndata: a\n\n", data("a")},
		"name holds for one event":      {"event: x\ndata: a\n\ndata: b\n\n", []seen{{Name: "x", Data: "a"}, {Data: "b"}}},
		"name without data":             {"event: x\n\ndata: b\n\n", data("b")},
		"id, retry and unknown fields":  {"id: 1\nretry: 5\ndata2: x\nda: y\ndata: a\n\n", data("a")},
		"no blank line at the end":      {"data: a\n\ndata: b\n", data("a", "b")},
		"no line end at the end":        {"data: a\n\ndata: b", data("a", "b")},
		"empty data":                    {"data:\n\n", data("")},
		"data without a colon":          {"data\n\n", data("")},
		"data without a colon, at last": {"data", data("")},
		"done":                          {"data: {}\n\ndata: [DONE]\n\n", data("{}", "[DONE]")},
		"blank lines":                   {"\n\n\r\n\rdata: a\n\n\n", data("a")},
		"text beside a split character": {"data: \u00e9\u20ac\n\n", data("\u00e9\u20ac")},
		"nothing":                       {"", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, dropped := decode(SSE, Options{}, c.body)
			if !slices.Equal(got, c.want) || dropped != 0 {
				t.Errorf("events = %q, %d dropped, want %q, 0 dropped", got, dropped, c.want)
			}
			eachCut(t, SSE, Options{}, c.body, 100)
		})
	}
}

func TestSSENameIsBounded(t *testing.T) {
	t.Parallel()
	got, _ := decode(SSE, Options{}, "event: "+strings.Repeat("x", 1000)+"\ndata: a\n\n")
	want := []seen{{Name: strings.Repeat("x", 256), Data: "a"}}
	if !slices.Equal(got, want) {
		t.Errorf("events = %q, want %q", got, want)
	}
}

func TestSSELineAboveTheLimitBesideShortOnes(t *testing.T) {
	t.Parallel()
	body := "data: 12345678\ndata: 9\n\ndata: 1234\ndata: 56789\n\ndata: 1234567890\n\n"
	got, dropped := decode(SSE, Options{Limit: 10}, body)
	if want := data("12345678\n9", "1234\n56789", "1234567890"); !slices.Equal(got, want) || dropped != 0 {
		t.Errorf("events = %q, %d dropped, want %q, 0 dropped", got, dropped, want)
	}
	got, dropped = decode(SSE, Options{Limit: 9}, body)
	if want := data(); !slices.Equal(got, want) || dropped != 3 {
		t.Errorf("events = %q, %d dropped, want %q, 3 dropped", got, dropped, want)
	}
}

func FuzzSSE(f *testing.F) {
	for _, s := range []string{
		"event: x\r\ndata: {\"usage\":{}}\r\n\r\n", ": c\rdata: a\rdata:b\r\r", "\xef\xbb\xbfdata\n\nevent\n", "data: [DONE]",
	} {
		f.Add(s, uint64(1))
	}
	p := projection(f, "usage", "a.#.b")
	f.Fuzz(func(t *testing.T, body string, seed uint64) {
		for _, o := range []Options{{}, {Limit: 8}, {Limit: 8, Project: p}} {
			sameCut(t, SSE, o, body, seed)
		}
	})
}

// sameCut fails if a body gives other events when cut by this seed.
func sameCut(t *testing.T, f Format, o Options, body string, seed uint64) {
	t.Helper()
	want, wantDropped := decode(f, o, body)
	got, dropped := decode(f, o, cuts(body, seed)...)
	if !slices.Equal(got, want) || dropped != wantDropped {
		t.Errorf("%v of %q cut by %d = %q, %d dropped, want %q, %d dropped", f, body, seed, got, dropped, want, wantDropped)
	}
}

func BenchmarkSSE(b *testing.B) {
	event := "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" +
		strings.Repeat("x", 200-100-25) + "\"}}],\"usage\":null}\n\n"
	for name, body := range map[string]string{"one": event, "named": "event: content_block_delta\n" + event, "crlf": strings.ReplaceAll(event, "\n", "\r\n")} {
		b.Run(name, func(b *testing.B) {
			p := []byte(body)
			d := New(SSE, func(Event) {}, Options{})
			b.ReportAllocs()
			b.SetBytes(int64(len(p)))
			for b.Loop() {
				d.Write(p)
			}
		})
	}
	b.Run("split", func(b *testing.B) {
		p := []byte(event)
		d := New(SSE, func(Event) {}, Options{})
		b.ReportAllocs()
		b.SetBytes(int64(len(p)))
		for b.Loop() {
			d.Write(p[:90])
			d.Write(p[90:])
		}
	})
}
