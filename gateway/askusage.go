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
	if !bytes.Contains(body, []byte(`"stream"`)) {
		return nil, false // most requests that do not stream are known by the first look
	}
	if gjson.GetBytes(body, "stream_options.include_usage").Exists() {
		return nil, false // the client says itself what it wants
	}
	stream, options, once := wishes(gjson.ParseBytes(body))
	if stream.Type != gjson.True || !once || options.Type != gjson.Null && !options.IsObject() || !gjson.ValidBytes(body) {
		return nil, false
	}
	switch {
	case !options.Exists():
		return insertMember(body, bytes.LastIndexByte(body, '}'), askedOptions), true
	case options.Type == gjson.Null:
		return replace(body, options, `{"include_usage":true}`), true
	}
	end := options.Index + len(options.Raw) - 1
	return insertMember(body, end, `"include_usage":true`), true
}

// wishes are what a request says of streaming. once is false where one of the two keys stands more than once in the object:
// readers of JSON disagree on which counts.
func wishes(request gjson.Result) (stream, options gjson.Result, once bool) {
	once = request.IsObject()
	request.ForEach(func(key, value gjson.Result) bool {
		switch key.String() {
		case "stream":
			once = once && !stream.Exists()
			stream = value
		case "stream_options":
			once = once && !options.Exists()
			options = value
		}
		return once
	})
	return stream, options, once
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
