package upstream

import (
	"bytes"
	"slices"
	"testing"
)

func TestBodyIsCutIntoItsEvents(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		body    string
		framing framing
		want    []string
	}{
		{"nothing", "", blankLine, nil},
		{"LF", "data: 1\n\ndata: 2\n\n", blankLine, []string{"data: 1\n\n", "data: 2\n\n"}},
		{"CRLF", "data: 1\r\n\r\ndata: 2", blankLine, []string{"data: 1\r\n\r\n", "data: 2"}},
		{"CR", "data: 1\r\rdata: 2\r\r", blankLine, []string{"data: 1\r\r", "data: 2\r\r"}},
		{"JSON lines", "{}\n{}\n{", line, []string{"{}\n", "{}\n", "{"}},
		{"frames", "\x00\x00\x00\x06ab\x00\x00\x00\x05c", lengthPrefix, []string{"\x00\x00\x00\x06ab", "\x00\x00\x00\x05c"}},
		{"a frame too long", "\x00\x00\x00\x09ab", lengthPrefix, []string{"\x00\x00\x00\x09ab"}},
		{"whole", "{\n\n}", wholeBody, []string{"{\n\n}"}},
	} {
		var got []string
		for _, piece := range events([]byte(test.body), test.framing) {
			got = append(got, string(piece))
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: events = %q, want %q", test.name, got, test.want)
		}
	}
}

func TestOnlyUsageBehindTheChoicesIsWithheld(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		event string
		want  bool
	}{
		{`data: {"choices":[],"usage":{"prompt_tokens":1}}`, true},
		{`data:{"usage":{},"choices":[]}`, true},
		{`data: {"choices":[{}],"usage":{"prompt_tokens":1}}`, false},
		{`data: {"choices":[],"usage":null}`, false},
		{`data: {"usage":{"prompt_tokens":1}}`, false},
		{`data: [DONE]`, false},
	} {
		if got := isUsageOnly([]byte(test.event + "\n\n")); got != test.want {
			t.Errorf("isUsageOnly(%s) = %v, want %v", test.event, got, test.want)
		}
	}
}

func FuzzEvents(f *testing.F) {
	f.Add([]byte("data: 1\r\n\r\ndata: 2\n\n"))
	f.Add([]byte("\x00\x00\x00\x00\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, body []byte) {
		for framing := wholeBody; framing <= lengthPrefix; framing++ {
			pieces := events(body, framing)
			if got := bytes.Join(pieces, nil); !bytes.Equal(got, body) {
				t.Errorf("framing %d: the events of %q are %q together", framing, body, got)
			}
			_ = endsInsideEvent(pieces)
			_ = reportsUsageApart(pieces)
		}
	})
}
