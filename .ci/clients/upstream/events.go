package upstream

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"regexp"
	"slices"
)

var endOfEvent = regexp.MustCompile(`(\r\n|\n|\r)(\r\n|\n|\r)`)

// events cuts a body into the pieces that the upstream sends one by one. Together they are the body.
func events(body []byte, f framing) [][]byte {
	var pieces [][]byte
	for len(body) > 0 {
		n := eventLength(body, f)
		pieces, body = append(pieces, body[:n]), body[n:]
	}
	return pieces
}

func eventLength(body []byte, f framing) int {
	switch f {
	case blankLine:
		if end := endOfEvent.FindIndex(body); end != nil {
			return end[1]
		}
	case line:
		if i := bytes.IndexByte(body, '\n'); i >= 0 {
			return i + 1
		}
	case lengthPrefix:
		if len(body) >= 4 {
			return min(len(body), max(4, int(binary.BigEndian.Uint32(body))))
		}
	}
	return len(body)
}

func reportsUsageApart(events [][]byte) bool {
	i := slices.IndexFunc(events, isUsageOnly)
	return i >= 0 && i < len(events)-1
}

// endsInsideEvent reports whether the last of server-sent events breaks off.
func endsInsideEvent(events [][]byte) bool {
	if len(events) == 0 {
		return false
	}
	data, ok := bytes.CutPrefix(events[len(events)-1], []byte("data: "))
	return ok && !bytes.ContainsAny(data, "\r\n") && !json.Valid(data) && string(data) != "[DONE]"
}

// isUsageOnly reports whether an event is the one that an OpenAI-style stream has only if the request asked for usage.
func isUsageOnly(event []byte) bool {
	data, ok := bytes.CutPrefix(event, []byte("data:"))
	var chunk struct {
		Choices []json.RawMessage `json:"choices"`
		Usage   map[string]any    `json:"usage"`
	}
	return ok && json.Unmarshal(data, &chunk) == nil && chunk.Choices != nil && len(chunk.Choices) == 0 && chunk.Usage != nil
}
