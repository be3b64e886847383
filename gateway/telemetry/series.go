package telemetry

import (
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"windhover/gateway/usage"
)

// knownSeries remember what records are counted in. To look a series up by its labels costs more than to add to it, and an answer
// counts in a dozen. Each is looked up when something is counted in it first, so that what never happens makes none, and there
// are no more of them than the metrics have.
type knownSeries struct{ providers sync.Map } // of name: *providerSeries

// providerSeries are those that a record's provider is a label of.
type providerSeries struct {
	duration, overhead, firstByte remembered[prometheus.Observer]

	requests several[outcome]
	states   several[usage.State]
	models   sync.Map // of label: *modelSeries
}

// outcome is how a request ended.
type outcome struct {
	class string // of the status
	end   usage.End
}

// modelSeries are those that its model is one of, too.
type modelSeries struct {
	tokens [usage.TotalTokens]remembered[prometheus.Counter] // by field
	cost   remembered[*sum]
}

func (s *knownSeries) of(provider string) *providerSeries {
	known, ok := s.providers.Load(provider)
	if !ok {
		known, _ = s.providers.LoadOrStore(provider, new(providerSeries))
	}
	return known.(*providerSeries)
}

func (p *providerSeries) model(label string) *modelSeries {
	known, ok := p.models.Load(label)
	if !ok {
		known, _ = p.models.LoadOrStore(label, new(modelSeries))
	}
	return known.(*modelSeries)
}

// remembered is a series that is looked up once.
type remembered[T any] struct{ known atomic.Pointer[T] }

func (r *remembered[T]) get(lookUp func() T) T {
	if known := r.known.Load(); known != nil {
		return *known
	}
	found := lookUp()
	r.known.Store(&found)
	return found
}

// several are the counters of a label, or of several together, of few values: most records count in the first.
type several[K comparable] struct{ known atomic.Pointer[[]labeled[K]] }

type labeled[K comparable] struct {
	by      K
	counter prometheus.Counter
}

func (s *several[K]) get(by K, lookUp func() prometheus.Counter) prometheus.Counter {
	known := s.known.Load()
	if known == nil {
		known = new([]labeled[K])
	}
	for i := range *known {
		if k := &(*known)[i]; k.by == by {
			return k.counter
		}
	}
	found := lookUp()
	more := append((*known)[:len(*known):len(*known)], labeled[K]{by, found})
	s.known.Store(&more) // what another has added meanwhile is looked up again
	return found
}
