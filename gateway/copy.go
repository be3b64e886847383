package gateway

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// bufferSizes are the sizes of copy buffers, in bytes. A stream holds one while it waits for its next event, so that thousands of
// open streams had better hold small ones. What fills its buffer gets the next size for the next read.
var bufferSizes = [...]int{1 << 10, 4 << 10, 32 << 10}

// bufferPools hold buffers that nobody uses, of each size.
var bufferPools [len(bufferSizes)]sync.Pool

// calmReads is after how many reads in a row that a smallest buffer could have held a stream gets one again.
const calmReads = 8

// buffer is a copy buffer that is taken from a pool and given back.
type buffer struct {
	size int // the number of its size
	room *[]byte
	kept bool // it has the right size
	calm int  // how many reads in a row a smallest one could have held
}

// takeBuffer is a buffer for an answer of that Content-Length; -1 if it is not known.
func takeBuffer(length int64) buffer {
	size := 0
	for size < len(bufferSizes)-1 && length > int64(bufferSizes[size]) {
		size++
	}
	return buffer{size: size, room: takeRoom(size), kept: length >= 0}
}

func takeRoom(size int) *[]byte {
	if room, ok := bufferPools[size].Get().(*[]byte); ok {
		return room
	}
	room := make([]byte, bufferSizes[size])
	return &room
}

func (b *buffer) bytes() []byte { return *b.room }

// fit makes it the buffer for the next read, after one of n bytes.
func (b *buffer) fit(n int) {
	if b.kept {
		return
	}
	if b.calm++; n > bufferSizes[0] {
		b.calm = 0
	}
	switch {
	case n == bufferSizes[b.size] && b.size < len(bufferSizes)-1:
		b.change(b.size + 1)
	case b.calm >= calmReads && b.size > 0:
		b.change(0)
	}
}

func (b *buffer) change(size int) {
	b.give()
	b.size, b.room, b.calm = size, takeRoom(size), 0
}

func (b *buffer) give() { bufferPools[b.size].Put(b.room) }

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
