package gateway

import (
	"windhover/gateway/price"
	"windhover/gateway/usage"
)

// Charge works out anew what a record's attempt cost, by its provider and time and the prices in use. It sets CostState,
// CostNanoUSD, Price and ModelLabel.
func (g *Gateway) Charge(r *usage.Record) { g.snapshot.Load().Charge(r) }

// Charge is that of the Gateway, by the prices of this file.
func (s *Snapshot) Charge(r *usage.Record) {
	s.prices.Charge(r, s.Pricing(r.Provider))
}

// Prices is the table that the file's answers are charged by.
func (s *Snapshot) Prices() *price.Table { return s.prices }

// Pricing is the name that a provider's models are priced by: its own where the file does not have it, or says no other.
func (s *Snapshot) Pricing(provider string) string {
	if p := s.provider(provider); p != nil {
		return p.pricing
	}
	return provider
}
