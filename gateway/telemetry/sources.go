package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Sources are what no record tells, asked at each scrape.
type Sources struct {
	InFlight       func() int        // exchanges that have begun and not finished
	RecordsDropped func() int64      // records that a sink had to drop, in all
	Ledger         func() Ledger     // nil: there is none
	LedgerStates   []string          // that it can be in
	Upstreams      func() []Upstream // how providers do; nil: nobody knows
	Build          Build
}

// Build is what the program was built from.
type Build struct{ Version, Revision, GoVersion string }

// Register registers the metrics of the sources, of the Go runtime and of the process. It panics if they are registered
// there already.
func (s Sources) Register(registerer prometheus.Registerer) {
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "windhover_build_info",
		Help:        "What the program was built from.",
		ConstLabels: prometheus.Labels{"version": s.Build.Version, "revision": s.Build.Revision, "goversion": s.Build.GoVersion},
	})
	build.Set(1)
	registerer.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "windhover_requests_in_flight",
			Help: "Requests that have arrived and are not answered to the end.",
		}, func() float64 { return float64(s.InFlight()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "windhover_records_dropped_total",
			Help: "Records that were lost because what they are written to is full, closed or too slow.",
		}, func() float64 { return float64(s.RecordsDropped()) }),
		newLedgerMetrics(s.Ledger, s.LedgerStates),
		newUpstreams(s.Upstreams),
		build,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
}
