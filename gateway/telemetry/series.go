package telemetry

import (
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"windhover/gateway/usage"
)

// tokenSeries remembers the counters of tokens. To look one up by its labels costs more than to add to it, and an answer
// reports half a dozen numbers. There are no more of them than there are series.
type tokenSeries struct{ models sync.Map } // providerModel to *modelTokens

type providerModel struct{ provider, model string }

// modelTokens are the counters of one provider's model, by field. One is made when the first number is counted, so that what a
// provider does not report makes no series.
type modelTokens [usage.TotalTokens]atomic.Pointer[prometheus.Counter]

func (s *tokenSeries) of(provider, model string) *modelTokens {
	key := providerModel{provider, model}
	known, ok := s.models.Load(key)
	if !ok {
		known, _ = s.models.LoadOrStore(key, new(modelTokens))
	}
	return known.(*modelTokens)
}

// counter is that of a field, from the vector if it is not known yet.
func (t *modelTokens) counter(f usage.Field, make func() prometheus.Counter) prometheus.Counter {
	if known := t[f].Load(); known != nil {
		return *known
	}
	counter := make()
	t[f].Store(&counter)
	return counter
}
