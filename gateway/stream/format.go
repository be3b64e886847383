package stream

import "strings"

// Format is how a body is framed.
type Format uint8

// The formats.
const (
	JSON        Format = iota // one value; the elements of a top-level array are events of their own
	SSE                       // server-sent events
	NDJSON                    // a JSON value a line
	EventStream               // application/vnd.amazon.eventstream
)

// String is the format's name, as rules write it.
func (f Format) String() string {
	switch f {
	case SSE:
		return "sse"
	case NDJSON:
		return "ndjson"
	case EventStream:
		return "eventstream"
	default:
		return "json"
	}
}

// FormatNamed is the format that String calls name, and whether there is one.
func FormatNamed(name string) (Format, bool) {
	for _, f := range []Format{JSON, SSE, NDJSON, EventStream} {
		if f.String() == name {
			return f, true
		}
	}
	return JSON, false
}

// Stream tells the formats that are made of many events from a single body.
func (f Format) Stream() bool { return f != JSON }

// FormatOf is the format that a Content-Type announces, and whether it is one that can hold usage at all: audio,
// images and other binary data do not. A missing type and any text is tried as JSON.
func FormatOf(contentType string) (Format, bool) {
	t := mediaType(contentType)
	switch t {
	case "text/event-stream":
		return SSE, true
	case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonl",
		"application/jsonlines", "application/x-jsonlines", "application/json-lines",
		"application/stream+json", "text/x-ndjson", "text/jsonl":
		return NDJSON, true
	case "application/vnd.amazon.eventstream":
		return EventStream, true
	case "":
		return JSON, true
	}
	return JSON, strings.HasPrefix(t, "text/") || strings.HasSuffix(t, "+json") || strings.HasSuffix(t, "/json")
}

// mediaType is the type without its parameters, in lower case. They are not parsed: what is wrong with them (a stray one,
// say) does not change the type.
func mediaType(contentType string) string {
	t, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(t))
}
