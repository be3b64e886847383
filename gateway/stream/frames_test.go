package stream

import (
	"bytes"
	"testing"
)

// frameOf is a frame with a payload of that many bytes.
func frameOf(opcode byte, size int, masked bool) []byte {
	frame := []byte{0x80 | opcode}
	bit := byte(0)
	if masked {
		bit = 0x80
	}
	switch {
	case size < 126:
		frame = append(frame, bit|byte(size))
	case size < 1<<16:
		frame = append(frame, bit|126, byte(size>>8), byte(size))
	default:
		frame = append(frame, bit|127, 0, 0, 0, 0, byte(size>>24), byte(size>>16), byte(size>>8), byte(size))
	}
	if masked {
		frame = append(frame, 1, 2, 3, 4)
	}
	return append(frame, bytes.Repeat([]byte{0x88}, size)...)
}

func TestFramesKnowsWhereOneEnds(t *testing.T) {
	t.Parallel()
	ends := map[int]bool{0: true}
	var all []byte
	for _, size := range []int{0, 1, 125, 126, 65535, 65536, 0} {
		for _, masked := range []bool{false, true} {
			all = append(all, frameOf(opBinary, size, masked)...)
			ends[len(all)] = true
		}
	}
	for _, step := range []int{1, 7, 4096, len(all)} {
		var f Frames
		for at := 0; at < len(all); at += step {
			if f.Between() != ends[at] {
				t.Fatalf("in steps of %d: Between() at %d = %v, want %v", step, at, f.Between(), ends[at])
			}
			f.Write(all[at:min(at+step, len(all))])
		}
		if !f.Between() {
			t.Errorf("in steps of %d: Between() at the end = false, want true", step)
		}
	}
}

func TestNothingFollowsACloseFrame(t *testing.T) {
	t.Parallel()
	for name, frame := range map[string][]byte{
		"a server's": CloseFrame(1001, "bye"),
		"a client's": MaskedCloseFrame(1001, "bye", [4]byte{9, 8, 7, 6}),
	} {
		var f Frames
		f.Write(frame)
		if f.Between() {
			t.Errorf("Between() behind %s close frame = true, want false", name)
		}
		d := NewWebSocket(func(Event) {}, WebSocketOptions{})
		d.Write(frame)
		if d.CloseCode() != 1001 || string(d.control[2:]) != "bye" {
			t.Errorf("%s close frame says %d %q, want 1001 bye", name, d.CloseCode(), d.control)
		}
	}
}

// FuzzFrames holds that the end of a frame is found at the same place, however the bytes are cut.
func FuzzFrames(f *testing.F) {
	f.Add(frameOf(opText, 5, true), 3)
	f.Add(append(frameOf(opBinary, 300, false), CloseFrame(1000, "")...), 1)
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		var whole, parts Frames
		whole.Write(data)
		if cut < 1 {
			cut = 1
		}
		for rest := data; len(rest) > 0; rest = rest[min(cut, len(rest)):] {
			parts.Write(rest[:min(cut, len(rest))])
		}
		if whole.Between() != parts.Between() || whole.left != parts.left {
			t.Errorf("whole: %v, %d left; in parts: %v, %d left", whole.Between(), whole.left, parts.Between(), parts.left)
		}
	})
}
