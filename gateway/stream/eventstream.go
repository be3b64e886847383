package stream

import (
	"encoding/binary"
	"hash/crc32"
)

// frameDecoder reads application/vnd.amazon.eventstream: frames of a prelude (lengths of the frame and of its headers,
// and their checksum), headers, a payload, and a checksum over all of it
// (https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html). A frame whose checksum is wrong is
// dropped; where a prelude is wrong, no later frame can be found.
type frameDecoder struct {
	emit    func(Event)
	part    framePart
	left    int    // bytes of the part that are to come
	head    []byte // the frame so far, without its payload
	size    int    // of the frame's payload
	sum     uint32 // over the frame so far
	header  frameHeader
	payload unwrapper
	names   names
}

type framePart uint8

const (
	framePrelude framePart = iota
	frameHeaders
	framePayload
	frameChecksum
	frameBroken
)

const (
	preludeSize     = 12
	checksumSize    = 4
	maxFrame        = 16 << 20  // as AWS limits them
	maxFrameHeaders = 128 << 10 // as AWS limits them
)

func (d *frameDecoder) Write(p []byte) {
	for len(p) > 0 && d.part != frameBroken {
		n := min(d.left, len(p))
		d.take(p[:n])
		p, d.left = p[n:], d.left-n
		for d.left == 0 && d.part != frameBroken {
			d.next()
		}
	}
}

func (d *frameDecoder) Close() {
	if d.part != frameBroken && (d.part != framePrelude || len(d.head) > 0) {
		d.breakOff()
	}
}

func (d *frameDecoder) Dropped() int { return d.payload.data.dropped }

// take is the next piece of the part at hand.
func (d *frameDecoder) take(p []byte) {
	if d.part != frameChecksum {
		d.sum = crc32.Update(d.sum, crc32.IEEETable, p)
	}
	if d.part == framePayload {
		d.payload.write(p)
		return
	}
	d.head = append(d.head, p...)
}

// next looks at the part that is whole now, and begins the one that follows.
func (d *frameDecoder) next() {
	switch d.part {
	case framePrelude:
		d.prelude()
	case frameHeaders:
		header, ok := parseFrameHeader(d.head[preludeSize:])
		if !ok {
			d.breakOff()
			return
		}
		d.header = header
		d.begin(framePayload, d.size)
	case framePayload:
		d.begin(frameChecksum, checksumSize)
	case frameChecksum:
		d.hand()
		d.payload.reset()
		d.sum = 0
		d.head = d.head[:0]
		d.begin(framePrelude, preludeSize)
	}
}

func (d *frameDecoder) begin(part framePart, size int) { d.part, d.left = part, size }

// prelude checks the lengths before anything is kept for them. The checksum proves no good will: a length below the
// least one would become a huge one by subtraction.
func (d *frameDecoder) prelude() {
	total := int64(binary.BigEndian.Uint32(d.head))
	headers := int64(binary.BigEndian.Uint32(d.head[4:]))
	size := total - preludeSize - headers - checksumSize
	sum := crc32.ChecksumIEEE(d.head[:8])
	if sum != binary.BigEndian.Uint32(d.head[8:]) || total > maxFrame || headers > maxFrameHeaders || size < 0 {
		d.breakOff()
		return
	}
	d.size = int(size)
	d.begin(frameHeaders, int(headers))
}

// hand hands on the frame, if its checksum is right.
func (d *frameDecoder) hand() {
	if binary.BigEndian.Uint32(d.head[len(d.head)-checksumSize:]) != d.sum {
		d.payload.data.dropped++
		return
	}
	e, ok := d.payload.event()
	if !ok {
		return
	}
	e.Name, e.Exception = d.names.text(d.header.name()), d.header.exception()
	d.emit(e)
}

// breakOff gives the frame at hand up, and all behind it.
func (d *frameDecoder) breakOff() {
	d.part = frameBroken
	d.payload.data.dropped++
}

// frameHeader is what a decoder needs of a frame's headers. The slices lie in the headers.
type frameHeader struct {
	eventType, messageType, exceptionType, errorCode []byte
}

// exception tells whether the frame is an error: one of the service's model, or one without any.
func (h *frameHeader) exception() bool {
	return string(h.messageType) == "exception" || string(h.messageType) == "error"
}

func (h *frameHeader) name() []byte {
	name := h.eventType
	switch string(h.messageType) {
	case "exception":
		name = h.exceptionType
	case "error":
		name = h.errorCode
	}
	return name[:min(len(name), maxName)]
}

func (h *frameHeader) set(name string, value []byte) {
	switch name {
	case ":event-type":
		h.eventType = value
	case ":message-type":
		h.messageType = value
	case ":exception-type":
		h.exceptionType = value
	case ":error-code":
		h.errorCode = value
	}
}

// parseFrameHeader reads the headers of a frame, and whether they are well formed.
func parseFrameHeader(p []byte) (h frameHeader, ok bool) {
	for len(p) > 0 {
		n := 1 + int(p[0])
		if len(p) < n+1 {
			return h, false
		}
		name, kind, rest := p[1:n], p[n], p[n+1:]
		skip, size, ok := headerValue(kind, rest)
		if !ok || len(rest) < skip+size {
			return h, false
		}
		if kind == textHeader {
			h.set(string(name), rest[skip:skip+size])
		}
		p = rest[skip+size:]
	}
	return h, true
}

const textHeader = 7 // the only type of the headers that are of use here

// headerValue is where the value of a header of this type begins in p, and how long it is.
func headerValue(kind byte, p []byte) (skip, size int, ok bool) {
	switch kind {
	case 0, 1: // true, false
		return 0, 0, true
	case 2: // byte
		return 0, 1, true
	case 3: // 16 bits
		return 0, 2, true
	case 4: // 32 bits
		return 0, 4, true
	case 5, 8: // 64 bits, time
		return 0, 8, true
	case 9: // UUID
		return 0, 16, true
	case 6, textHeader: // bytes, text
		if len(p) < 2 {
			return 0, 0, false
		}
		return 2, int(binary.BigEndian.Uint16(p)), true
	}
	return 0, 0, false
}
