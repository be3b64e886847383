package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"windhover/config"
	"windhover/gateway/usage"
)

// retryHint is what a client that was refused for want of room is told to wait: what is open may end at any moment.
const retryHint = time.Second

// enter lets an exchange in where the limits have room for it, or says how it ends and why. It may wait for its turn.
func (x *exchange) enter() (usage.End, *failure) {
	if limit := x.gateway.options.MaxRequests; limit > 0 && x.place > limit {
		return usage.EndRejected, overloaded(http.StatusServiceUnavailable, fmt.Sprintf("the gateway has %d requests open, which is its limit (--max-requests)", limit))
	}
	if !x.bodyFits() {
		return usage.EndRejected, x.tooLarge()
	}
	limit := x.provider.limits
	if limit.Requests == 0 {
		return "", nil
	}
	slots := x.gateway.slots.of(x.provider.name)
	if slots.enter(x.ctx, limit.Requests, limit.Wait.Duration) {
		x.slots = slots
		return "", nil
	}
	if end, over := x.interrupted(); over {
		return end, x.interruption(end)
	}
	message := fmt.Sprintf("%s has as many requests open here as it may (limits.requests: %d)", x.provider.name, limit.Requests)
	if limit.Wait.Duration > 0 {
		message += fmt.Sprintf(", and none ended within %s (limits.wait)", limit.Wait.Duration)
	}
	return usage.EndRejected, overloaded(http.StatusTooManyRequests, message)
}

// moveSlot takes a slot of the provider that the exchange has turned to, in place of the one it has. It does not wait.
func (x *exchange) moveSlot() bool {
	var next *slots
	if limit := x.provider.limits.Requests; limit > 0 {
		next = x.gateway.slots.of(x.provider.name)
		if next != x.slots && !next.enter(x.ctx, limit, 0) {
			return false
		}
	}
	if next != x.slots {
		x.leaveSlots()
		x.slots = next
	}
	return true
}

// leaveSlots makes room for the next one.
func (x *exchange) leaveSlots() {
	if x.slots != nil {
		x.slots.leave()
	}
}

func overloaded(status int, message string) *failure {
	return &failure{status: status, kind: "overloaded", code: "too_many_requests", message: message, retryAfter: retryHint}
}

// maxBody is what a request's body may have, in bytes: what the provider says, or else the settings; 0: no limit.
func (x *exchange) maxBody() int64 {
	return int64(x.provider.limits.Body.Or(config.Size(x.gateway.options.MaxBody)))
}

// bodyFits reports whether the provider takes a body as long as the client says that it is.
func (x *exchange) bodyFits() bool {
	limit := x.maxBody()
	return limit == 0 || x.r.ContentLength <= limit
}

// errTooLarge ends a body of unknown length that turns out to be longer than it may be.
var errTooLarge = errors.New("the body is too large")

func (x *exchange) tooLarge() *failure {
	knob := "--max-body"
	if x.provider.limits.Body.Set {
		knob = "limits.body"
	}
	return &failure{
		status: http.StatusRequestEntityTooLarge, kind: "bad_request", code: "body_too_large",
		message: fmt.Sprintf("the request's body is larger than %s allows for %s: %s", knob, x.provider.name, config.Size(x.maxBody())),
	}
}

// slots bound how many exchanges of one provider are open. They outlive the snapshots: a reload forgets none that is open.
type slots struct {
	mu    sync.Mutex
	open  int
	limit int             // the newest
	queue []chan struct{} // of those that wait, in order of arrival; closed when one is let in
}

// enter takes a slot, at once or within a time. It is false if there was none, or if ctx ended first.
func (s *slots) enter(ctx context.Context, limit int, wait time.Duration) bool {
	s.mu.Lock()
	s.limit = limit
	turn := make(chan struct{})
	s.queue = append(s.queue, turn)
	s.admit()
	s.mu.Unlock()

	timer := time.NewTimer(wait)
	defer timer.Stop()
	if wait > 0 {
		select {
		case <-turn:
			return true
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.queue, turn)
	if i < 0 {
		return true
	}
	s.queue = slices.Delete(s.queue, i, i+1)
	return false
}

func (s *slots) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	s.admit()
}

// admit lets in whom there is room for.
func (s *slots) admit() {
	for s.open < s.limit && len(s.queue) > 0 {
		s.open++
		close(s.queue[0])
		s.queue = s.queue[1:]
	}
}

// slotsByName are those of all providers.
type slotsByName struct {
	mu  sync.Mutex
	all map[string]*slots
}

func (s *slotsByName) of(provider string) *slots {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = make(map[string]*slots)
	}
	if s.all[provider] == nil {
		s.all[provider] = new(slots)
	}
	return s.all[provider]
}

// hold takes memory for what is kept of the request's body, until the exchange has ended. Where all of it is in use it is
// false, and the body passes on without being kept: a record may lack the model then, and a stream is not asked for its usage.
func (x *exchange) hold(n int) bool {
	if !x.gateway.bodies.Take(int64(n)) {
		return false
	}
	x.held.Add(int64(n))
	return true
}
