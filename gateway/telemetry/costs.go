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
	sums sync.Map // of costKey: *atomic.Int64
}

type costKey struct{ provider, model string }

func newCosts() *costs {
	return &costs{desc: prometheus.NewDesc("windhover_cost_usd_total",
		"What was used at its price, or what the provider says that it charged, in dollars. Attempts without a known cost are not in it.", []string{"provider", "model"}, nil)}
}

func (c *costs) add(provider, model string, nanoUSD int64) {
	key := costKey{provider, model}
	sum, known := c.sums.Load(key)
	if !known {
		sum, _ = c.sums.LoadOrStore(key, new(atomic.Int64))
	}
	sum.(*atomic.Int64).Add(max(nanoUSD, 0)) // a counter never falls
}

func (c *costs) Describe(to chan<- *prometheus.Desc) { to <- c.desc }

func (c *costs) Collect(to chan<- prometheus.Metric) {
	for key, sum := range c.sums.Range {
		k := key.(costKey)
		to <- prometheus.MustNewConstMetric(c.desc, prometheus.CounterValue, float64(sum.(*atomic.Int64).Load())/1e9, k.provider, k.model)
	}
}
