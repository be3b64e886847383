package stream

import "encoding/binary"

// wsFrame is a WebSocket frame as its head describes it (RFC 6455, section 5.2).
type wsFrame struct {
	opcode     byte
	final      bool // the message's last frame
	compressed bool // RSV1: the message is (RFC 7692, section 6)
	reserved   bool // RSV2 or RSV3, which no known extension uses
	masked     bool
	mask       [4]byte
	size       uint64 // of the payload
}

const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

const (
	maxWSHead  = 14  // bytes
	maxControl = 125 // bytes of a control frame's payload
)

// control tells the frames that may stand between those of a message.
func (f *wsFrame) control() bool {
	return f.opcode == opClose || f.opcode == opPing || f.opcode == opPong
}

// starts tells the frames that begin a message.
func (f *wsFrame) starts() bool { return f.opcode == opText || f.opcode == opBinary }

// parseWSFrame reads the head that p begins with, and how long it is: 0 while p does not hold all of it.
func parseWSFrame(p []byte) (f wsFrame, n int) {
	if len(p) < 2 {
		return f, 0
	}
	f.opcode, f.final = p[0]&0x0f, p[0]&0x80 != 0
	f.compressed, f.reserved = p[0]&0x40 != 0, p[0]&0x30 != 0
	f.masked, f.size = p[1]&0x80 != 0, uint64(p[1]&0x7f)
	n = 2
	switch extended := p[n:]; {
	case f.size == 126 && len(extended) >= 2:
		f.size, n = uint64(binary.BigEndian.Uint16(extended)), n+2
	case f.size == 127 && len(extended) >= 8:
		f.size, n = binary.BigEndian.Uint64(extended), n+8
		f.reserved = f.reserved || f.size>>63 != 0 // the highest bit must be 0
	case f.size >= 126:
		return f, 0
	}
	if !f.masked {
		return f, n
	}
	if len(p) < n+4 {
		return f, 0
	}
	copy(f.mask[:], p[n:])
	return f, n + 4
}
