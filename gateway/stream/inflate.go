package stream

import (
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
)

// negotiatedDeflate reads the Sec-WebSocket-Extensions headers of an answer: whether messages may be compressed
// (RFC 7692). The error is ErrUnknownExtension where anything else was agreed on.
func negotiatedDeflate(headers []string) (bool, error) {
	found := false
	for extension := range strings.SplitSeq(strings.ToLower(strings.Join(headers, ",")), ",") {
		name, parameters, _ := strings.Cut(extension, ";")
		switch name = strings.TrimSpace(name); {
		case name == "" && parameters == "":
		case name != "permessage-deflate", found:
			return false, fmt.Errorf("%w %.40q", ErrUnknownExtension, name)
		default:
			found = true
			if err := knownParameters(parameters); err != nil {
				return false, err
			}
		}
	}
	return found, nil
}

// knownParameters accepts those of RFC 7692. Reading depends on none: what is sent without context takeover or in a
// smaller window just refers to less of what was before.
func knownParameters(parameters string) error {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, _, _ := strings.Cut(parameter, "=")
		switch name = strings.TrimSpace(name); name {
		case "", "server_no_context_takeover", "client_no_context_takeover", "server_max_window_bits", "client_max_window_bits":
		default:
			return fmt.Errorf("%w parameter %.40q", ErrUnknownExtension, name)
		}
	}
	return nil
}

// inflater decompresses the messages of one direction, which are one deflate stream. Like Content it is a coroutine in
// the goroutine that writes, and what a write completes comes out of it.
type inflater struct {
	next   func([]byte)
	budget *Budget

	resume func() (struct{}, bool) // runs the coroutine until it wants more input; nil before the first message
	stop   func()

	input  []byte // what the coroutine has not taken yet
	window []byte // what came out last, from its start to at: later data refers to up to 32 KiB of it
	at     int
	tail   [4]byte // what a sender leaves out at the end of each message

	in, out int64 // bytes of the connection
	message int64 // bytes of the message at hand, decompressed
	finals  int   // how often the stream was ended in it
	taken   bool  // of the budget
	closed  bool
	err     error
}

const (
	flateWindow     = 32 << 10
	messageBuffer   = 16 << 10
	inflaterMemory  = flateMemory + flateWindow + messageBuffer
	maxMessage      = defaultOutput // bytes of a message, decompressed
	maxStreamEnds   = 16            // in a message; there is one if the sender cannot flush
	deflateTailSize = 4
)

var errStreamEnds = errors.New("message made of too many deflate streams")

func newInflater(next func([]byte), budget *Budget) *inflater {
	return &inflater{next: next, budget: budget, tail: [deflateTailSize]byte{0, 0, 0xff, 0xff}}
}

// write decompresses the next piece of a message. The error is for good.
func (f *inflater) write(p []byte) error {
	if f.err != nil || len(p) == 0 || f.closed {
		return f.err
	}
	if f.resume == nil && !f.start() {
		return f.err
	}
	f.in += int64(len(p))
	f.input = p
	if _, waits := f.resume(); !waits {
		f.close()
	}
	f.input = nil
	return f.err
}

// endMessage brings out what is left of the message.
func (f *inflater) endMessage() error {
	err := f.write(f.tail[:])
	f.message, f.finals = 0, 0
	return err
}

// close gives all memory back. Nothing can be decompressed after it.
func (f *inflater) close() {
	if f.closed {
		return
	}
	f.closed = true
	if f.stop != nil {
		f.stop()
	}
	if f.taken {
		f.budget.Give(inflaterMemory)
	}
	f.window = nil
}

func (f *inflater) start() bool {
	if f.taken = f.budget.Take(inflaterMemory); !f.taken {
		f.err = ErrMemory
		return false
	}
	f.window = make([]byte, flateWindow+messageBuffer)
	f.resume, f.stop = iter.Pull(f.run)
	return true
}

// run is the coroutine.
func (f *inflater) run(yield func(struct{}) bool) {
	input := deflated{f, yield}
	r := flate.NewReader(input)
	for f.err == nil {
		n, err := r.Read(f.window[f.at:])
		f.bring(n)
		switch {
		case f.err != nil || err == nil:
		case err == io.EOF && f.finals < maxStreamEnds: // a stream's end is not the message's (RFC 7692, section 7.2.3.4)
			f.finals++
			f.err = r.(flate.Resetter).Reset(input, f.window[max(0, f.at-flateWindow):f.at])
		case err == io.EOF:
			f.err = errStreamEnds
		case f.closed:
			return
		default:
			f.err = fmt.Errorf("decompress message: %w", err)
		}
	}
}

// bring hands on n bytes that came into the window.
func (f *inflater) bring(n int) {
	f.out += int64(n)
	f.message += int64(n)
	switch {
	case f.message > maxMessage:
		f.err = ErrOutput
		return
	case f.out > freeOutput && f.out/maxRatio > f.in:
		f.err = ErrRatio
		return
	}
	f.next(f.window[f.at : f.at+n])
	if f.at += n; f.at == len(f.window) {
		f.at = copy(f.window, f.window[f.at-flateWindow:])
	}
}

// deflated is what the decompressor reads: the input as it is written. Because it can be read byte by byte, no byte
// behind the end of a stream is taken.
type deflated struct {
	inflater *inflater
	yield    func(struct{}) bool
}

func (d deflated) ReadByte() (byte, error) {
	if !d.more() {
		return 0, io.EOF
	}
	f := d.inflater
	c := f.input[0]
	f.input = f.input[1:]
	return c, nil
}

func (d deflated) Read(b []byte) (int, error) {
	if !d.more() {
		return 0, io.EOF
	}
	f := d.inflater
	n := copy(b, f.input)
	f.input = f.input[n:]
	return n, nil
}

// more gives control back to write where the input is used up, and goes on when there is more.
func (d deflated) more() bool {
	for len(d.inflater.input) == 0 {
		if d.inflater.closed || !d.yield(struct{}{}) {
			return false
		}
	}
	return true
}
