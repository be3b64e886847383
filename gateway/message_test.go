package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// message is a request or an answer as it stood on the wire, less what the framing of one connection adds.
type message struct {
	line     string   // request line or status line
	fields   []string // `name: value`, the name in lower case; sorted by name, those of one name in their order
	body     string   // without the marks of chunks
	trailers []string // as fields
	framing  string   // `length`, `chunked`, `none` (the connection's end, or no body)
	ended    bool     // the framing says that nothing is missing
}

// parseMessage reads the first message of raw. An informational answer is one of its own; rest is what follows it.
func parseMessage(t testing.TB, raw string) (m message, rest string) {
	t.Helper()
	head, rest, ok := strings.Cut(raw, "\r\n\r\n")
	if !ok {
		t.Fatalf("%q has no end of a header", raw)
	}
	lines := strings.Split(head, "\r\n")
	m.line, m.fields, m.framing = lines[0], foldNames(lines[1:]), "none"
	switch {
	case strings.HasPrefix(m.line, "HTTP/1.1 1"):
		return m, rest
	case slices.Contains(m.fields, "transfer-encoding: chunked"):
		m.framing = "chunked"
		m.body, m.trailers, rest, m.ended = unchunk(t, rest)
		return m, rest
	}
	if length, err := strconv.Atoi(m.value("content-length")); err == nil {
		m.framing = "length"
		m.ended = len(rest) >= length
		m.body, rest = rest[:min(length, len(rest))], rest[min(length, len(rest)):]
		return m, rest
	}
	m.body = rest
	return m, ""
}

// foldNames gives header lines names in lower case, sorted by name.
func foldNames(lines []string) []string {
	var fields []string
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		fields = append(fields, strings.ToLower(name)+": "+textproto.TrimString(value))
	}
	slices.SortStableFunc(fields, func(a, b string) int {
		nameA, _, _ := strings.Cut(a, ":")
		nameB, _, _ := strings.Cut(b, ":")
		return strings.Compare(nameA, nameB)
	})
	return fields
}

// unchunk reads a chunked body (RFC 9112, section 7.1). ended is false where the last chunk is missing.
func unchunk(t testing.TB, raw string) (body string, trailers []string, rest string, ended bool) {
	t.Helper()
	for {
		line, after, ok := strings.Cut(raw, "\r\n")
		if !ok {
			return body, nil, "", false
		}
		size, err := strconv.ParseInt(line, 16, 64)
		if err != nil {
			t.Fatalf("chunk size %q", line)
		}
		if size == 0 {
			if rest, ok := strings.CutPrefix(after, "\r\n"); ok {
				return body, nil, rest, true
			}
			lines, rest, ok := strings.Cut(after, "\r\n\r\n")
			return body, foldNames(strings.Split(lines, "\r\n")), rest, ok
		}
		if int(size) > len(after) {
			return body + after, nil, "", false
		}
		body += after[:size]
		raw = strings.TrimPrefix(after[size:], "\r\n")
	}
}

// value is the first one of a name in lower case.
func (m message) value(name string) string {
	for _, f := range m.fields {
		if value, ok := strings.CutPrefix(f, name+": "); ok {
			return value
		}
	}
	return ""
}

// status is the code of an answer.
func (m message) status() string {
	_, after, _ := strings.Cut(m.line, " ")
	code, _, _ := strings.Cut(after, " ")
	return code
}

// without is the fields less those of some names.
func (m message) without(names ...string) []string {
	return slices.DeleteFunc(slices.Clone(m.fields), func(f string) bool {
		name, _, _ := strings.Cut(f, ":")
		return slices.Contains(names, name)
	})
}

// ofHop are the fields that belong to one connection, and those that a gateway must write: where it sends to, and who it is.
var ofHop = []string{"connection", "content-length", "transfer-encoding", "trailer", "host", "x-windhover-request-id"}

// endToEndFields are the fields that a gateway has to leave as they are.
func (m message) endToEndFields() []string { return m.without(ofHop...) }

// ask sends a raw request, which must end its connection, and parses the answer.
func (s *started) ask(t testing.TB, request string) message {
	t.Helper()
	m, rest := parseMessage(t, s.talk(t, request))
	if rest != "" {
		t.Errorf("%q follows the answer", rest)
	}
	return m
}

// lastRequest is the newest request that reached the wire.
func (w *wire) lastRequest(t testing.TB) message {
	t.Helper()
	all := w.received()
	if len(all) == 0 {
		t.Fatal("nothing reached the upstream")
	}
	m, _ := parseMessage(t, all[len(all)-1])
	return m
}

// answeringOnce is a wire that sends the bytes, one write each, as the answer to the first request of a connection, and closes it.
func answeringOnce(t testing.TB, writes ...string) *wire {
	return newWire(t, func(w *wire, c net.Conn, r *bufio.Reader) {
		if w.read(r) != nil {
			return
		}
		for _, bytes := range writes {
			if _, err := io.WriteString(c, bytes); err != nil {
				return
			}
		}
	})
}

// chunked is a body in chunks of n bytes, without the last one.
func chunked(body string, n int) []string {
	var chunks []string
	for len(body) > 0 {
		k := min(n, len(body))
		chunks = append(chunks, fmt.Sprintf("%x\r\n%s\r\n", k, body[:k]))
		body = body[k:]
	}
	return chunks
}

// eventually polls what no signal announces.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not after 10 s", what)
		}
	}
}
