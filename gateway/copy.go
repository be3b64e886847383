package gateway

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// The sizes of copy buffers, in bytes. A stream of small events is read as it arrives and needs no more than the small
// one, which keeps thousands of open streams cheap; what fills it gets the large one.
const (
	smallBuffer = 4 << 10
	largeBuffer = 32 << 10
)

var (
	smallBuffers = sync.Pool{New: func() any { return new([smallBuffer]byte) }}
	largeBuffers = sync.Pool{New: func() any { return new([largeBuffer]byte) }}
)

// buffer is a copy buffer that is taken from a pool and given back.
type buffer struct {
	small *[smallBuffer]byte
	large *[largeBuffer]byte
}

// takeBuffer is a buffer for an answer of that Content-Length; -1 if it is not known.
func takeBuffer(length int64) buffer {
	if length > smallBuffer {
		return buffer{large: largeBuffers.Get().(*[largeBuffer]byte)}
	}
	return buffer{small: smallBuffers.Get().(*[smallBuffer]byte)}
}

func (b buffer) bytes() []byte {
	if b.large != nil {
		return b.large[:]
	}
	return b.small[:]
}

// fit is the buffer for the next read after one of n bytes.
func (b buffer) fit(n int) buffer {
	if b.large != nil || n < smallBuffer {
		return b
	}
	b.give()
	return buffer{large: largeBuffers.Get().(*[largeBuffer]byte)}
}

func (b buffer) give() {
	if b.large != nil {
		largeBuffers.Put(b.large)
		return
	}
	smallBuffers.Put(b.small)
}

// How long an answer's header waits for the first bytes of the body, to go out with them in one packet. An upstream that says
// how long the body is has it. For such a one the longer time is as good, and a timer that is further away than others wakes
// no thread for its sake.
const (
	headerDelay      = time.Millisecond
	headerDelayKnown = 100 * time.Millisecond
)

func headerDelayOf(res *http.Response) time.Duration {
	if res.ContentLength >= 0 {
		return headerDelayKnown
	}
	return headerDelay
}

// headerFlush sends the header when the body does not follow at once.
type headerFlush struct {
	mu  sync.Mutex // held while the header is sent
	due bool       // the header was written, and nothing behind it
}

// send flushes the header, in the goroutine of the exchange's watch.
func (f *headerFlush) send(x *exchange) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.due {
		f.due = false
		_ = x.flush() // a client that is gone is noticed by the next write
	}
}

// set says whether the header is to be sent. Once it is not, the writer is the caller's alone.
func (f *headerFlush) set(due bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.due = due
}

// announceTrailers names the trailers that the upstream has announced.
func (x *exchange) announceTrailers(res *http.Response) {
	for name := range res.Trailer {
		x.w.Header().Add("Trailer", name)
	}
}

// sendTrailers sends what stood behind the body, announced or not. The prefix lets net/http send a name that it did not
// hear of before the body.
func (x *exchange) sendTrailers(res *http.Response) {
	h := x.w.Header()
	announced := h["Trailer"]
	for name, values := range res.Trailer {
		if !slices.Contains(announced, name) {
			name = http.TrailerPrefix + name
		}
		h[name] = values
	}
}
