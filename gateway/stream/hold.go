package stream

import (
	"bytes"
	"sync"
	"unicode/utf8"
)

// hold gathers the data of one event: as it is up to the limit, beyond it through the projection, and without a
// projection not at all, or its beginning alone. It is used again for the next event, and so are its buffers.
type hold struct {
	limit      int
	head       bool        // of what is larger, keep the beginning
	projection *Projection // may be nil
	projector  *Projector  // made when the first event grew too large

	buf     []byte              // what came so far, while it is below the limit
	pooled  bool                // buf is lent from a pool, and given back by release
	lent    *[DefaultLimit]byte // what buf lies in, if it is
	size    int                 // how many bytes were written
	large   bool                // size went over the limit
	dropped int
}

func newHold(o Options) hold {
	if o.Limit <= 0 {
		o.Limit = DefaultLimit
	}
	return hold{limit: o.Limit, head: o.Head, projection: o.Project}
}

// write takes the next piece of the event's data.
func (h *hold) write(p []byte) {
	h.size += len(p)
	if !h.large && h.size <= h.limit {
		h.room()
		h.buf = append(h.buf, p...)
		return
	}
	if h.head {
		h.large = true
		h.buf = append(h.buf, p[:min(len(p), h.limit-len(h.buf))]...)
		return
	}
	if h.projection == nil {
		h.large = true
		return
	}
	if !h.large {
		h.large = true
		if h.projector == nil {
			h.projector = h.projection.New()
		}
		h.projector.Write(h.buf)
	}
	h.projector.Write(p)
}

// fits tells whether p, as the whole data of an event, would be handed on as it is.
func (h *hold) fits(p []byte) bool { return h.size == 0 && len(p) <= h.limit }

// event is what write gathered, and whether it can be handed on; it is counted if not.
func (h *hold) event() (e Event, ok bool) {
	if !h.large {
		return Event{Data: h.buf}, true
	}
	if h.head {
		return Event{Data: h.buf, Cut: true}, true
	}
	if h.projector == nil || !h.projector.Valid() || h.projector.Overflow() {
		h.dropped++
		return Event{}, false
	}
	return Event{Data: h.projector.Bytes(), Cut: true}, true
}

// mayBeJSON tells data that is worth a look from binary data such as audio.
func (h *hold) mayBeJSON() bool {
	if h.large {
		return h.projector == nil || h.projector.Valid()
	}
	return mayBeJSON(h.buf)
}

// reset forgets the event.
func (h *hold) reset() {
	if h.large && h.projector != nil {
		h.projector.Reset()
	}
	h.buf, h.size, h.large = h.buf[:0], 0, false
}

// holds are the buffers of JSON bodies, as large as the usual limit, so that they never grow. A stream's events mostly lie in
// one piece, and its buffer for the others lives as long as the stream does: it is as small as they are.
var holds = sync.Pool{New: func() any { return new([DefaultLimit]byte) }}

// room gives the first bytes of the first event a buffer.
func (h *hold) room() {
	if h.pooled && h.lent == nil && h.limit <= DefaultLimit {
		h.lent = holds.Get().(*[DefaultLimit]byte)
		h.buf = h.lent[:0]
	}
}

// release gives the buffer back. What was handed on from it is no longer valid, and nothing may be written any more.
func (h *hold) release() {
	if h.lent != nil {
		holds.Put(h.lent)
		h.lent, h.buf = nil, nil
	}
	h.projector = nil
}

// bom takes a UTF-8 byte order mark away from the start of a body. What only begins like one goes with it: it is no text.
type bom struct {
	seen int // how many of its bytes were there
	past bool
}

func (b *bom) strip(p []byte) []byte {
	const mark = "\xef\xbb\xbf"
	for !b.past && len(p) > 0 {
		if p[0] != mark[b.seen] {
			b.past = true
			break
		}
		p, b.seen = p[1:], b.seen+1
		b.past = b.seen == len(mark)
	}
	return p
}

// trimSpace is p from its first byte that is not JSON white space.
func trimSpace(p []byte) []byte { return bytes.TrimLeft(p, " \t\r\n") }

// mayBeJSON reports whether p begins like an object or array and is UTF-8: samples of audio hardly ever are.
func mayBeJSON(p []byte) bool {
	start := trimSpace(p)
	return len(start) > 0 && (start[0] == '{' || start[0] == '[') && utf8.Valid(p)
}
