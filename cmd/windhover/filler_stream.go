package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
)

// sse fills the data of server-sent events; comments, identifiers and unknown fields are text. An event's lines are one
// payload, as JSON may stand on several.
func (f filler) sse(b []byte) {
	var data [][]byte
	for len(b) > 0 {
		line, rest := cutSSELine(b)
		b = rest
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case len(line) == 0:
			f.together(data)
			data = nil
		case string(bytes.TrimPrefix(name, []byte("\ufeff"))) == "data":
			data = append(data, value)
		case string(name) == "event", string(name) == "retry":
		case !f.keepText:
			fill(value)
		}
	}
	f.together(data)
}

// cutSSELine is the first line without its end, which is LF, CR or both, and what follows it.
func cutSSELine(b []byte) (line, rest []byte) {
	i := bytes.IndexAny(b, "\r\n")
	if i < 0 {
		return b, nil
	}
	line, rest = b[:i], b[i+1:]
	if b[i] == '\r' && len(rest) > 0 && rest[0] == '\n' {
		rest = rest[1:]
	}
	return line, rest
}

// together fills pieces that are one payload, with line breaks between them.
func (f filler) together(pieces [][]byte) {
	if len(pieces) == 0 {
		return
	}
	whole := bytes.Join(pieces, []byte("\n"))
	f.payload(whole)
	for _, piece := range pieces {
		copy(piece, whole)
		whole = whole[min(len(piece)+1, len(whole)):]
	}
}

// The framing of application/vnd.amazon.eventstream; see stream.EventStream.
const (
	framePrelude  = 12
	frameChecksum = 4
)

// eventStream fills the payloads of frames and makes their checksums anew, but only of frames whose checksum was right: a
// wrong one is what the recording shows. It reports whether all of the body is such frames.
func (f filler) eventStream(b []byte) bool {
	for len(b) > 0 {
		if len(b) < framePrelude+frameChecksum {
			return false
		}
		size, headers := int(binary.BigEndian.Uint32(b)), int(binary.BigEndian.Uint32(b[4:]))
		if size > len(b) || headers > size-framePrelude-frameChecksum || size < framePrelude+frameChecksum {
			return false
		}
		end := size - frameChecksum
		right := crc32.ChecksumIEEE(b[:end]) == binary.BigEndian.Uint32(b[end:])
		f.wrapped(b[framePrelude+headers : end])
		if right {
			binary.BigEndian.PutUint32(b[end:], crc32.ChecksumIEEE(b[:end]))
		}
		b = b[size:]
	}
	return true
}

const wrapper = `{"bytes":"`

// wrapped fills a frame's payload, and what stands as base64 in it.
func (f filler) wrapped(b []byte) {
	text, found := bytes.CutPrefix(b, []byte(wrapper))
	end := bytes.IndexByte(text, '"')
	if !found || end < 0 {
		f.payload(b)
		return
	}
	plain, err := base64.StdEncoding.AppendDecode(nil, text[:end])
	if err != nil {
		f.payload(b)
		return
	}
	f.payload(plain)
	base64.StdEncoding.Encode(text[:end], plain)
	f.within(text[end+1:], enclosure{object: true}) // the padding behind it
}
