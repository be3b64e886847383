package usage

import (
	"net/http"
	"time"

	"windhover/gateway/stream"
)

// Exchange is what rules may ask of a request and of the header of its answer. It must not change until the observer is closed.
type Exchange struct {
	Method string
	Path   string // of the upstream request, as sent: percent-encoded, without query
	Status int    // of the answer; 101 is a WebSocket session; 0: there was none
	Header http.Header
	// Attempt is the number of the attempt, Elapsed the time since the request arrived, and End how an attempt without an answer
	// ended. Only an `on` asks for them.
	Attempt int
	Elapsed time.Duration
	End     End
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
	document index  // the event
	chosen   index  // what `from` chose, where that is no member of the event
	element  index  // of an array there
	json     node   // what paths are relative to; nothing where there is no event
	found    bool   // a path that was asked for was there
}

// status is nothing where there was no answer: no such attempt is below 500.
func (s *scope) status() value {
	if s.exchange.Status == 0 {
		return value{}
	}
	return ofInt(int64(s.exchange.Status))
}

// event is the JSON's own type, or what the framing calls the event. The JSON comes first because some providers send
// no `event:` lines at all, and others lines that say less than the JSON.
func (s *scope) event(own *path) value {
	switch v := s.root().scalar(own); {
	case v.kind == text:
		return v
	case s.name == "":
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

// root is the event; nothing where it is no JSON.
func (s *scope) root() node {
	if s.document.json == "" {
		return node{}
	}
	return node{in: &s.document}
}

// scalar is the value at the path; the scope remembers that it was there.
func (s *scope) scalar(p *path) value {
	v := s.json.scalar(p)
	s.found = s.found || v.there()
	return v
}

// sum adds up the numbers at the path, also those of an array and of arrays in it; nothing if there is none.
func (s *scope) sum(p *path) value {
	if s.json.lacks(p.first) {
		return value{}
	}
	v := sumOf(s.json.get(p), maxDepth)
	s.found = s.found || v.there()
	return v
}

// choose is the first of the paths that leads to an object with something in it, or to an array of such; the event itself
// if there is no path. Nothing if all lead nowhere.
func (s *scope) choose(from []path) node {
	root := s.root()
	if len(from) == 0 {
		return root
	}
	for i := range from {
		if root.lacks(from[i].first) {
			continue
		}
		if n := s.node(root, &from[i]); n.holdsObject() {
			return n
		}
	}
	return node{}
}

// node is what stands at a path from the root.
func (s *scope) node(root node, p *path) node {
	if p.rest == "" && !s.document.partial {
		return root.follow(p.keys)
	}
	raw := root.get(p).Raw
	if raw == "" || !s.chosen.of(raw) {
		return node{}
	}
	return node{in: &s.chosen}
}

// enter lets paths be relative to an element.
func (s *scope) enter(element string) {
	s.json = node{}
	if s.element.of(element) {
		s.json = node{in: &s.element}
	}
}

// leave forgets the event: its bytes are only lent.
func (s *scope) leave() {
	s.name, s.data, s.json = "", "", node{}
	s.document.clear()
	s.chosen.clear()
	s.element.clear()
}
