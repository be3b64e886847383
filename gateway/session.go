package gateway

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"windhover/gateway/usage"
)

// session is the account of a tunnel while it is open: both directions are counted and observed. A WebSocket may stay open
// for hours, so the sink gets a checkpoint of the record every minute of use: a crash loses no more than that.
type session struct {
	x *exchange

	in, out atomic.Int64 // bytes so far, from the client and to it
	parting *farewell    // of a WebSocket; nil: what else a tunnel carries is cut

	mu    sync.Mutex // held while the observer reads, or is read
	timer *time.Timer
	known int64 // bytes when the last checkpoint was made
	over  bool
}

// checkpointInterval is how often that happens, unless Options say otherwise.
const checkpointInterval = time.Minute

// observeTunnel lets the observer read a WebSocket. What else a tunnel carries is not looked into.
func (x *exchange) observeTunnel(res *http.Response) {
	asked := x.asked(res.StatusCode, res.Header)
	if strings.EqualFold(upgradeType(res.Header), "websocket") {
		asked.Frames = true
		x.observer = x.provider.rules.Observe(asked)
		return
	}
	if len(x.provider.rules.Applying(asked)) > 0 {
		x.record.UsageState = usage.Unreadable
	}
}

// openSession begins the account. Until it is closed, nobody else may use the record or the observer.
func (x *exchange) openSession() *session {
	s := &session{x: x}
	if strings.EqualFold(upgradeType(x.r.Header), "websocket") {
		s.parting = new(farewell)
	}
	interval := x.gateway.options.Checkpoint
	if interval <= 0 {
		interval = checkpointInterval
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer = time.AfterFunc(interval, func() { s.checkpoint(interval) })
	return s
}

// sent takes what passed on to the upstream.
func (s *session) sent(p []byte) {
	s.in.Add(int64(len(p)))
	if s.parting != nil {
		s.parting.up.Write(p)
	}
	s.x.observer.WriteRequest(p)
}

// received takes what passed on to the client.
func (s *session) received(p []byte) {
	s.out.Add(int64(len(p)))
	if s.parting != nil {
		s.parting.down.Write(p)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.x.observer.Write(p)
}

// checkpoint hands the sink a copy of the record as it stands, if anything has passed since the last one.
func (s *session) checkpoint(interval time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over || s.x.ctx.Err() != nil {
		return
	}
	defer s.timer.Reset(interval)
	in, out := s.in.Load(), s.out.Load()
	if in+out == s.known {
		return
	}
	s.known = in + out
	rec := *s.x.record
	rec.Checkpoint = true
	rec.BytesIn, rec.BytesOut = in, out
	s.x.note(&rec)
	if s.x.observer != nil {
		found := s.x.observer.Checkpoint()
		report(&rec, &found)
	}
	s.x.deliver(&rec)
}

// close ends the account when nothing passes any more: no checkpoint follows. It returns how the session ended, which the
// messages may know better than the connections.
func (s *session) close(end usage.End, clientLeft bool) usage.End {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	s.timer.Stop()
	s.x.record.BytesIn, s.x.record.BytesOut = s.in.Load(), s.out.Load()
	switch o := s.x.observer; {
	case end == usage.EndUpstreamTruncated && o.Closed():
		return usage.EndComplete
	case end == usage.EndClientClosed && o.ClosedForError():
		return usage.EndUpstreamTruncated // the client has only answered
	case end == usage.EndComplete && clientLeft && o.Inside():
		return usage.EndClientClosed // it did not wait for the message
	}
	return end
}
