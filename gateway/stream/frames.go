package stream

import "encoding/binary"

// Frames follows one direction of a WebSocket connection from frame to frame, whatever they hold: so that somebody who has not
// written them knows where one of his own may stand. The zero value is at the beginning.
type Frames struct {
	head   [maxWSHead]byte // of the frame at hand, as far as it is there
	known  int             // bytes of it
	left   uint64          // bytes of the frame's payload that are to come
	closed bool
}

// Write takes the next bytes of the connection. It does not keep p.
func (f *Frames) Write(p []byte) {
	for len(p) > 0 {
		if f.left > 0 {
			n := min(f.left, uint64(len(p)))
			f.left -= n
			p = p[n:]
			continue
		}
		before := f.known
		f.known += copy(f.head[before:], p)
		frame, n := parseWSFrame(f.head[:f.known])
		if n == 0 {
			return
		}
		p = p[n-before:]
		f.known, f.left = 0, frame.size
		f.closed = f.closed || frame.opcode == opClose
	}
}

// Between reports whether a frame may follow: the last one is whole, and it was no close frame.
func (f *Frames) Between() bool { return f.known == 0 && f.left == 0 && !f.closed }

// CloseFrame is a close frame with a code and a reason of up to 123 bytes, as a server sends it (RFC 6455, section 5.5.1).
func CloseFrame(code uint16, reason string) []byte {
	frame := []byte{0x80 | opClose, byte(2 + len(reason))}
	return append(binary.BigEndian.AppendUint16(frame, code), reason...)
}

// MaskedCloseFrame is CloseFrame as a client sends it. The mask is any four bytes that the server cannot foresee.
func MaskedCloseFrame(code uint16, reason string, mask [4]byte) []byte {
	plain := CloseFrame(code, reason)
	frame := append([]byte{plain[0], 0x80 | plain[1]}, mask[:]...)
	for i, b := range plain[2:] {
		frame = append(frame, b^mask[i%4])
	}
	return frame
}
