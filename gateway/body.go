package gateway

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync"

	"windhover/gateway/usage"
)

// smallBody is up to which size, in bytes, a request's body is read before the request is sent. It then goes out in one
// write, can be sent again when a kept connection turns out to be dead, and is not lost with an answer that comes before it was read.
const smallBody = 64 << 10

// requestBody is the client's body on its way up: counted, and with its beginning kept for the rules that ask for it.
type requestBody struct {
	source io.Reader // nil for a body that is in memory

	mu   sync.Mutex // the transport reads, the exchange asks
	head []byte     // up to smallBody bytes
	n    int64
}

// Read takes from the client, in the transport's goroutine.
func (b *requestBody) Read(p []byte) (int, error) {
	n, err := b.source.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.n += int64(n)
	if room := smallBody - len(b.head); room > 0 {
		b.head = append(b.head, p[:min(n, room)]...)
	}
	return n, err
}

// Close does nothing: net/http closes the client's body itself when the exchange is over, and while it is not, bytes may still be wanted.
func (b *requestBody) Close() error { return nil }

func (b *requestBody) count() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.n
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

func (b *requestBody) model() string { return usage.RequestText(b.prefix(), "model") }

// attachBody gives out the client's body, framed as the client framed it.
func (x *exchange) attachBody(out *http.Request) *failure {
	r := x.r
	switch {
	case r.ContentLength == 0 && len(r.TransferEncoding) == 0:
		x.attachNothing(out)
		return nil
	case r.ContentLength > 0 && r.ContentLength <= smallBody && len(r.Trailer) == 0 && r.Header["Expect"] == nil:
		return x.attachSmall(out)
	}
	_ = x.client.EnableFullDuplex() // without it net/http closes the body when the answer begins; HTTP/2 needs none
	x.body = &requestBody{source: r.Body}
	out.Body, out.ContentLength, out.Trailer = x.body, r.ContentLength, r.Trailer
	if !idempotencyKey(r.Header) {
		// net/http asks for it before it takes another connection, and uses it only if the body was touched.
		out.GetBody = func() (io.ReadCloser, error) { return nil, errNotAgain }
	}
	return nil
}

// attachSmall reads the whole body. In memory, net/http sends it together with the header.
func (x *exchange) attachSmall(out *http.Request) *failure {
	body := make([]byte, x.r.ContentLength)
	n, err := io.ReadFull(x.r.Body, body)
	x.body = &requestBody{head: body[:n], n: int64(n)}
	if err != nil {
		return badRequest("body_cut", "the request's body ended before its Content-Length")
	}
	out.Body, out.ContentLength = inMemory(body), x.r.ContentLength
	out.GetBody = func() (io.ReadCloser, error) { return inMemory(body), x.mayRepeat() }
	return nil
}

// inMemory is a body that net/http recognizes as one that it can write together with the header.
func inMemory(body []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(body)) }

// attachNothing keeps a request without body from being repeated behind our back: net/http repeats one that carries an
// Idempotency-Key, whatever its method, even if the provider has seen it.
func (x *exchange) attachNothing(out *http.Request) {
	if x.r.Header["Content-Length"] != nil && x.r.Method != http.MethodGet && x.r.Method != http.MethodHead {
		out.TransferEncoding = []string{"identity"} // makes net/http write the Content-Length: 0 that the client wrote
	}
	if idempotencyKey(x.r.Header) {
		out.Body = io.NopCloser(empty{})
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(empty{}), x.mayRepeat() }
	}
}

// empty is a body of no bytes that net/http does not recognize as one.
type empty struct{}

func (empty) Read([]byte) (int, error) { return 0, io.EOF }

func idempotencyKey(h http.Header) bool {
	return h["Idempotency-Key"] != nil || h["X-Idempotency-Key"] != nil
}

// errNotAgain stops net/http from sending a request again that the provider may have seen.
var errNotAgain = errors.New("the connection was lost after a part of the request was sent")

// mayRepeat allows another try only if not one byte of this one went out. On HTTP/2 net/http asks only when the
// upstream has said that it did not process the request.
func (x *exchange) mayRepeat() error {
	if x.connHTTP2 || writtenTo(x.conn) == x.connStart {
		return nil
	}
	return errNotAgain
}
