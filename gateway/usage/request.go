package usage

import (
	"bytes"
	"io"
	"mime/multipart"
	"strings"

	"github.com/tidwall/gjson"
)

// maxFormValue bounds a field of a multipart body, in bytes: model names are short.
const maxFormValue = 256

// RequestText is a member of a request's body: of a JSON object by its path, as in "model" or "setup.model", of the first
// object of a JSON array, or a field of a multipart form. The body may be cut; what is not whole in it is not there. Empty
// if there is none.
func RequestText(body []byte, path string) string {
	return requestMember(body, path).text()
}

func requestMember(body []byte, path string) value {
	body = bytes.TrimLeft(body, "\ufeff \t\r\n")
	switch {
	case len(body) == 0:
		return value{}
	case body[0] == '{':
		return wholeMember(view(body), path)
	case body[0] == '[': // the messages of a WebSocket client, as recordings keep them
		return wholeMember(view(body), "0."+path)
	case bytes.HasPrefix(body, []byte("--")):
		return formField(body, path)
	}
	return value{}
}

// wholeMember reads a member of JSON that may be cut: a value that the end of the text could have shortened is not there.
func wholeMember(json, path string) value {
	r := gjson.Get(json, path)
	end := r.Index + len(r.Raw)
	if r.Type == gjson.String && !strings.HasSuffix(r.Raw[min(1, len(r.Raw)):], `"`) {
		return value{}
	}
	if r.Type == gjson.Number && end >= len(json) {
		return value{}
	}
	v := scalarOf(r)
	v.s = strings.Clone(v.s)
	return v
}

// formField reads a field of a multipart/form-data body (RFC 7578), whose first line is its boundary.
func formField(body []byte, name string) value {
	line, _, ok := bytes.Cut(body, []byte("\r\n"))
	if !ok || len(line) > 72 { // RFC 2046 allows a boundary of 70
		return value{}
	}
	parts := multipart.NewReader(bytes.NewReader(body), string(line[2:]))
	for range 32 {
		part, err := parts.NextRawPart()
		if err != nil {
			return value{}
		}
		if part.FormName() != name || part.FileName() != "" {
			continue
		}
		content, err := io.ReadAll(io.LimitReader(part, maxFormValue))
		if err != nil || len(content) == 0 {
			return value{}
		}
		return ofText(string(content))
	}
	return value{}
}
