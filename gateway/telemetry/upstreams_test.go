package telemetry

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestUpstreamsAreAskedAtEachScrape(t *testing.T) {
	t.Parallel()
	well := false
	asked := []Upstream{
		{
			Provider: "up", Breakers: map[string]int{"closed": 2, "open": 1, "half_open": 0}, Throttled: 1,
			Opened: 3, Refused: 4, Throttles: 5, Retries: 6, RetriesOverBudget: 7, NotKept: 8, Fallbacks: 9,
		},
		{Provider: "checked", Healthy: &well},
		{Provider: "idle"},
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(newUpstreams(func() []Upstream { return asked }))
	want := `
windhover_breaker_openings_total{provider="up"} 3
windhover_breakers{provider="up",state="closed"} 2
windhover_breakers{provider="up",state="half_open"} 0
windhover_breakers{provider="up",state="open"} 1
windhover_fallbacks_total{provider="up"} 9
windhover_provider_healthy{provider="checked"} 0
windhover_retries_total{provider="up"} 6
windhover_retries_withheld_total{provider="up",reason="body"} 8
windhover_retries_withheld_total{provider="up",reason="budget"} 7
windhover_upstream_refusals_total{provider="up"} 4
windhover_upstream_throttles_total{provider="up"} 5
windhover_upstreams_throttled{provider="up"} 1
`
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var samples strings.Builder
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			value := m.GetCounter().GetValue() + m.GetGauge().GetValue() // one of them is not there
			fmt.Fprintf(&samples, "%s{%s} %v\n", f.GetName(), strings.Join(labels, ","), value)
		}
	}
	if "\n"+samples.String() != want {
		t.Errorf("metrics =\n%swant%s", samples.String(), want)
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
}
