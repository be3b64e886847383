package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"windhover/gateway/usage"
)

// noteHeader says in a message what is left out of its body.
const noteHeader = "X-Windhover-Recorded"

// write lays a case into a folder of its own, without what must not be shown. The folder appears when the case is whole.
func (r *recorder) write(x *recordedExchange, record *usage.Record) (string, error) {
	path, request, err := r.request(x)
	if err != nil {
		return "", err
	}
	above := filepath.Join(r.options.dir, r.options.provider)
	if err := os.MkdirAll(above, 0o755); err != nil {
		return "", fmt.Errorf("make the provider's folder: %w", err)
	}
	making, err := os.MkdirTemp(above, ".case-")
	if err != nil {
		return "", fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(making) // which is not there any more if all went well
	if err := os.Chmod(making, 0o755); err != nil {
		return "", fmt.Errorf("make a folder: %w", err)
	}
	for name, message := range map[string][]byte{requestFile: request, responseFile: r.response(x)} {
		if err := os.WriteFile(filepath.Join(making, name), message, 0o644); err != nil {
			return "", fmt.Errorf("write message: %w", err)
		}
	}
	if err := r.expect(making, record); err != nil {
		return "", err
	}
	return moveToFree(making, filepath.Join(above, caseName(path, x.status)))
}

// request is the client's request as the provider got it, but for what is left out, and its path.
func (r *recorder) request(x *recordedExchange) (path string, message []byte, err error) {
	explained, err := r.snapshot.Explain(x.method, x.target)
	if err != nil {
		return "", nil, fmt.Errorf("find where the request went: %w", err)
	}
	u, err := url.Parse(explained.URL)
	if err != nil {
		return "", nil, fmt.Errorf("read where the request went: %w", err)
	}
	host, path, _ := strings.Cut(redactAddress(u.Host+u.EscapedPath(), explained.Params), "/")
	path = "/" + path
	target := path
	if query := redactQuery(u.RawQuery); query != "" {
		target += "?" + query
	}
	header := redactHeader(x.requestHeader)
	header.Set("Host", host)
	body, note := redactBody(x.requestHeader, x.requestBody.bytes(), filler{keepText: r.options.keepText})
	return path, writeMessage(fmt.Sprintf("%s %s HTTP/1.1", x.method, target), header, body, note), nil
}

func (r *recorder) response(x *recordedExchange) []byte {
	body, note := redactBody(x.header, x.body.bytes(), filler{keepText: r.options.keepText, answer: true})
	line := fmt.Sprintf("HTTP/1.1 %d %s", x.status, http.StatusText(x.status))
	return writeMessage(strings.TrimSpace(line), redactHeader(x.header), body, note)
}

func writeMessage(line string, header http.Header, body []byte, note string) []byte {
	if note != "" {
		header.Set(noteHeader, note)
	}
	var out bytes.Buffer
	out.WriteString(line + "\r\n")
	_ = header.Write(&out) // a buffer takes everything
	out.WriteString("\r\n")
	out.Write(body)
	return out.Bytes()
}

// expect writes what the gateway has read: all numbers, and those texts that the case still holds.
func (r *recorder) expect(dir string, record *usage.Record) error {
	c, err := readCase(r.snapshot, r.options.provider, filesOf(dir))
	if err != nil {
		return fmt.Errorf("read the case: %w", err)
	}
	still, _ := c.whole()
	e := expected{}
	for field := range usage.Fields() {
		value := reported(&record.Usage, field)
		if value == nil || field == usage.ResponseID || !field.Number() && still.Text(field) != value {
			continue
		}
		e[field] = value
	}
	return writeExpected(dir, e)
}

var words = regexp.MustCompile(`[A-Za-z_-]+`)

// caseName is made of the last two segments of a written path that are words, and of the status of an error.
func caseName(path string, status int) string {
	var segments []string
	for segment := range strings.SplitSeq(path, "/") {
		if segment != removed && len(segment) <= 24 && words.FindString(segment) == segment && segment != "" {
			segments = append(segments, strings.ToLower(strings.ReplaceAll(segment, "_", "-")))
		}
	}
	name := strings.Join(segments[max(len(segments)-2, 0):], "-")
	if name == "" {
		name = "case"
	}
	if status >= http.StatusBadRequest {
		name += fmt.Sprintf("-error-%d", status)
	}
	return name
}

// moveToFree gives a folder the name, with the first number behind it that is free.
func moveToFree(from, name string) (string, error) {
	for n := 1; ; n++ {
		to := fmt.Sprintf("%s-%d", name, n)
		if _, err := os.Lstat(to); err == nil {
			continue
		}
		err := os.Rename(from, to)
		switch {
		case err == nil:
			return to, nil
		case !errors.Is(err, fs.ErrExist):
			return "", fmt.Errorf("name the folder: %w", err)
		}
	}
}
