package telemetry

import "github.com/prometheus/client_golang/prometheus"

// reloads are the metrics of the providers file.
type reloads struct {
	successful prometheus.Gauge
	succeeded  prometheus.Gauge
	total      *prometheus.CounterVec
	info       *prometheus.GaugeVec
}

func newReloads() reloads {
	return reloads{
		successful: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "windhover_config_last_reload_successful",
			Help: "Whether the newest attempt to load the providers file succeeded; where it did not, the last good file stays in use.",
		}),
		succeeded: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "windhover_config_last_reload_success_timestamp_seconds",
			Help: "When an attempt to load the providers file succeeded last.",
		}),
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "windhover_config_reloads_total",
			Help: "Attempts to load the providers file again, by result.",
		}, []string{"result"}),
		info: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "windhover_config_info",
			Help: "The revision of the providers file in use: the same everywhere once an edit has reached every gateway.",
		}, []string{"revision"}),
	}
}

func (r *reloads) register(registerer prometheus.Registerer) {
	r.total.WithLabelValues("success")
	r.total.WithLabelValues("failure")
	registerer.MustRegister(r.successful, r.succeeded, r.total, r.info)
}

// Loaded tells of the file that the gateway has started with.
func (m *Metrics) Loaded(revision string) {
	m.reloads.successful.Set(1)
	m.reloads.succeeded.SetToCurrentTime()
	m.reloads.info.Reset()
	m.reloads.info.WithLabelValues(revision).Set(1)
}

// Reloaded counts an attempt to load the file again: the revision in use afterwards, and the error if it changed nothing.
func (m *Metrics) Reloaded(revision string, err error) {
	if err != nil {
		m.reloads.total.WithLabelValues("failure").Inc()
		m.reloads.successful.Set(0)
		return
	}
	m.reloads.total.WithLabelValues("success").Inc()
	m.Loaded(revision)
}
