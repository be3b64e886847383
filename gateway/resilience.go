package gateway

import (
	"maps"
	"net/http"
	"time"
)

// BreakerState is one breaker as people and metrics see it.
type BreakerState struct {
	Provider string `json:"-"`
	Host     string `json:"host"`
	Model    string `json:"model,omitempty"` // as the client writes it; empty where it does not stand in a body that was read before it was sent

	State    string     `json:"state"` // closed, open or half_open
	Since    time.Time  `json:"since"`
	Attempts int        `json:"attempts"` // within the window
	Failures int        `json:"failures"` // among them
	Reason   string     `json:"last_failure,omitempty"`
	Failed   *time.Time `json:"last_failure_at,omitempty"`
	Refused  int64      `json:"refused"` // requests, by the breaker and by the throttle

	Throttled      bool       `json:"throttled"`
	ThrottledUntil *time.Time `json:"throttled_until,omitempty"` // it may be over
	ThrottleStatus int        `json:"throttle_status,omitempty"` // of the answer that asked for patience last
	Throttles      int64      `json:"throttles"`                 // answers that did
}

// Breakers are the states of all breakers, by provider, host and model.
func (g *Gateway) Breakers() []BreakerState {
	list := g.breakers.list()
	states := make([]BreakerState, len(list))
	for i, b := range list {
		states[i] = b.describe()
	}
	return states
}

func (b *breaker) describe() BreakerState {
	s := BreakerState{Provider: b.shown.provider, Host: b.shown.host, Model: b.shown.model, Refused: b.refused.Load()}
	b.mu.Lock()
	s.State, s.Since, s.Reason = string(b.state), b.since, b.reason
	sum := b.recent.sum(time.Now())
	s.Attempts, s.Failures = sum.attempts, sum.failures
	s.Failed = moment(b.failed)
	b.mu.Unlock()
	b.throttle.describe(&s)
	return s
}

func (t *throttle) describe(s *BreakerState) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.Throttled = time.Now().Before(t.until)
	s.ThrottledUntil, s.ThrottleStatus, s.Throttles = moment(t.until), t.status, t.times
}

// moment is nil for a time that never was.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Tally is what failures of one provider have led to since the gateway started.
type Tally struct {
	Opened            int64 `json:"breakers_opened"`
	Refused           int64 `json:"refused"`   // requests, by breakers and throttles
	Throttled         int64 `json:"throttled"` // answers that asked for patience
	Retries           int64 `json:"retries"`
	RetriesOverBudget int64 `json:"retries_over_budget"` // that were not made
	BodiesNotKept     int64 `json:"bodies_not_kept"`     // for which no further attempt could be made
	Fallbacks         int64 `json:"fallbacks"`
}

// Tallies are those of the providers in use, by name.
func (g *Gateway) Tallies() map[string]Tally {
	snapshot := g.snapshot.Load()
	all := make(map[string]Tally, len(snapshot.providers))
	for name, p := range snapshot.providers {
		all[name] = p.tally.read()
	}
	return all
}

func (t *providerTally) read() Tally {
	return Tally{
		Opened: t.opened.Load(), Refused: t.refused.Load(), Throttled: t.throttled.Load(),
		Retries: t.retried.Load(), RetriesOverBudget: t.overBudget.Load(), BodiesNotKept: t.bodyGone.Load(), Fallbacks: t.toNext.Load(),
	}
}

// Health is what the checks of providers have found, by provider; one that has no check is missing.
func (g *Gateway) Health() map[string]HealthState {
	g.checks.mu.Lock()
	defer g.checks.mu.Unlock()
	return maps.Clone(g.checks.states)
}

// providerState is an entry of the page at /api/providers.
type providerState struct {
	Name      string         `json:"name"`
	Upstreams []string       `json:"upstreams"` // as they stand in the file
	Breaker   string         `json:"breaker"`   // watch, enforce or off
	Throttle  string         `json:"throttle"`
	Fallback  []string       `json:"fallback,omitempty"`
	Health    *HealthState   `json:"health,omitempty"` // where the file asks for checks
	Counts    Tally          `json:"counts"`
	Breakers  []BreakerState `json:"breakers"`
}

// handleProviders shows how every provider does.
func (g *Gateway) handleProviders(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	snapshot := g.snapshot.Load()
	breakers := make(map[string][]BreakerState)
	for _, b := range g.Breakers() {
		breakers[b.Provider] = append(breakers[b.Provider], b)
	}
	states := make([]providerState, 0, len(snapshot.names))
	for _, name := range snapshot.names {
		p := snapshot.providers[name]
		s := providerState{
			Name: name, Breaker: p.faults.breaker, Throttle: p.faults.throttle, Fallback: p.fallback.names(),
			Health: g.checks.state(name), Counts: p.tally.read(), Breakers: breakers[name],
		}
		if s.Breakers == nil {
			s.Breakers = []BreakerState{}
		}
		for _, r := range p.routes {
			s.Upstreams = append(s.Upstreams, p.mask.hide(r.upstream.text))
		}
		states = append(states, s)
	}
	writeJSON(w, http.StatusOK, map[string]any{"revision": snapshot.Revision, "providers": states})
}

// names are the targets as they stand in the file.
func (f *fallback) names() []string {
	if f == nil {
		return nil
	}
	names := make([]string, len(f.to))
	for i, to := range f.to {
		names[i] = to.provider + to.prefix
	}
	return names
}
