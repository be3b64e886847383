package stream

import (
	"bytes"
	"encoding/base64"
)

// unwrapper gathers a frame's payload. Bedrock's invoke-with-response-stream wraps the model's own JSON as
// {"bytes":"<base64>"}: of that it gathers the JSON, without ever holding the base64.
type unwrapper struct {
	data  hold
	step  unwrapStep
	seen  int     // bytes of the wrapper's beginning that were there
	quad  [4]byte // base64 that waits for the rest of its four characters
	n     int     // how many wait
	bad   bool    // what stands there is no base64
	ended bool    // its padding was there
	plain []byte  // scratch
}

type unwrapStep uint8

const (
	unwrapPrefix unwrapStep = iota
	unwrapText
	unwrapNothing // the payload is no wrapper
	unwrapRest    // behind the text, where only padding follows
)

const wrapperStart = `{"bytes":"`

// write takes the next piece of the payload.
func (u *unwrapper) write(p []byte) {
	for u.step == unwrapPrefix && len(p) > 0 {
		if p[0] != wrapperStart[u.seen] {
			u.data.write([]byte(wrapperStart[:u.seen]))
			u.step = unwrapNothing
			break
		}
		p = p[1:]
		if u.seen++; u.seen == len(wrapperStart) {
			u.step = unwrapText
		}
	}
	switch u.step {
	case unwrapText:
		u.text(p)
	case unwrapNothing:
		u.data.write(p)
	}
}

// text takes the next piece of the base64.
func (u *unwrapper) text(p []byte) {
	if i := bytes.IndexByte(p, '"'); i >= 0 {
		p, u.step = p[:i], unwrapRest
	}
	for u.n > 0 && u.n < len(u.quad) && len(p) > 0 {
		u.quad[u.n] = p[0]
		p, u.n = p[1:], u.n+1
	}
	if u.n == len(u.quad) {
		u.decode(u.quad[:])
		u.n = 0
	}
	whole := len(p) &^ 3
	u.decode(p[:whole])
	if u.n == 0 {
		u.n = copy(u.quad[:], p[whole:])
	}
}

// decode takes whole groups of four characters. Line ends, which the base64 package skips, would shift the groups.
func (u *unwrapper) decode(p []byte) {
	if len(p) == 0 || u.bad {
		return
	}
	if u.ended || bytes.ContainsAny(p, "\r\n") {
		u.bad = true
		return
	}
	plain, err := base64.StdEncoding.AppendDecode(u.plain[:0], p)
	u.plain, u.bad, u.ended = plain, err != nil, p[len(p)-1] == '='
	u.data.write(plain)
}

// event is the payload, as hold.event has it. One that ends inside the wrapper, or with broken base64, is dropped.
func (u *unwrapper) event() (Event, bool) {
	switch {
	case u.step == unwrapPrefix && u.seen > 0:
		u.data.write([]byte(wrapperStart[:u.seen]))
	case u.step == unwrapText, u.bad, u.n > 0:
		u.data.dropped++
		return Event{}, false
	}
	return u.data.event()
}

func (u *unwrapper) reset() {
	u.data.reset()
	u.step, u.seen, u.n, u.bad, u.ended = unwrapPrefix, 0, 0, false, false
}
