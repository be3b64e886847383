package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Upstream is how one provider does: its breakers, throttles and checks as they are, and what they have led to so far. Hosts and
// models are left out: of both there may be any number.
type Upstream struct {
	Provider                   string
	Breakers                   map[string]int // by state; nil: it was not asked yet
	Throttled                  int            // hosts and models that have asked for patience, and for how long is not over
	Healthy                    *bool          // of the newest check; nil: there is none
	Opened, Refused, Throttles int64
	Retries, Fallbacks         int64
	RetriesOverBudget, NotKept int64
}

// upstreams are the metrics of providers that fail, asked at each scrape.
type upstreams struct {
	ask func() []Upstream // nil: nobody knows

	breakers, throttled, healthy                             *prometheus.Desc
	opened, refused, throttles, retries, withheld, fallbacks *prometheus.Desc
}

func newUpstreams(ask func() []Upstream) upstreams {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("windhover_"+name, help, append([]string{"provider"}, labels...), nil)
	}
	return upstreams{
		ask:       ask,
		breakers:  desc("breakers", "Hosts and models of a provider by the state of their breaker. Whether an open one refuses requests is the file's to say.", "state"),
		throttled: desc("upstreams_throttled", "Hosts and models of a provider that have asked for patience (429, Retry-After), while that lasts."),
		healthy:   desc("provider_healthy", "Whether the newest check of a provider found that it can be reached; only where the file asks for checks."),
		opened:    desc("breaker_openings_total", "How often a breaker has opened."),
		refused:   desc("upstream_refusals_total", "Requests that an open breaker or a throttle held back."),
		throttles: desc("upstream_throttles_total", "Answers that asked for patience."),
		retries:   desc("retries_total", "Further attempts at the same provider."),
		withheld:  desc("retries_withheld_total", "Further attempts that were not made: the budget was used up, or the request's body was not kept.", "reason"),
		fallbacks: desc("fallbacks_total", "Attempts at providers that stood in for this one."),
	}
}

// Describe names the metrics.
func (u upstreams) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{u.breakers, u.throttled, u.healthy, u.opened, u.refused, u.throttles, u.retries, u.withheld, u.fallbacks} {
		to <- d
	}
}

// Collect reads them. A provider that nobody has asked for anything has none but its check.
func (u upstreams) Collect(to chan<- prometheus.Metric) {
	if u.ask == nil {
		return
	}
	for _, up := range u.ask() {
		if up.Healthy != nil {
			to <- prometheus.MustNewConstMetric(u.healthy, prometheus.GaugeValue, truth(*up.Healthy), up.Provider)
		}
		if up.Breakers != nil {
			u.collect(to, up)
		}
	}
}

func (u upstreams) collect(to chan<- prometheus.Metric, up Upstream) {
	for state, n := range up.Breakers {
		to <- prometheus.MustNewConstMetric(u.breakers, prometheus.GaugeValue, float64(n), up.Provider, state)
	}
	to <- prometheus.MustNewConstMetric(u.throttled, prometheus.GaugeValue, float64(up.Throttled), up.Provider)
	count := func(d *prometheus.Desc, n int64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), append([]string{up.Provider}, labels...)...)
	}
	count(u.opened, up.Opened)
	count(u.refused, up.Refused)
	count(u.throttles, up.Throttles)
	count(u.retries, up.Retries)
	count(u.withheld, up.RetriesOverBudget, "budget")
	count(u.withheld, up.NotKept, "body")
	count(u.fallbacks, up.Fallbacks)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
