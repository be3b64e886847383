package gateway

import (
	"cmp"
	"container/list"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"windhover/config"
)

// upstreamKey names what fails together.
type upstreamKey struct{ provider, host, model string }

func (k upstreamKey) String() string {
	if k.model == "" {
		return k.provider + " (" + k.host + ")"
	}
	return k.provider + " (" + k.host + ", " + k.model + ")"
}

// The bounds of what clients can fill: they choose the models, and of some providers a part of the host.
const (
	maxBreakers     = 1000
	maxBreakerModel = 128 // bytes
)

// breakers are the memory of how upstreams do. They outlive the snapshots: a reload that leaves a provider its breaker's
// settings leaves it its state. When there are too many, what was not used for longest goes, open ones last.
type breakers struct {
	log *slog.Logger

	mu      sync.Mutex
	all     map[upstreamKey]*list.Element // of used
	used    list.List                     // of *breaker, the newest first
	tallies map[string]*providerTally     // by provider
}

// providerTally is what resilience did at one provider, and what its retries may still cost. It outlives the snapshots too.
type providerTally struct {
	opened, refused, throttled            atomic.Int64
	retried, overBudget, bodyGone, toNext atomic.Int64
	budget                                retryBudget
}

// connect gives every provider of the snapshot its tally, and forgets the breakers of those that it does not have.
func (bs *breakers) connect(s *Snapshot) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if bs.tallies == nil {
		bs.all, bs.tallies = make(map[upstreamKey]*list.Element), make(map[string]*providerTally)
	}
	for name, p := range s.providers {
		if bs.tallies[name] == nil {
			bs.tallies[name] = newTally()
		}
		p.tally = bs.tallies[name]
	}
	maps.DeleteFunc(bs.tallies, func(name string, _ *providerTally) bool { return s.providers[name] == nil })
	for key, e := range bs.all {
		if s.providers[key.provider] == nil {
			bs.forget(e)
		}
	}
}

// of is the breaker for a key, as the provider wants it. One with other settings begins anew.
func (bs *breakers) of(key upstreamKey, p *provider) *breaker {
	b := bs.find(key, p)
	b.enforced.Store(p.faults.breaker == config.ModeEnforce)
	return b
}

func (bs *breakers) find(key upstreamKey, p *provider) *breaker {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if e := bs.all[key]; e != nil {
		if b := e.Value.(*breaker); b.settings == p.faults.settings {
			bs.used.MoveToFront(e)
			return b
		}
		bs.forget(e)
	}
	for len(bs.all) >= maxBreakers {
		bs.forget(bs.leastOf())
	}
	key.host, key.model = strings.Clone(key.host), strings.Clone(key.model) // what they are cut from is larger
	tally := p.tally
	shown := key
	shown.host = p.mask.hide(key.host)
	b := newBreaker(key, shown, p.faults.settings, bs.log, func() { tally.opened.Add(1) })
	bs.all[key] = bs.used.PushFront(b)
	return b
}

func (bs *breakers) forget(e *list.Element) {
	delete(bs.all, e.Value.(*breaker).key)
	bs.used.Remove(e)
}

// maxPassedOver bounds the search for one that has nothing to tell.
const maxPassedOver = 32

// leastOf is the one to forget.
func (bs *breakers) leastOf() *list.Element {
	e := bs.used.Back()
	for range maxPassedOver {
		if e == nil {
			break
		}
		if e.Value.(*breaker).quiet() {
			return e
		}
		e = e.Prev()
	}
	return bs.used.Back()
}

// quiet reports whether nothing is lost with the breaker but counts.
func (b *breaker) quiet() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state == breakerClosed && b.throttle.rest() <= 0
}

// list is all of them, by provider, host and model.
func (bs *breakers) list() []*breaker {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	all := make([]*breaker, 0, len(bs.all))
	for e := bs.used.Front(); e != nil; e = e.Next() {
		all = append(all, e.Value.(*breaker))
	}
	slices.SortFunc(all, func(a, b *breaker) int {
		return cmp.Or(strings.Compare(a.key.provider, b.key.provider), strings.Compare(a.key.host, b.key.host), strings.Compare(a.key.model, b.key.model))
	})
	return all
}
