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
	Status int    // of the answer; 101 is a WebSocket session, whose messages are written a line each
	Header http.Header
	// Param is the value of a path variable of the provider, empty if there is none. May be nil.
	Param func(name string) string
	// Request is the beginning of the request's body, as far as it was kept; of a WebSocket session, the client's first message. May be nil.
	Request func() []byte
	// Decode is the memory that all exchanges together may use to take content codings off. nil: no bound.
	Decode *stream.Budget
}

// scope is what an expression can see while it is evaluated.
type scope struct {
	exchange *Exchange
	name     string // what the framing calls the event
	data     string // the event's raw text
	document string // the event, if it is JSON
	json     string // what paths are relative to: document, or what `from` chose in it
	found    bool   // a path that was asked for was there
}

// event is the JSON's own type, or what the framing calls the event. The JSON comes first because some providers send
// no `event:` lines at all, and others lines that say less than the JSON.
func (s *scope) event() value {
	if s.document != "" {
		if r := gjson.Get(s.document, "type"); r.Type == gjson.String && r.Str != "" {
			return ofText(r.Str)
		}
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

// at is what stands at the path; the scope remembers that something did.
func (s *scope) at(p path) value {
	v := p.read(s.json)
	s.found = s.found || v.there()
	return v
}
