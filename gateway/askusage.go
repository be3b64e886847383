package gateway

import (
	"bytes"
	"strings"

	"github.com/tidwall/gjson"
)

// Streams in OpenAI's language report usage only when the request says `"stream_options":{"include_usage":true}`
// (https://platform.openai.com/docs/api-reference/chat/create). This file adds that to a request which says nothing about it, and
// takes the event that it adds to the answer out again.

// maxAskedBody is up to which size, in bytes, a request's body is read to be asked for usage.
const maxAskedBody = 1 << 20

const askedOptions = `"stream_options":{"include_usage":true}`

// asksForUsage reports whether usage can be asked for on this path of an OpenAI-style API.
func asksForUsage(path string) bool { return strings.HasSuffix(path, "/completions") }

// askForUsage is the body with the request for usage in it. Everything else keeps its bytes and its order, so that the
// provider's prompt cache sees no difference. ok is false for a body that is not streaming, that says already what it
// wants, or that cannot be understood with certainty: it is to be sent as it is.
func askForUsage(body []byte) (asked []byte, ok bool) {
	if !bytes.Contains(body, []byte(`"stream"`)) || !gjson.ValidBytes(body) {
		return nil, false // most requests that do not stream are known by the first look
	}
	request := gjson.ParseBytes(body)
	if !request.IsObject() || request.Get("stream").Type != gjson.True || ambiguous(request, "stream", "stream_options") {
		return nil, false
	}
	options := request.Get("stream_options")
	switch {
	case !options.Exists():
		return insertMember(body, bytes.LastIndexByte(body, '}'), askedOptions), true
	case options.Type == gjson.Null:
		return replace(body, options, `{"include_usage":true}`), true
	case !options.IsObject() || options.Get("include_usage").Exists() || ambiguous(options, "include_usage"):
		return nil, false
	}
	end := options.Index + len(options.Raw) - 1
	return insertMember(body, end, `"include_usage":true`), true
}

// ambiguous reports whether one of the keys stands more than once in the object: readers of JSON disagree on which counts.
func ambiguous(object gjson.Result, keys ...string) bool {
	seen := make(map[string]int, len(keys))
	object.ForEach(func(key, _ gjson.Result) bool {
		seen[key.String()]++
		return true
	})
	for _, key := range keys {
		if seen[key] > 1 {
			return true
		}
	}
	return false
}

// insertMember puts a member before the closing brace at end.
func insertMember(body []byte, end int, member string) []byte {
	if before := bytes.TrimRight(body[:end], " \t\r\n"); before[len(before)-1] != '{' {
		member = "," + member
	}
	out := make([]byte, 0, len(body)+len(member))
	out = append(out, body[:end]...)
	out = append(out, member...)
	return append(out, body[end:]...)
}

func replace(body []byte, old gjson.Result, with string) []byte {
	out := make([]byte, 0, len(body)+len(with))
	out = append(out, body[:old.Index]...)
	out = append(out, with...)
	return append(out, body[old.Index+len(old.Raw):]...)
}
