package main

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// arrivals are the connections that were accepted and have sent no request yet.
type arrivals struct {
	mu  sync.Mutex
	new map[net.Conn]struct{}
}

// newArrivals follows the connections of a server that does not serve yet.
func newArrivals(server *http.Server) *arrivals {
	a := &arrivals{new: make(map[net.Conn]struct{})}
	server.ConnState = a.follow
	return a
}

func (a *arrivals) follow(c net.Conn, state http.ConnState) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if state == http.StateNew {
		a.new[c] = struct{}{}
		return
	}
	delete(a.new, c)
}

func (a *arrivals) none() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.new) == 0
}

const (
	arrivalPoll = 2 * time.Millisecond
	// arrivalCalm is how often in a row none must be seen: net/http tells of a connection a moment before it counts it, and of a
	// request a moment before it serves it.
	arrivalCalm = 10
)

// wait returns when there are none, when the time is over, or when ctx ends. Nothing is accepted any more.
func (a *arrivals) wait(ctx context.Context, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(arrivalPoll)
	defer tick.Stop()
	for calm := 0; calm < arrivalCalm; calm++ {
		if !a.none() {
			calm = 0
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
