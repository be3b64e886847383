package main

import (
	"windhover/gateway"
	"windhover/gateway/telemetry"
)

// upstreamsOf is how the gateway's providers do, as metrics show it.
func upstreamsOf(g *gateway.Gateway) func() []telemetry.Upstream {
	return func() []telemetry.Upstream {
		breakers := make(map[string][]gateway.BreakerState)
		for _, b := range g.Breakers() {
			breakers[b.Provider] = append(breakers[b.Provider], b)
		}
		health, tallies := g.Health(), g.Tallies()
		var all []telemetry.Upstream
		for _, name := range g.Providers() {
			t := tallies[name]
			up := telemetry.Upstream{
				Provider: name, Opened: t.Opened, Refused: t.Refused, Throttles: t.Throttled,
				Retries: t.Retries, Fallbacks: t.Fallbacks, RetriesOverBudget: t.RetriesOverBudget, NotKept: t.BodiesNotKept,
			}
			if h, ok := health[name]; ok {
				up.Healthy = h.Healthy
			}
			for _, b := range breakers[name] {
				if up.Breakers == nil {
					up.Breakers = map[string]int{"closed": 0, "open": 0, "half_open": 0}
				}
				up.Breakers[b.State]++
				if b.Throttled {
					up.Throttled++
				}
			}
			all = append(all, up)
		}
		return all
	}
}
