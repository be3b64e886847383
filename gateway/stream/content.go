package stream

import (
	"errors"
	"fmt"
	"io"
	"iter"
)

// Content takes the content codings off a copy of a body. What was flushed by the sender comes out of the Write that
// brought its last byte. The decoders pull their input; each runs as a coroutine in the goroutine that calls Write,
// so there is no queue, and nothing to wait for. It is not safe for concurrent use.
type Content struct {
	next    func([]byte)
	options ContentOptions
	codings []string // in the order in which they were applied

	resume func() (struct{}, bool) // runs the coroutine until it wants more input; nil without any coding
	stop   func()

	input  []byte // what the coroutine has not taken yet
	in     int64  // bytes written
	out    int64  // bytes decoded
	taken  int64  // of the budget
	ended  bool   // no input follows
	done   bool   // the coroutine has returned
	err    error
	closer []func()
}

// ContentOptions bound what a body may cost.
type ContentOptions struct {
	// Output is how many bytes a body may have when decoded. Default: 256 MiB, which leaves room for long streams: it
	// bounds work, not memory.
	Output int64
	// Budget is shared by all bodies that are decoded at a time. nil: no bounds.
	Budget *Budget
}

// What Content.Err and NewContent report, besides data that its decoder cannot read.
var (
	ErrUnknownCoding = errors.New("unknown content coding")
	ErrTruncated     = errors.New("body is cut off")
	ErrOutput        = errors.New("decoded body is too large")
	ErrRatio         = errors.New("decoded body is more than 1000 times as large as the encoded one")
	ErrMemory        = errors.New("memory for decoding is used up")
)

const (
	defaultOutput = 256 << 20
	maxRatio      = 1000
	freeOutput    = 1 << 20 // decoded bytes that no ratio is asked of: short bodies of white space are no attack
	contentBuffer = 16 << 10
)

// NewContent decodes a body with these Content-Encoding headers, in the header's order, and hands it to next, which
// must not keep what it is given. The error wraps ErrUnknownCoding where a coding is none of gzip, x-gzip, deflate,
// br, zstd and identity, or where there are more than two. Close must be called.
func NewContent(encodings []string, next func([]byte), o ContentOptions) (*Content, error) {
	codings, err := contentCodings(encodings)
	if err != nil {
		return nil, err
	}
	if o.Output <= 0 {
		o.Output = defaultOutput
	}
	c := &Content{next: next, options: o, codings: codings}
	if len(codings) > 0 {
		c.resume, c.stop = iter.Pull(c.run)
	}
	return c, nil
}

// Write decodes the next piece of the body. Where decoding has come to an end, for whatever reason, it does nothing.
// It does not keep p.
func (c *Content) Write(p []byte) {
	switch {
	case len(p) == 0:
	case c.resume == nil:
		c.next(p)
	case !c.done:
		c.in += int64(len(p))
		c.input = p
		c.proceed()
	}
}

// Close says that the body has ended, hands on what is left of it, and gives all memory back.
func (c *Content) Close() {
	if c.resume == nil || c.ended {
		return
	}
	defer c.release() // even if next panics
	c.ended = true
	c.proceed()
	c.stop()
}

// Err is why the body could not be decoded to its end: nil while it can. What came out before is good.
func (c *Content) Err() error { return c.err }

// proceed lets the coroutine run until it has used up its input. Once it has returned, its memory is of no more use.
func (c *Content) proceed() {
	if _, waits := c.resume(); !waits {
		c.done, c.input = true, nil
		c.release()
	}
}

func (c *Content) release() {
	for _, f := range c.closer {
		f()
	}
	c.closer = nil
	c.options.Budget.Give(c.taken)
	c.taken = 0
}

// run is the coroutine: it decodes the body from first to last. yield gives control back to Write.
func (c *Content) run(yield func(struct{}) bool) {
	r, err := c.open(source{c, yield})
	if err == nil {
		err = c.copy(r)
	}
	switch {
	case c.in == 0: // an empty body, whatever its header says, as some servers send it
	case errors.Is(err, io.ErrUnexpectedEOF):
		c.err = ErrTruncated
	default:
		c.err = err
	}
}

// open puts the decoders one behind the other: the coding applied last comes off first.
func (c *Content) open(r io.Reader) (io.Reader, error) {
	if err := c.take(contentBuffer); err != nil {
		return nil, err
	}
	for i := len(c.codings) - 1; i >= 0; i-- {
		var err error
		if r, err = c.openCoding(c.codings[i], r); err != nil {
			return nil, fmt.Errorf("open %s: %w", c.codings[i], err)
		}
	}
	return r, nil
}

func (c *Content) copy(r io.Reader) error {
	buf := make([]byte, contentBuffer)
	for idle := 0; idle < 100; idle++ {
		n, err := r.Read(buf)
		if n > 0 {
			idle = 0
			c.out += int64(n)
			if err := c.allowed(); err != nil {
				return err
			}
			c.next(buf[:n])
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("decode: %w", err)
		}
	}
	return io.ErrNoProgress
}

// allowed checks what has come out against what may.
func (c *Content) allowed() error {
	switch {
	case c.out > c.options.Output:
		return ErrOutput
	case c.out > freeOutput && c.out/maxRatio > c.in:
		return ErrRatio
	}
	return nil
}

// take takes memory from the budget until the body is decoded.
func (c *Content) take(n int64) error {
	if !c.options.Budget.Take(n) {
		return ErrMemory
	}
	c.taken += n
	return nil
}

// source is what the first decoder reads: the input as it is written.
type source struct {
	content *Content
	yield   func(struct{}) bool
}

// Read gives control back to Write where the input is used up, and goes on when there is more.
func (s source) Read(b []byte) (int, error) {
	c := s.content
	for len(c.input) == 0 {
		if c.ended || !s.yield(struct{}{}) {
			return 0, io.EOF
		}
	}
	n := copy(b, c.input)
	c.input = c.input[n:]
	return n, nil
}
