package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"windhover/gateway/stream"
)

// What is written about an exchange must be fit to be shown to strangers. So all that is not known to be harmless goes:
// headers and parameters are kept by name, never the other way round.

// removed stands where something was.
const removed = "removed"

// maxBinary is how much is kept of a body that is no text, in bytes.
const maxBinary = 4 << 10

// harmlessHeaders are kept as they are. Of all others only short numbers are, which rules may read.
var harmlessHeaders = setOf("Accept", "Content-Type", "Anthropic-Version", "Anthropic-Beta", "Openai-Version", "Openai-Beta", "Cartesia-Version",
	"X-Amzn-Bedrock-Service-Tier", "Dg-Model-Name", "X-Ms-Served-Model", "X-Goog-Api-Client", "X-Gemini-Service-Tier")

// droppedHeaders describe how a message was sent, which a file does not show.
var droppedHeaders = setOf("Content-Encoding", "Content-Length", "Transfer-Encoding", "Connection", "Host", "X-Windhover-Request-Id", "Trailer")

var shortNumber = regexp.MustCompile(`^[0-9]{1,12}(\.[0-9]{1,9})?$`)

// redactHeader is the header without what could tell who asked.
func redactHeader(h http.Header) http.Header {
	kept := http.Header{}
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if droppedHeaders[name] {
			continue
		}
		for _, value := range h[name] {
			if !harmlessHeaders[name] && (identifies(name) || !shortNumber.MatchString(value)) {
				value = removed
			}
			kept[name] = append(kept[name], value)
		}
	}
	return kept
}

// identifies reports whether even a number in a header of that name could tell who asked.
func identifies(name string) bool {
	return secretName(name) || strings.HasSuffix(name, "-Id") || strings.Contains(name, "Session") || strings.Contains(name, "User")
}

// harmlessParameters of a query are kept.
var harmlessParameters = setOf("alt", "api-version", "beta", "encoding", "format", "inline", "intent", "language", "model", "stream", "version")

// redactQuery is the query without the values that could be secrets.
func redactQuery(query string) string {
	if query == "" {
		return ""
	}
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		name, _, valued := strings.Cut(pair, "=")
		switch plain, err := url.QueryUnescape(name); {
		case err == nil && harmlessParameters[plain]:
		case valued && err == nil && wordlike.MatchString(plain):
			pairs[i] = name + "=" + removed
		default:
			pairs[i] = removed
		}
	}
	return strings.Join(pairs, "&")
}

// identifying are the path variables that name somebody.
var identifying = setOf("account", "gateway", "organization", "project", "resource", "tenant", "workspace")

// redactAddress is a host and path without the values of path variables that name somebody.
func redactAddress(address string, params map[string]string) string {
	for name, value := range params {
		if !identifying[name] {
			continue
		}
		whole := regexp.MustCompile(`(^|[/.])(` + regexp.QuoteMeta(value) + `|` + regexp.QuoteMeta(url.PathEscape(value)) + `)([/.]|$)`)
		address = whole.ReplaceAllString(address, "${1}"+removed+"${3}")
	}
	return address
}

// redactBody is a body with its texts replaced, without its content codings. The note says what is left out of it; empty: nothing.
func redactBody(header http.Header, body []byte, f filler) (kept []byte, note string) {
	body, err := decodeContent(header["Content-Encoding"], bytes.Clone(body))
	if err != nil {
		return cutBinary(body, f)
	}
	contentType := header.Get("Content-Type")
	media, params, _ := mime.ParseMediaType(contentType)
	if strings.HasPrefix(media, "multipart/") {
		return redactForm(body, params["boundary"], f)
	}
	format, _ := stream.FormatOf(contentType)
	switch {
	case format == stream.EventStream:
		if !f.eventStream(body) {
			return cutBinary(body, f)
		}
	case !utf8.Valid(body):
		return cutBinary(body, f)
	case format == stream.SSE:
		f.sse(body)
	case format == stream.NDJSON || media == "application/octet-stream":
		f.lines(body)
	default:
		f.payload(body)
	}
	return body, ""
}

// decodeContent takes the content codings off.
func decodeContent(encodings []string, body []byte) ([]byte, error) {
	if len(encodings) == 0 {
		return body, nil
	}
	var plain []byte
	content, err := stream.NewContent(encodings, func(p []byte) { plain = append(plain, p...) }, stream.ContentOptions{Output: maxRecorded})
	if err != nil {
		return body, err
	}
	content.Write(body)
	content.Close()
	return plain, content.Err()
}

// cutBinary keeps the beginning of a body that cannot be read as text. It may be somebody's voice: without keepText nothing of it is left.
func cutBinary(body []byte, f filler) ([]byte, string) {
	kept := bytes.Clone(body[:min(len(body), maxBinary)])
	if !f.keepText {
		for i := range kept {
			kept[i] = 'x'
		}
	}
	return kept, fmt.Sprintf("%d of %d bytes that are no text", len(kept), len(body))
}

// redactForm writes a multipart form anew: its fields are texts, of which the model is kept, and its files are cut.
func redactForm(body []byte, boundary string, f filler) ([]byte, string) {
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	if err := w.SetBoundary(boundary); err != nil {
		return cutBinary(body, f)
	}
	for parts := multipart.NewReader(bytes.NewReader(body), boundary); ; {
		part, err := parts.NextRawPart()
		if err != nil {
			break // the end, or the form is cut
		}
		content, _ := io.ReadAll(part) // as far as it is there
		if part.FileName() != "" {
			content, _ = cutBinary(content[:min(len(content), 64)], f)
		} else if secretName(part.FormName()) || !f.keepText && !(modelKeys[part.FormName()] && wordlike.Match(content)) {
			fill(content)
		}
		name := map[string]string{"name": part.FormName()}
		if part.FileName() != "" {
			name["filename"] = removed
		}
		field, err := w.CreatePart(map[string][]string{"Content-Disposition": {mime.FormatMediaType("form-data", name)}})
		if err != nil {
			break
		}
		_, _ = field.Write(content) // a buffer takes everything
	}
	_ = w.Close()
	return out.Bytes(), ""
}
