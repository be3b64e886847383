package usage

import (
	"errors"
	"sync"

	"windhover/gateway/stream"
)

// socket reads a WebSocket session from the bytes of its connection: the server's messages are the events, and the
// client's first one is what request() looks into.
type socket struct {
	server *stream.WebSocket

	mu     sync.Mutex        // the client's bytes come in a goroutine of their own
	client *stream.WebSocket // nil when its first message was there, or cannot come
	first  []byte            // that message; nil while there is none
	fault  error
}

// maxFirstMessage is how much of the client's first message is kept, in bytes.
const maxFirstMessage = 64 << 10

// openSocket begins to read a session with the extensions that its server has agreed to.
func (o *Observer) openSocket(limit int) {
	s := new(socket)
	options := stream.WebSocketOptions{
		Options:    stream.Options{Limit: limit, Project: o.plan.project},
		Extensions: o.exchange.Header["Sec-Websocket-Extensions"],
		Budget:     o.exchange.Decode,
	}
	s.server = stream.NewWebSocket(o.event, options)
	options.Options = stream.Options{Limit: maxFirstMessage, Head: true}
	s.client = stream.NewWebSocket(s.keep, options)
	o.exchange.Request = s.request
	o.socket, o.decoder, o.streamed = s, s.server, true
}

// WriteRequest takes the next bytes that the client sends in a WebSocket session that is read from its frames. Of them only the first
// message is kept. It does not keep p, and may be called while another goroutine calls Write, but not after Close.
func (o *Observer) WriteRequest(p []byte) {
	if o != nil && o.socket != nil {
		o.socket.write(p)
	}
}

// Closed reports whether the server has closed a WebSocket session in order: how its connection ends says no more then.
func (o *Observer) Closed() bool {
	return o != nil && o.socket != nil && o.socket.ended(false)
}

// ClosedForError reports whether the server has closed a WebSocket session, and not in order.
func (o *Observer) ClosedForError() bool {
	return o != nil && o.socket != nil && o.socket.server.CloseCode() != 0 && !o.Closed()
}

// Inside reports whether the server of a WebSocket session is in the middle of a message.
func (o *Observer) Inside() bool {
	return o != nil && o.socket != nil && o.socket.server.Inside()
}

func (s *socket) write(p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == nil {
		return
	}
	defer s.recover()
	s.client.Write(p)
	if s.first != nil || s.client.Err() != nil || s.client.CloseCode() != 0 {
		s.client.Close()
		s.client = nil
	}
}

// recover keeps a bug of ours away from the tunnel.
func (s *socket) recover() {
	if x := recover(); x != nil {
		s.client, s.fault = nil, faultOf(x)
	}
}

func (s *socket) keep(e stream.Event) {
	if s.first == nil {
		s.first = append([]byte{}, e.Data...)
	}
}

// request is the client's first message as far as it was kept.
func (s *socket) request() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.first
}

// close gives the client's decoder up and returns what was wrong with it.
func (s *socket) close() (fault error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client != nil {
		s.client.Close()
		s.client = nil
	}
	return s.fault
}

// ended tells an orderly end: a close frame that blames nobody (RFC 6455, section 7.4.1), or an end of the connection, if
// clean, that cuts no message off.
func (s *socket) ended(clean bool) bool {
	const normal, goingAway = 1000, 1001
	switch s.server.CloseCode() {
	case 0:
		return clean && !errors.Is(s.server.Err(), stream.ErrTruncated)
	case normal, goingAway, stream.CloseNoStatus:
		return true
	}
	return false
}
