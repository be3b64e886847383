package main

import (
	"net/http"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"windhover/gateway"
	"windhover/gateway/ledger"
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
func (m metrics) observe(g *gateway.Gateway, records *recordWriter, kept *ledger.Ledger) {
	sources := telemetry.Sources{InFlight: g.Open, RecordsDropped: records.Lost, Upstreams: upstreamsOf(g), Build: buildLabels()}
	if kept != nil {
		sources.Ledger = func() telemetry.Ledger { return inNumbers(kept.Status()) }
		for _, state := range ledger.States() {
			sources.LedgerStates = append(sources.LedgerStates, string(state))
		}
	}
	sources.Register(m.registry)
	m.Loaded(g.Revision())
}

// inNumbers is how the ledger does, as metrics show it.
func inNumbers(s ledger.Status) telemetry.Ledger {
	return telemetry.Ledger{
		State: string(s.State), Queued: int64(s.Queued), QueueRoom: int64(s.QueueCapacity), Held: int64(s.Held),
		SpoolBytes: s.SpoolBytes, Written: s.Written, Spooled: s.Spooled, Dropped: s.Dropped, Damaged: s.Damaged,
	}
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
