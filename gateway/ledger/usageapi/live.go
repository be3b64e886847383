package usageapi

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"windhover/gateway/usage"
)

// live answers /api/usage/live: each record as a server-sent event when it is finished, until the client leaves or the
// gateway ends. https://html.spec.whatwg.org/multipage/server-sent-events.html
func (a *api) live(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()
	if err := checkNames(namesOf(values), choiceParameters()...); err != nil {
		a.fail(w, r, err)
		return
	}
	filter, err := parseChoice(values)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	l := a.Feed.listen(filter)
	if l == nil {
		(&failure{http.StatusServiceUnavailable, "unavailable", "too_many_listeners", "", "there are " + strconv.Itoa(maxListeners) + " who listen already; ask again when one of them has left"}).write(w)
		return
	}
	defer a.Feed.leave(l)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would keep events back until its buffer is full
	a.tell(w, r, l)
}

// tell writes events until nobody listens any more.
func (a *api) tell(w http.ResponseWriter, r *http.Request, l *listener) {
	heartbeat := time.NewTicker(a.Heartbeat)
	defer heartbeat.Stop()
	for said := send(w, []byte(": each finished record is an event\n\n")); said; {
		select {
		case x := <-l.records:
			said = send(w, append(l.losses(), event(x)...))
		case <-heartbeat.C:
			said = send(w, append(l.losses(), ": still here\n\n"...))
		case <-l.ended:
			return
		case <-r.Context().Done():
			return
		}
	}
}

// losses is an event that says how many records were lost since the last one; nothing if none were.
func (l *listener) losses() []byte {
	dropped := l.dropped.Swap(0)
	if dropped == 0 {
		return nil
	}
	return fmt.Appendf(nil, "event: dropped\ndata: {\"records\":%d}\n\n", dropped)
}

// event is a record as an event.
func event(r *usage.Record) []byte {
	line, _ := r.MarshalJSON() // always encodes, and holds no line break
	return append(append([]byte("event: record\ndata: "), line...), "\n\n"...)
}
