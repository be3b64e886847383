package upstream

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// message is a raw HTTP message as a case holds it: the body runs to the end of the file.
type message struct {
	start  []string // the words of the first line
	header http.Header
	body   []byte
}

func parseMessage(data []byte) (message, error) {
	line, rest := cutLine(data)
	m := message{start: strings.Fields(line), header: http.Header{}}
	if len(m.start) < 2 {
		return m, fmt.Errorf("the first line is %q", line)
	}
	for len(rest) > 0 {
		line, rest = cutLine(rest)
		if line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return m, fmt.Errorf("%q is no header field", line)
		}
		m.header.Add(name, strings.TrimSpace(value))
	}
	m.body = rest
	return m, nil
}

func cutLine(data []byte) (line string, rest []byte) {
	before, rest, _ := bytes.Cut(data, []byte("\n"))
	return string(bytes.TrimSuffix(before, []byte("\r"))), rest
}

func (m message) status() (int, error) { return strconv.Atoi(m.start[1]) }
