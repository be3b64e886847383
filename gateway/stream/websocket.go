package stream

import (
	"encoding/binary"
	"errors"
)

// WebSocket reads one direction of a WebSocket connection (RFC 6455): its text messages are events, and so are binary
// ones that hold JSON, as Gemini Live sends it; audio is not. Where a frame breaks the protocol, no later one can be found.
type WebSocket struct {
	emit    func(Event)
	message hold
	deflate *inflater // nil unless permessage-deflate was negotiated

	head  []byte // of the frame at hand, as far as it is there
	frame wsFrame
	left  uint64 // bytes of the frame's payload that are to come
	key   int    // where in the frame's mask its next byte is
	body  bool   // the frame's head was there, its payload is to come

	open       bool // a message has begun
	binary     bool // the message is not said to be text
	compressed bool // the message is
	control    []byte
	code       int
	err        error
	scratch    [512]byte // payload without its mask
}

// WebSocketOptions say how the messages of a connection are sent, and bound what reading them costs.
type WebSocketOptions struct {
	Options
	// Extensions are the Sec-WebSocket-Extensions headers of the server's answer. Known is permessage-deflate (RFC 7692).
	Extensions []string
	// Budget is shared by all connections that are read at a time. nil: no bounds.
	Budget *Budget
}

// What WebSocket.Err reports, besides data that cannot be decompressed, ErrTruncated, ErrOutput, ErrRatio and ErrMemory.
var (
	ErrUnknownExtension = errors.New("unknown WebSocket extension")
	ErrFrame            = errors.New("WebSocket frame that breaks the protocol")
)

// CloseNoStatus is the code of a close frame that has none (RFC 6455, section 7.4.1).
const CloseNoStatus = 1005

// NewWebSocket reads a direction of a connection and calls emit for each message. Where an extension is not known, nothing is
// read, and Err says so. Close must be called.
func NewWebSocket(emit func(Event), o WebSocketOptions) *WebSocket {
	d := &WebSocket{emit: emit, message: newHold(o.Options), head: make([]byte, 0, maxWSHead)}
	compressed, err := negotiatedDeflate(o.Extensions)
	d.err = err
	if compressed {
		d.deflate = newInflater(d.message.write, o.Budget)
	}
	return d
}

// Write takes the next bytes of the connection. It does not keep p.
func (d *WebSocket) Write(p []byte) {
	for len(p) > 0 && d.err == nil && d.code == 0 {
		if d.body {
			p = d.payload(p)
		} else {
			p = d.begin(p)
		}
	}
}

// Close says that the connection has ended.
func (d *WebSocket) Close() {
	if d.open || d.Inside() {
		d.message.dropped++
	}
	if d.Inside() {
		d.err = ErrTruncated
	}
	d.release()
}

// Dropped counts the messages that could not be handed on, as Decoder has it.
func (d *WebSocket) Dropped() int { return d.message.dropped }

// Err is why the connection cannot be read any further: nil while it can, and ErrTruncated where it ended inside a
// message. What came out before is good.
func (d *WebSocket) Err() error { return d.err }

// CloseCode is what the close frame said, or CloseNoStatus; 0 if there was none. Nothing is read behind it.
func (d *WebSocket) CloseCode() int { return d.code }

// Inside reports whether a message or a frame has begun, and its end is still to come.
func (d *WebSocket) Inside() bool {
	return d.code == 0 && (d.open || d.body || len(d.head) > 0)
}

// begin takes the head of a frame and returns the rest of p.
func (d *WebSocket) begin(p []byte) []byte {
	before := len(d.head)
	d.head = append(d.head, p[:min(len(p), maxWSHead-before)]...)
	frame, n := parseWSFrame(d.head)
	if n == 0 {
		return nil
	}
	d.head = d.head[:0]
	p = p[n-before:]
	if !d.accept(frame) {
		d.breakOff(ErrFrame)
		return nil
	}
	if d.whole(p) {
		d.hand(Event{Data: p[:frame.size]})
		d.open = false
		return p[frame.size:]
	}
	d.left, d.key, d.body = frame.size, 0, true
	if d.left == 0 {
		d.endFrame()
	}
	return p
}

// accept takes a frame as the next one, and tells whether the protocol allows that.
func (d *WebSocket) accept(f wsFrame) bool {
	d.frame = f
	switch {
	case f.reserved, f.compressed && d.deflate == nil:
		return false
	case f.starts():
		if d.open {
			return false
		}
		d.open, d.binary, d.compressed = true, f.opcode == opBinary, f.compressed
		return true
	case f.opcode == opContinuation:
		return d.open && !f.compressed
	case f.control():
		d.control = d.control[:0]
		return f.final && !f.compressed && f.size <= maxControl
	}
	return false
}

// whole reports whether p begins with all of a message, as it can be handed on without a copy.
func (d *WebSocket) whole(p []byte) bool {
	f := &d.frame
	return f.final && f.starts() && !f.compressed && !f.masked &&
		f.size <= uint64(len(p)) && d.message.fits(p[:f.size])
}

// payload takes what p holds of the frame's payload and returns the rest.
func (d *WebSocket) payload(p []byte) []byte {
	n := int(min(d.left, uint64(len(p))))
	if d.frame.masked {
		d.unmask(p[:n])
	} else {
		d.data(p[:n])
	}
	if d.left -= uint64(n); d.left == 0 {
		d.endFrame()
	}
	return p[n:]
}

// unmask takes the mask off, a piece at a time, because p must stay as it is.
func (d *WebSocket) unmask(p []byte) {
	for len(p) > 0 {
		n := min(len(p), len(d.scratch))
		for i, c := range p[:n] {
			d.scratch[i] = c ^ d.frame.mask[(d.key+i)%4]
		}
		d.data(d.scratch[:n])
		p, d.key = p[n:], (d.key+n)%4
	}
}

// data takes a piece of the payload without its mask.
func (d *WebSocket) data(p []byte) {
	switch {
	case d.frame.control():
		d.control = append(d.control, p...)
	case d.compressed:
		d.inflated(d.deflate.write(p))
	default:
		d.message.write(p)
	}
}

// inflated ends the reading if the message could not be decompressed.
func (d *WebSocket) inflated(err error) {
	if err != nil && d.err == nil {
		d.breakOff(err)
	}
}

func (d *WebSocket) endFrame() {
	d.body = false
	switch {
	case d.err != nil:
	case d.frame.opcode == opClose:
		d.close()
	case d.frame.final && !d.frame.control():
		d.endMessage()
	}
}

// endMessage hands on the message that is whole now.
func (d *WebSocket) endMessage() {
	d.open = false
	if d.compressed {
		d.inflated(d.deflate.endMessage())
	}
	if d.err != nil {
		return
	}
	if d.binary && !d.message.mayBeJSON() {
		d.message.reset()
		return
	}
	if e, ok := d.message.event(); ok {
		d.emit(e)
	}
	d.message.reset()
}

// hand hands on a message from where it lies.
func (d *WebSocket) hand(e Event) {
	if !d.binary || mayBeJSON(e.Data) {
		d.emit(e)
	}
}

// close takes the close frame, the last one of its direction.
func (d *WebSocket) close() {
	d.code = CloseNoStatus
	if len(d.control) >= 2 {
		d.code = int(binary.BigEndian.Uint16(d.control))
	}
	d.release()
}

// breakOff gives the message at hand up, and all behind it.
func (d *WebSocket) breakOff(err error) {
	d.err = err
	d.open, d.body = false, false
	d.message.dropped++
	d.release()
}

func (d *WebSocket) release() {
	if d.deflate != nil {
		d.deflate.close()
	}
}
