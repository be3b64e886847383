package gateway

import (
	"bytes"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
)

func TestUsageIsAskedForInPlace(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"stream":true}`:                                               `{"stream":true,"stream_options":{"include_usage":true}}`,
		"{ \"b\" : 1,\n \"stream\" : true\n}\n":                         "{ \"b\" : 1,\n \"stream\" : true\n,\"stream_options\":{\"include_usage\":true}}\n",
		`{"stream":true,"stream_options":{}}`:                           `{"stream":true,"stream_options":{"include_usage":true}}`,
		`{"stream_options":{"x":[1]},"stream":true}`:                    `{"stream_options":{"x":[1],"include_usage":true},"stream":true}`,
		`{"stream_options": null,"stream":true}`:                        `{"stream_options": {"include_usage":true},"stream":true}`,
		`{"messages":[{"content":"\"stream_options\""}],"stream":true}`: `{"messages":[{"content":"\"stream_options\""}],"stream":true,"stream_options":{"include_usage":true}}`,
	} {
		if got, ok := askForUsage([]byte(body)); !ok || string(got) != want {
			t.Errorf("askForUsage(%s) = %s, %v, want %s", body, got, ok, want)
		}
	}
}

func TestUsageIsNotAskedForWhereTheClientHasSpoken(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"stream":true,"stream_options":{"include_usage":true}}`,
		`{"stream":true,"stream_options":{"include_usage":false}}`,
		`{"stream":true,"stream_options":{"include_usage":null}}`,
		`{"stream":true,"stream_options":7}`,
		`{"stream":false}`,
		`{"stream":"true"}`,
		`{}`,
		`[]`,
		``,
		`{"stream":true`,
		`{"stream":true,"stream":false}`,
		`{"stream":true,"stream_options":{},"stream_options":{}}`,
		`{"stream":true,"stream_options":{},"stream_options":{"include_usage":true}}`,
	} {
		if got, ok := askForUsage([]byte(body)); ok {
			t.Errorf("askForUsage(%s) = %s, want it left alone", body, got)
		}
	}
}

const (
	chunkText  = `data: {"id":"c","choices":[{"index":0,"delta":{"content":"\"choices\":[] \"usage\":{}"}}],"usage":null}`
	chunkUsage = `data: {"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}`
	chunkAzure = `data: {"choices":[],"prompt_filter_results":[],"usage":null}`
	chunkDone  = `data: [DONE]`
)

// streamOf joins events with the line end.
func streamOf(lineEnd string, events ...string) string {
	return strings.Join(events, lineEnd+lineEnd) + lineEnd + lineEnd
}

// removeIn passes a stream through a remover in pieces of n bytes.
func removeIn(s string, n int) string {
	var u usageRemover
	var out []byte
	for p := []byte(s); len(p) > 0; {
		piece := bytes.Clone(p[:min(n, len(p))])
		out = append(out, u.write(piece)...)
		p = p[len(piece):]
	}
	return string(append(out, u.rest()...))
}

func TestAddedUsageEventIsRemovedExactly(t *testing.T) {
	t.Parallel()
	for _, lineEnd := range []string{"\n", "\r\n", "\r"} {
		with := streamOf(lineEnd, ": comment", chunkAzure, chunkText, chunkText, chunkUsage, chunkDone)
		want := streamOf(lineEnd, ": comment", chunkAzure, chunkText, chunkText, chunkDone)
		for n := 1; n <= len(with); n++ {
			if got := removeIn(with, n); got != want {
				t.Fatalf("with line ends %q in pieces of %d: %q, want %q", lineEnd, n, got, want)
			}
		}
	}
}

func TestAddedUsageEventIsRemovedAtTheEndOfAStream(t *testing.T) {
	t.Parallel()
	want := streamOf("\n", chunkText)
	if got := removeIn(want+chunkUsage, 7); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOtherEventsPassUnchanged(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		streamOf("\n", chunkText, chunkDone),
		streamOf("\n", `data: {"choices":[{"delta":{}}],"usage":{"prompt_tokens":3}}`),
		streamOf("\n", "event: x\n"+chunkUsage),
		streamOf("\n", `data: {"usage":{},"choices":null}`),
		streamOf("\n", `data: {"usage":{}}`),
		streamOf("\n", `data: {"choices":[],"usage":{}`),
		streamOf("\n", chunkUsage+"\ndata: more"),
		"data: {\"choices\":",
		"\n\n\r\r",
		"{}",
	} {
		for n := 1; n <= len(s); n++ {
			if got := removeIn(s, n); got != s {
				t.Fatalf("%q in pieces of %d became %q", s, n, got)
			}
		}
	}
}

func TestAnotherEventIsNotHeldBack(t *testing.T) {
	t.Parallel()
	var u usageRemover
	for _, piece := range []string{`data: {"choices":[{`, `"delta":{}`, `}]}`, "\n\n"} {
		if got := string(u.write([]byte(piece))); got != piece {
			t.Errorf("write(%q) = %q, want all of it", piece, got)
		}
	}
}

// FuzzAskForUsage holds that removing what was added gives the client's own bytes, and that the rest is untouched.
func FuzzAskForUsage(f *testing.F) {
	for _, s := range []string{`{"stream":true}`, `{"stream":true,"stream_options":{"a":1}}`, `{"stream_options":null,"stream":true}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		asked, ok := askForUsage(body)
		if !ok {
			return
		}
		if !gjson.ValidBytes(asked) || gjson.GetBytes(asked, "stream_options.include_usage").Type != gjson.True {
			t.Fatalf("%q became %q", body, asked)
		}
		if again, ok := askForUsage(asked); ok {
			t.Fatalf("%q was asked twice: %q", body, again)
		}
	})
}

// FuzzUsageRemover holds that any split gives the same, that a stream without the event keeps its bytes, and that putting
// the event into a stream and taking it out again is nothing.
func FuzzUsageRemover(f *testing.F) {
	f.Add(streamOf("\n", chunkText, chunkDone), uint8(1), uint8(3))
	f.Add(streamOf("\r\n", chunkAzure, chunkText), uint8(0), uint8(50))
	f.Fuzz(func(t *testing.T, s string, at, n uint8) {
		whole := removeIn(s, len(s)+1)
		if got := removeIn(s, int(n)+1); got != whole {
			t.Fatalf("%q in pieces of %d gave %q, whole %q", s, n, got, whole)
		}
		if whole != s || strings.Contains(s, "\r") {
			return
		}
		events := strings.SplitAfter(s, "\n\n")
		i := int(at) % len(events)
		before, after := strings.Join(events[:i], ""), strings.Join(events[i:], "")
		if !strings.HasSuffix(before, "\n\n") && before != "" || strings.HasPrefix(after, "\n") || strings.HasSuffix(before, "\n\n\n") {
			return // the event would not stand between two others
		}
		if got := removeIn(before+chunkUsage+"\n\n"+after, int(n)+1); got != s {
			t.Fatalf("the event put at %d of %q left %q", len(before), s, got)
		}
	})
}
