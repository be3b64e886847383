package gateway

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
	"sync"

	"windhover/gateway/usage"
)

// smallBody is up to which size, in bytes, a request's body is read before the request is sent. It then goes out in one
// write, can be sent again when a kept connection turns out to be dead, and is not lost with an answer that comes before it was read.
const smallBody = 64 << 10

// requestBody is the client's body on its way up: counted, and with its beginning kept for the rules that ask for it.
type requestBody struct {
	source io.Reader
	length int64            // -1: unknown
	hold   func(n int) bool // takes memory for n bytes to be kept
	first  func() error     // before the first byte is asked for
	last   func()           // when the end has been read, and with it the trailers; nil: nothing waits for that

	mu    sync.Mutex // the transport reads, the exchange asks
	all   []byte     // of a body that was read before it was sent
	head  []byte     // up to smallBody bytes
	n     int64
	limit int64 // of n; 0: none
	ended bool  // there is no more
	err   error // why it broke off

	asked    string // the model that it names
	searched bool   // asked is for good
}

// Read takes from the client, in the transport's goroutine. A body whose length is known ends with its last byte, so
// that nobody asks the client's connection for more when the exchange may be over.
func (b *requestBody) Read(p []byte) (int, error) {
	if b.first != nil {
		if err := b.first(); err != nil {
			return 0, err
		}
		b.first = nil
	}
	if b.whole() {
		return 0, io.EOF
	}
	n, err := b.source.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.n += int64(n)
	if b.limit > 0 && b.n > b.limit {
		b.err = errTooLarge
		return 0, b.err
	}
	b.keep(p[:n])
	switch {
	case err == io.EOF || b.n == b.length:
		b.ended = true
		if b.last != nil {
			b.last()
		}
		return n, io.EOF
	case err != nil:
		b.err = err
	}
	return n, err
}

// bound sets how many bytes there may be: what the provider takes that is about to be asked.
func (b *requestBody) bound(limit int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.limit = limit
}

// keep adds to the body's beginning what there is room for.
func (b *requestBody) keep(p []byte) {
	if room := min(smallBody-len(b.head), len(p)); room > 0 && b.hold(room) {
		b.head = append(b.head, p[:room]...)
	} else if room > 0 {
		b.hold = func(int) bool { return false } // a beginning with a hole in it is none
	}
}

// Close does nothing: net/http closes the client's body itself when the exchange is over, and while it is not, bytes may still be wanted.
func (b *requestBody) Close() error { return nil }

// readAll reads a body of known length to its end.
func (b *requestBody) readAll() ([]byte, error) {
	if b.kept() {
		return b.all, nil
	}
	body := make([]byte, b.length)
	n, err := io.ReadFull(b.source, body)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all, b.head, b.n, b.ended, b.err = body, body[:min(n, smallBody)], int64(n), err == nil, err
	return body, err
}

// kept reports whether the whole body is in memory. No body is not.
func (b *requestBody) kept() bool {
	if b == nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all != nil && b.ended
}

// again is the body for another try: only if nobody has taken a byte of it.
func (b *requestBody) again() (io.ReadCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.n > 0 || b.err != nil {
		return nil, errNotAgain
	}
	return b, nil
}

// errNotAgain stops a second try.
var errNotAgain = errors.New("the connection was lost when a part of the request's body was on its way")

func (b *requestBody) count() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.n
}

// whole reports whether the client has sent all of it. No body is whole.
func (b *requestBody) whole() bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ended
}

// failed is why the client's body broke off; nil if it did not.
func (b *requestBody) failed() error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// prefix is what was kept of the body so far. It must not be written to.
func (b *requestBody) prefix() []byte {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.head
}

// model is what the client asks for, as far as the body has come. Of a body that is whole it is looked for once.
func (b *requestBody) model() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.searched {
		b.asked, b.searched = usage.RequestText(b.head, "model"), b.ended
	}
	return b.asked
}

// attachBody gives out the client's body, framed as the client framed it.
func (x *exchange) attachBody(out *http.Request) *failure {
	r := x.r
	if r.ContentLength == 0 && len(r.TransferEncoding) == 0 {
		if r.Header["Content-Length"] != nil && r.Method != http.MethodGet && r.Method != http.MethodHead {
			out.Body, out.TransferEncoding = http.NoBody, []string{"identity"} // makes net/http write the Content-Length: 0 that the client wrote
		}
		return nil
	}
	if x.body == nil { // or else it is that of an attempt before
		x.takeBody(&requestBody{source: &uploading{Reader: r.Body, x: x}, length: r.ContentLength, hold: x.hold})
	}
	x.body.bound(x.maxBody())
	// net/http would wait a while for the first chunk of a GET or DELETE, and turn a body without any into none.
	out.ContentLength, out.TransferEncoding = r.ContentLength, r.TransferEncoding
	if x.mayAskForUsage() && (x.body.kept() || x.hold(2*int(r.ContentLength))) { // as it came, and as it goes on
		return x.attachAsked(out)
	}
	small := r.ContentLength > 0 && r.ContentLength <= x.provider.keeps && len(r.Trailer) == 0 && r.Header["Expect"] == nil
	if x.body.kept() || small && x.hold(int(r.ContentLength)) {
		return x.attachWhole(out)
	}
	if r.Header["Expect"] != nil {
		x.body.first = x.mayContinue
	}
	_ = x.client.EnableFullDuplex() // without it net/http closes the body when the answer begins; HTTP/2 needs none
	out.Body, out.Trailer, out.GetBody = x.body, x.trailers(), x.body.again
	return nil
}

// trailers are what will stand behind the body, less what a header would lose too. net/http fills in the client's when it has
// read the body's end.
func (x *exchange) trailers() http.Header {
	passing := func(from http.Header) http.Header {
		to := maps.Clone(from)
		maps.DeleteFunc(to, func(name string, _ []string) bool { return x.provider.request.drops(name) })
		return to
	}
	out := passing(x.r.Trailer)
	if len(out) > 0 {
		x.body.last = func() { maps.Copy(out, passing(x.r.Trailer)) }
	}
	return out
}

// takeBody makes the body known to those who may have to end a read of it.
func (x *exchange) takeBody(b *requestBody) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.body = b
}

// attachWhole reads the whole body. In memory, net/http sends it together with the header.
func (x *exchange) attachWhole(out *http.Request) *failure {
	x.clock.wait()
	body, err := x.body.readAll()
	x.clock.resume()
	if err != nil {
		return badRequest("body_cut", "the request's body ended before its Content-Length")
	}
	setBody(out, body)
	return nil
}

func setBody(out *http.Request, body []byte) {
	out.Body, out.ContentLength = inMemory(body), int64(len(body))
	out.GetBody = func() (io.ReadCloser, error) { return inMemory(body), nil }
}

// inMemory is a body that net/http recognizes as one that it can write together with the header.
func inMemory(body []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(body)) }
