package main

import (
	"net/http"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"windhover/gateway"
	"windhover/gateway/telemetry"
)

// metrics are those of this process, and the registry that they are scraped from.
type metrics struct {
	*telemetry.Metrics
	registry *prometheus.Registry
}

func newMetrics() metrics {
	registry := prometheus.NewRegistry()
	return metrics{telemetry.New(registry), registry}
}

// observe adds what only the gateway and its sinks know.
func (m metrics) observe(g *gateway.Gateway, records *recordWriter) {
	telemetry.Sources{InFlight: g.Open, RecordsDropped: records.Lost, Upstreams: upstreamsOf(g), Build: buildLabels()}.Register(m.registry)
	m.Loaded(g.Revision())
}

func (m metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// page is the handler of the listener that has nothing but metrics.
func (m metrics) page() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m.handler())
	return mux
}

func buildLabels() telemetry.Build {
	build := telemetry.Build{Version: "unknown", Revision: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return build
	}
	build.GoVersion = info.GoVersion
	if info.Main.Version != "" {
		build.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			build.Revision = s.Value
		}
	}
	return build
}
