package main

import (
	"context"
	"net/http"

	"windhover"
	"windhover/gateway"
	"windhover/gateway/ledger"
	"windhover/gateway/ledger/usageapi"
	"windhover/gateway/price"
	"windhover/gateway/usage"
)

// newUsageAPI is what the admin listener answers below /api/.
func newUsageAPI(kept *ledger.Ledger, g *gateway.Gateway, feed *usageapi.Feed) http.Handler {
	return usageapi.New(usageapi.Options{
		Reader: kept.Reader,
		Reprice: func(ctx context.Context, f ledger.Filter, dryRun bool) (*ledger.Repricing, error) {
			return ledger.Repricer{Reader: kept.Reader, Reprice: kept.Reprice, Charge: g.Charge, DryRun: dryRun}.Run(ctx, f)
		},
		Explain:  func(row []byte, r *usage.Record) (any, error) { return price.Explain(row, r) },
		Feed:     feed,
		Document: windhover.UsageAPI,
	})
}
