package telemetry

import (
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// costs are sums of money by provider and model. They are kept in billionths of a dollar, because sums of fractions of a
// dollar would be off after some millions of them, and shown in dollars.
type costs struct {
	desc *prometheus.Desc
	sums sync.Map // of costKey: *sum
}

type costKey struct{ provider, model string }

func newCosts() *costs {
	return &costs{desc: prometheus.NewDesc("windhover_cost_usd_total",
		"What was used at its price, or what the provider says that it charged, in dollars. Attempts without a known cost are not in it.", []string{"provider", "model"}, nil)}
}

// of is the sum of a provider's model.
func (c *costs) of(provider, model string) *sum {
	s, _ := c.sums.LoadOrStore(costKey{provider, model}, new(sum))
	return s.(*sum)
}

// sum is of billionths of a dollar.
type sum struct{ nanoUSD atomic.Int64 }

func (s *sum) add(nanoUSD int64) { s.nanoUSD.Add(max(nanoUSD, 0)) } // a counter never falls

func (c *costs) Describe(to chan<- *prometheus.Desc) { to <- c.desc }

func (c *costs) Collect(to chan<- prometheus.Metric) {
	for key, s := range c.sums.Range {
		k := key.(costKey)
		to <- prometheus.MustNewConstMetric(c.desc, prometheus.CounterValue, float64(s.(*sum).nanoUSD.Load())/1e9, k.provider, k.model)
	}
}
