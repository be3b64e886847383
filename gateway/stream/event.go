// Package stream cuts a response body into events.
//
// Everything here is push-style and runs in the caller's goroutine: bytes are written in as they arrive, in pieces of
// any size, and events come out as soon as their last byte is there. What is kept is bounded, and nothing a body holds
// can make a decoder fail, panic or wait.
package stream

// Event is one SSE event, NDJSON line, array element, event-stream frame or WebSocket message, or a whole JSON body.
type Event struct {
	// Name is what the framing calls the event: the SSE `event` field, or the frame's `:event-type` or
	// `:exception-type`. At most 256 bytes; empty where the framing gives none.
	Name string
	// Data is JSON or other text. It is valid only until emit returns, and must not be written to.
	Data []byte
	// Cut says that Data is the projection, or with Options.Head the beginning, of something larger than Options.Limit.
	Cut bool
	// Exception says that the frame was an error which the provider sent in place of an event.
	Exception bool
}

// Decoder cuts one body. It is not safe for concurrent use.
type Decoder interface {
	// Write takes the next piece of the body and hands on the events that end in it. It does not keep p.
	Write(p []byte)
	// Close says that the body has ended, and hands on what only the end could complete. Nothing may be written after it.
	Close()
	// Dropped counts the events that could not be handed on: larger than the limit and not projected, or cut off by
	// the end or by a framing error, after which nothing more can be read.
	Dropped() int
}

// DefaultLimit is how many bytes of an event are kept as they are, unless Options say otherwise. From about this size on
// a projection costs less than keeping, validating and searching the whole, and it keeps an open stream small.
const DefaultLimit = 4 << 10

// Options bound what a decoder keeps.
type Options struct {
	// Limit is the size in bytes up to which an event's data is handed on as it is. Default: DefaultLimit.
	Limit int
	// Project makes larger events small: they flow through it, and Event.Data is what it kept of them. nil: they are dropped.
	Project *Projection
	// Head hands on the first Limit bytes of larger events instead.
	Head bool
	// Spent is a decoder that was closed and is of no more use to anybody: its memory is used again where it fits. May be nil.
	Spent Decoder
}

// New is a decoder for a body in the format f that calls emit for each event.
func New(f Format, emit func(Event), o Options) Decoder {
	h := newHold(o)
	switch f {
	case SSE:
		d, ok := o.Spent.(*sseDecoder)
		if !ok {
			return &sseDecoder{emit: emit, data: h}
		}
		h.buf = d.data.buf[:0]
		*d = sseDecoder{emit: emit, data: h, head: d.head[:0], name: d.name[:0]}
		return d
	case NDJSON:
		return &lineDecoder{emit: emit, line: h}
	case EventStream:
		return &frameDecoder{emit: emit, payload: unwrapper{data: h}, left: preludeSize}
	default:
		h.pooled = true
		d, ok := o.Spent.(*jsonDecoder)
		if !ok {
			d = new(jsonDecoder)
		}
		*d = jsonDecoder{emit: emit, value: h}
		return d
	}
}
