package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

// message is a raw HTTP message as curl -i shows it. It is read leniently: header lines end in LF or CRLF, the body runs
// to the end and is taken as it is.
type message struct {
	start  string // the request or status line
	header http.Header
	body   []byte
}

// parseMessage reads a message. Interim answers (1xx) before the final one are skipped; 101 is final.
func parseMessage(data []byte) (message, error) {
	for {
		m, err := parseOne(data)
		if err != nil || !m.interim() {
			return m, err
		}
		data = m.body
	}
}

func parseOne(data []byte) (message, error) {
	m := message{header: http.Header{}}
	m.start, data = cutLine(data)
	if strings.TrimSpace(m.start) == "" {
		return m, errors.New("the first line is empty")
	}
	for number := 2; len(data) > 0; number++ {
		var line string
		line, data = cutLine(data)
		if line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return m, fmt.Errorf("line %d is no header field: %q", number, line)
		}
		m.header.Add(textproto.TrimString(name), textproto.TrimString(value))
	}
	m.body = data
	return m, nil
}

// cutLine is the first line without its end, and what follows it.
func cutLine(data []byte) (string, []byte) {
	line, rest, _ := bytes.Cut(data, []byte("\n"))
	return string(bytes.TrimSuffix(line, []byte("\r"))), rest
}

func (m message) interim() bool {
	status, err := m.status()
	return err == nil && status < 200 && status != http.StatusSwitchingProtocols
}

// status is that of an answer; an error if the message is none.
func (m message) status() (int, error) {
	version, rest, _ := strings.Cut(m.start, " ")
	code, _, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	status, err := strconv.Atoi(code)
	if err != nil || !strings.HasPrefix(version, "HTTP/") || status < 100 || status > 999 {
		return 0, fmt.Errorf("the first line is no status line: %q", m.start)
	}
	return status, nil
}

// request is the method, host and target of a request; an error if the message is none. The target of an absolute form
// names the host too.
func (m message) request() (method, host, target string, err error) {
	fields := strings.Fields(m.start)
	if len(fields) >= 2 {
		method, host, target = fields[0], m.header.Get("Host"), fields[1]
	}
	if _, after, absolute := strings.Cut(target, "://"); absolute && !strings.HasPrefix(target, "/") {
		var path string
		host, path, _ = strings.Cut(after, "/")
		target = "/" + path
	}
	if !strings.HasPrefix(target, "/") {
		return "", "", "", fmt.Errorf("the first line is no request line: %q", m.start)
	}
	return method, host, target, nil
}
