// Package telemetry makes Prometheus metrics of records, and of the few things that are no records.
package telemetry

import (
	"cmp"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"windhover/gateway/usage"
)

// Metrics are the metrics of one gateway. Their labels come from closed sets: providers as the file names them, models as
// the price table or the file does (or usage.Other), ends and states of records, classes of status codes. No path, key,
// label or other text that a client chooses is among them, so that nobody can fill the memory of the gateway or of
// Prometheus. A refused request whose provider is not known counts under the provider "".
type Metrics struct {
	requests   *prometheus.CounterVec
	durations  *prometheus.HistogramVec
	firstBytes *prometheus.HistogramVec
	overheads  *prometheus.HistogramVec
	gaps       *gaps
	tokens     *prometheus.CounterVec
	known      knownSeries // of those that records are counted in
	costs      *costs
	unpriced   *prometheus.CounterVec
	states     *prometheus.CounterVec
	doubts     *prometheus.CounterVec
	faults     *prometheus.CounterVec
	reloads    reloads
}

// New registers the metrics. It panics if they are registered there already.
func New(registerer prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "windhover_requests_total",
			Help: "Requests by how they ended, refused ones included.",
		}, []string{"provider", "status_class", "end"}),
		durations: prometheus.NewHistogramVec(histogram("windhover_request_duration_seconds", waits(),
			"Time from the beginning of the attempt whose answer the client gets to the end of that answer."), []string{"provider"}),
		firstBytes: prometheus.NewHistogramVec(histogram("windhover_first_byte_seconds", waits(),
			"Time from the beginning of an attempt, which for the first is the request's arrival, to the header of the provider's answer."), []string{"provider"}),
		overheads: prometheus.NewHistogramVec(histogram("windhover_overhead_seconds", overheads(),
			"Time of a request in which the gateway waited for neither side: reading usage, rewriting, accounting."), []string{"provider"}),
		gaps: newGaps(),
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "windhover_tokens_total",
			Help: "Tokens as providers reported them. The kinds input and output hold all; every other kind is a part of one of them.",
		}, []string{"provider", "model", "kind"}),
		costs: newCosts(),
		unpriced: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "windhover_unpriced_attempts_total",
			Help: "Attempts that used something for which there is no price: their cost is unknown, and in no sum.",
		}, []string{"provider"}),
		states: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "windhover_usage_state_total",
			Help: "Attempts by what the numbers in their answers are worth.",
		}, []string{"provider", "state"}),
		doubts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "windhover_usage_doubtful_total",
			Help: "Attempts whose answers reported numbers that cannot be, or that do not add up.",
		}, []string{"provider"}),
		faults: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "windhover_usage_faults_total",
			Help: "Attempts whose usage could not be read because of a bug of the gateway's; the log names it.",
		}, []string{"provider"}),
		reloads: newReloads(),
	}
	registerer.MustRegister(m.requests, m.durations, m.firstBytes, m.overheads, m.gaps, m.tokens, m.costs, m.unpriced, m.states, m.doubts, m.faults)
	m.reloads.register(registerer)
	return m
}

// waits are bounds for how long somebody waits, in seconds.
func waits() []float64 {
	return []float64{.025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}
}

// overheads are bounds for what the gateway itself takes, which is a thousandth of that.
func overheads() []float64 {
	return []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1}
}

// histogram has classic buckets for everybody, and native ones for those who scrape them: with native ones alone, the text
// format shows nothing but the count.
func histogram(name string, buckets []float64, help string) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Name:                            name,
		Help:                            help,
		Buckets:                         buckets,
		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  100,
		NativeHistogramMinResetDuration: time.Hour,
	}
}

// Record counts a finished record: requests by those that are final, and what was used by all. A checkpoint is left out:
// the record that replaces it holds the same again.
func (m *Metrics) Record(rec *usage.Record) {
	if rec.Checkpoint {
		return
	}
	known := m.known.of(rec.Provider)
	if rec.Final || rec.Attempt == 0 {
		how := outcome{statusClass(rec.Status), rec.End}
		known.requests.get(how, func() prometheus.Counter {
			return m.requests.WithLabelValues(rec.Provider, how.class, string(how.end))
		}).Inc()
	}
	if rec.Attempt == 0 {
		return
	}
	if rec.Final {
		m.observe(&known.duration, m.durations, rec.Provider, rec.Duration)
	}
	if rec.Overhead > 0 {
		m.observe(&known.overhead, m.overheads, rec.Provider, rec.Overhead)
	}
	if rec.Stream && rec.Gaps != nil {
		m.gaps.add(rec.Provider, rec.Gaps)
	}
	if rec.FirstByte > 0 {
		m.observe(&known.firstByte, m.firstBytes, rec.Provider, rec.FirstByte)
	}
	known.states.get(rec.UsageState, func() prometheus.Counter {
		return m.states.WithLabelValues(rec.Provider, string(rec.UsageState))
	}).Inc()
	if len(rec.Doubts) > 0 {
		m.doubts.WithLabelValues(rec.Provider).Inc()
	}
	if rec.Fault {
		m.faults.WithLabelValues(rec.Provider).Inc()
	}
	m.countUse(rec, known)
}

func (m *Metrics) observe(known *remembered[prometheus.Observer], all *prometheus.HistogramVec, provider string, took time.Duration) {
	known.get(func() prometheus.Observer { return all.WithLabelValues(provider) }).Observe(took.Seconds())
}

// countUse counts tokens and what they cost.
func (m *Metrics) countUse(rec *usage.Record, provider *providerSeries) {
	cost, priced := rec.CostKnown()
	if !priced && rec.CostState == usage.Unpriced {
		m.unpriced.WithLabelValues(rec.Provider).Inc()
	}
	if !priced && !rec.Usage.HasNumbers() {
		return
	}
	label := cmp.Or(rec.ModelLabel, usage.Other)
	known := provider.model(label)
	for f := usage.InputTokens; f < usage.TotalTokens; f++ {
		if _, reported := rec.Usage.Number(f); !reported {
			continue
		}
		known.tokens[f].get(func() prometheus.Counter {
			return m.tokens.WithLabelValues(rec.Provider, label, kind(f))
		}).Add(rec.Usage.Countable(f).Float())
	}
	if priced {
		known.cost.get(func() *sum { return m.costs.of(rec.Provider, label) }).add(cost)
	}
}

// kind is a field's name less what all of them share.
func kind(f usage.Field) string { return strings.TrimSuffix(f.String(), "_tokens") }

// statusClass is the class of a status code: a provider may send any of three digits.
func statusClass(status int) string {
	switch status / 100 {
	case 1:
		return "1xx"
	case 2:
		return "2xx"
	case 3:
		return "3xx"
	case 4:
		return "4xx"
	case 5:
		return "5xx"
	}
	return "none" // the client got nothing, or what is no HTTP status
}
