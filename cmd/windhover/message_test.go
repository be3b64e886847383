package main

import (
	"net/http"
	"reflect"
	"testing"
)

func TestParseMessageIsLenient(t *testing.T) {
	t.Parallel()
	header := http.Header{"Content-Type": {"text/plain"}, "X-Two": {"a", "b"}}
	for _, c := range []struct{ name, text, start, body string }{
		{"CRLF", "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nX-Two: a\r\nx-two:b\r\n\r\nbody\r\n\r\nmore", "HTTP/1.1 200 OK", "body\r\n\r\nmore"},
		{"LF", "HTTP/2 200\ncontent-type:text/plain \nx-two: a\nx-two: b\n\nbody\n", "HTTP/2 200", "body\n"},
		{"no body", "HTTP/1.1 200 OK\ncontent-type: text/plain\nx-two: a\nx-two: b\n", "HTTP/1.1 200 OK", ""},
		{"behind interim answers", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nx-two: a\r\nx-two: b\r\n\r\nbody", "HTTP/1.1 200 OK", "body"},
		{"an upgrade", "HTTP/1.1 101 Switching Protocols\r\ncontent-type: text/plain\r\nx-two: a\r\nx-two: b\r\n\r\n{}\n{}\n", "HTTP/1.1 101 Switching Protocols", "{}\n{}\n"},
	} {
		got, err := parseMessage([]byte(c.text))
		if err != nil {
			t.Errorf("%s: parseMessage() = %v", c.name, err)
			continue
		}
		if got.start != c.start || string(got.body) != c.body || !reflect.DeepEqual(got.header, header) {
			t.Errorf("%s: parseMessage() = %q, %v, %q, want %q, %v, %q", c.name, got.start, got.header, got.body, c.start, header, c.body)
		}
	}
}

func TestParseMessageRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                      "the first line is empty",
		"\n\nbody":                              "the first line is empty",
		"HTTP/1.1 200 OK\nno colon\n\n":         `line 2 is no header field: "no colon"`,
		"HTTP/1.1 200 OK\na: b\n folded: c\n\n": `line 3 is no header field: " folded: c"`,
	} {
		if _, err := parseMessage([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("parseMessage(%q) = %v, want %s", text, err, want)
		}
	}
}

func TestMessageKnowsItsStartLine(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"POST /v1/x?a=b HTTP/1.1": "POST example.com /v1/x?a=b",
		"GET /":                   "GET example.com /",
		"GET https://api.example.com/v1 HTTP/1.1": "GET api.example.com /v1",
		"GET /?u=https://other.example HTTP/1.1":  "GET example.com /?u=https://other.example",
		"HTTP/1.1 200 OK":                         `the first line is no request line: "HTTP/1.1 200 OK"`,
		"GET":                                     `the first line is no request line: "GET"`,
	} {
		m := message{start: line, header: http.Header{"Host": {"example.com"}}}
		method, host, target, err := m.request()
		got := method + " " + host + " " + target
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("request() of %q = %q, want %q", line, got, want)
		}
	}
	for line, want := range map[string]int{"HTTP/1.1 200 OK": 200, "HTTP/2 429": 429, "HTTP/1.1 99 x": 0, "GET / HTTP/1.1": 0, "HTTP/1.1": 0} {
		if got, _ := (message{start: line}).status(); got != want {
			t.Errorf("status() of %q = %d, want %d", line, got, want)
		}
	}
}

func FuzzMessage(f *testing.F) {
	f.Add([]byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\na: b\r\n\r\nbody"))
	f.Add([]byte("POST /v1/x HTTP/1.1\nHost: example.com\n\n{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseMessage(data)
		if err != nil {
			return
		}
		if len(m.body) > len(data) {
			t.Errorf("the body has %d bytes, want at most the message's %d", len(m.body), len(data))
		}
		_, _, _, requestErr := m.request()
		if _, err := m.status(); err == nil && requestErr == nil {
			t.Errorf("%q is both a status line and a request line", m.start)
		}
	})
}
