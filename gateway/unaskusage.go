package gateway

import (
	"bytes"

	"github.com/tidwall/gjson"
)

// maxHeldEvent bounds what usageRemover holds back, in bytes. The added event is some hundred bytes long.
const maxHeldEvent = 64 << 10

// usageRemover passes a stream of server-sent events on, less the one that asking for usage has added: an empty `choices`
// beside a `usage` object. Bytes are held back only while they can still be that event.
type usageRemover struct {
	held    []byte // the beginning of an event
	passing bool   // the event is another one: its rest goes on as it comes
	removed bool   // there is one such event in a stream: all that follows goes on

	inLine  bool // the line has begun
	cr      bool // the last byte was a CR, which an LF may complete
	between bool // the last byte ended an event
}

// write returns what goes on after p has come. It works in p's memory, and the result is valid until the next call.
func (u *usageRemover) write(p []byte) []byte {
	if u.removed {
		return u.behindRemoved(p)
	}
	begin, start := 0, len(u.held) // of the event, and of what was not looked at
	switch {
	case start > 0:
		p = append(u.held, p...)
		u.held = nil
	case u.lateLF(p):
		begin, start = 1, 1
	}
	for begin < len(p) {
		n := u.eventEnd(p[start:])
		u.between = n > 0 && start+n == len(p)
		if n < 0 {
			return u.hold(p, begin)
		}
		end := start + n
		if !u.passing && isAddedUsage(p[begin:end]) {
			u.removed = true
			return append(p[:begin], p[end:]...)
		}
		u.passing = false
		begin, start = end, end
	}
	return p
}

// behindRemoved lets everything go on, but for the rest of a line end that was cut in two.
func (u *usageRemover) behindRemoved(p []byte) []byte {
	if u.lateLF(p) {
		p = p[1:]
	}
	u.between = u.between && len(p) == 0
	return p
}

// lateLF takes note of an LF that belongs to the CR with which the last event ended.
func (u *usageRemover) lateLF(p []byte) bool {
	late := u.between && u.cr && len(p) > 0 && p[0] == '\n'
	if late {
		u.cr = false
	}
	return late
}

// hold keeps the unfinished event p[begin:] back if it can still be the added one.
func (u *usageRemover) hold(p []byte, begin int) []byte {
	u.passing = u.passing || len(p)-begin > maxHeldEvent || !canBeAddedUsage(p[begin:])
	if u.passing {
		return p
	}
	u.held = append(u.held, p[begin:]...)
	return p[:begin]
}

// rest is what was held back when the stream ended.
func (u *usageRemover) rest() []byte {
	held := u.held
	u.held = nil
	if isAddedUsage(held) {
		return nil
	}
	return held
}

// eventEnd is the offset behind the blank line that ends the event, or -1 if p ends first. Lines end with LF, CRLF or CR,
// also when that comes in two pieces.
func (u *usageRemover) eventEnd(p []byte) int {
	for i := 0; i < len(p); {
		switch c := p[i]; {
		case c == '\n' && u.cr: // of a CRLF
			u.cr = false
			i++
		case c == '\n' || c == '\r':
			i++
			u.cr = c == '\r'
			if u.inLine {
				u.inLine = false
				continue
			}
			if u.cr && i < len(p) && p[i] == '\n' {
				u.cr = false
				i++
			}
			return i
		default:
			u.cr, u.inLine = false, true
			i += lineLength(p[i:])
		}
	}
	return -1
}

// lineLength is how many bytes come before the line's end.
func lineLength(p []byte) int {
	n := bytes.IndexByte(p, '\n')
	if n < 0 {
		n = len(p)
	}
	if cr := bytes.IndexByte(p[:n], '\r'); cr >= 0 {
		return cr
	}
	return n
}

var (
	choicesKey = []byte(`"choices"`)
	usageKey   = []byte(`"usage"`)
	dataField  = []byte("data:")
)

// canBeAddedUsage reports whether nothing in the event, which may be unfinished, shows that it is another one.
func canBeAddedUsage(event []byte) bool {
	i := bytes.Index(event, choicesKey)
	if i < 0 {
		return true
	}
	rest := skipSpace(event[i+len(choicesKey):])
	for _, c := range []byte(":[]") {
		if len(rest) == 0 {
			return true
		}
		if rest[0] != c {
			return false
		}
		rest = skipSpace(rest[1:])
	}
	return true
}

func skipSpace(p []byte) []byte { return bytes.TrimLeft(p, " \t") }

// isAddedUsage reports whether a whole event is the one that asking for usage adds.
func isAddedUsage(event []byte) bool {
	if !bytes.Contains(event, usageKey) || !canBeAddedUsage(event) {
		return false
	}
	line := bytes.TrimLeft(event, "\r\n")
	data, ok := bytes.CutPrefix(line[:lineLength(line)], dataField)
	if !ok || len(bytes.TrimSpace(line[lineLength(line):])) > 0 || !gjson.ValidBytes(data) {
		return false // something else stands in the event too
	}
	chunk := gjson.ParseBytes(data)
	choices := chunk.Get("choices")
	return choices.IsArray() && len(choices.Array()) == 0 && chunk.Get("usage").IsObject()
}
