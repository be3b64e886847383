package price

import (
	"fmt"
	"sync"
	"testing"

	"windhover/config"
	"windhover/gateway/usage"
)

// The table is worked out while records are charged: whoever comes first, all get the same.
func TestManyChargeAtOnceByATableThatNobodyHasUsed(t *testing.T) {
	t.Parallel()
	table := newTable(t, "  acme/m: {input: 1}\n")
	keys := []string{"openai/gpt-5", "openai/gpt-5-2025-08-07", "anthropic/claude-sonnet-5", "xai/grok-4.3", "acme/m", "openai/nobody"}
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 2_000 {
				pricing, model := config.CutPriceKey(keys[(worker+i)%len(keys)])
				if i%10 == 0 {
					model = fmt.Sprint("random-", worker, "-", i)
				}
				r := record(t, "input_tokens=1000000")
				r.RequestModel = model
				table.Charge(r, pricing)
				want := map[string]string{
					"gpt-5": "priced 1.25", "gpt-5-2025-08-07": "priced 1.25", "claude-sonnet-5": "priced 2.00", "grok-4.3": "priced 1.25", "m": "priced 1.00",
				}[model]
				if got := string(r.CostState) + " " + Dollars(r.CostNanoUSD); want != "" && got != want {
					t.Errorf("%s costs %s, want %s", model, got, want)
				}
				if want == "" && pricing != "xai" && r.CostState != usage.Unpriced {
					t.Errorf("%s is %s, want unpriced", model, r.CostState)
				}
			}
		})
	}
	all.Wait()
}
