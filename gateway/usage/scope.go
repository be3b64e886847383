package usage

import (
	"net/http"

	"github.com/tidwall/gjson"

	"windhover/gateway/stream"
)

// Exchange is what rules may ask of a request and of the header of its answer. It must not change until the observer is closed.
type Exchange struct {
	Method string
	Path   string // of the upstream request, as sent: percent-encoded, without query
	Status int    // of the answer; 101 is a WebSocket session
	Header http.Header
	// Frames says that a WebSocket session is written as its connection's bytes; otherwise its messages are, a line each, as
	// recordings keep them.
	Frames bool
	// Param is the value of a path variable of the provider, empty if there is none. May be nil.
	Param func(name string) string
	// Request is the beginning of the request's body, as far as it was kept; of a WebSocket session, the client's first
	// message, which with Frames Observer.WriteRequest finds. May be nil.
	Request func() []byte
	// Decode is the memory that all exchanges together may use to take content codings off. nil: no bound.
	Decode *stream.Budget
}

// scope is what an expression can see while it is evaluated.
type scope struct {
	exchange *Exchange
	name     string // what the framing calls the event
	data     string // the event's raw text
	document index  // the event, if it is JSON; empty otherwise
	chosen   index  // what `from` chose in it
	json     *index // what paths are relative to: one of the two; nil where there is no event
	found    bool   // a path that was asked for was there
}

// event is the JSON's own type, or what the framing calls the event. The JSON comes first because some providers send
// no `event:` lines at all, and others lines that say less than the JSON.
func (s *scope) event() value {
	if r := s.document.get(&path{text: "type", head: "type"}); r.Type == gjson.String && r.Str != "" {
		return ofText(r.Str)
	}
	if s.name == "" {
		return value{}
	}
	return ofText(s.name)
}

// maxData is how much of an event's raw text `data` shows, in bytes: enough for words such as [DONE].
const maxData = 64

func (s *scope) dataText() value {
	if s.data == "" {
		return value{}
	}
	return ofText(s.data[:min(len(s.data), maxData)])
}

// at is what stands at the path; nothing, which does not exist, where there is no event.
func (s *scope) at(p *path) gjson.Result {
	if s.json == nil {
		return gjson.Result{}
	}
	return s.json.get(p)
}

// scalar is the value at the path; the scope remembers that it was there.
func (s *scope) scalar(p *path) value {
	if s.json == nil {
		return value{}
	}
	v := s.json.scalar(p)
	s.found = s.found || v.there()
	return v
}

// sum adds up the numbers at the path, also those of an array and of arrays in it; nothing if there is none.
func (s *scope) sum(p *path) value {
	v := sumOf(s.at(p), maxDepth)
	s.found = s.found || v.there()
	return v
}

// enter lets paths be relative to a piece of the event.
func (s *scope) enter(json string) {
	if json == s.document.json {
		s.json = &s.document
		return
	}
	s.chosen.of(json)
	s.json = &s.chosen
}

// leave forgets the event: its bytes are only lent.
func (s *scope) leave() {
	s.name, s.data, s.json = "", "", nil
	s.document.clear()
	s.chosen.clear()
}
