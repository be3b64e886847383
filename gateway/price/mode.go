package price

import "strings"

// standard reports whether a service tier is the one that a row's own rates are for, by any provider's name for it. Vertex AI
// may send its traffic types as numbers: 1 is ON_DEMAND.
func standard(tier string) bool {
	if tier == "" {
		return true
	}
	for _, name := range [...]string{
		"standard", "default", "auto", "on_demand", "standard_only", "not_available",
		"unspecified", "service_tier_unspecified", "traffic_type_unspecified", "0", "1",
	} {
		if strings.EqualFold(tier, name) {
			return true
		}
	}
	return false
}

// modeName is a service tier as `modes` name it: without what Google puts before it, as in ON_DEMAND_FLEX.
func modeName(tier string) string {
	for _, prefix := range [...]string{"on_demand_", "service_tier_"} {
		if len(tier) > len(prefix) && strings.EqualFold(tier[:len(prefix)], prefix) {
			return tier[len(prefix):]
		}
	}
	return tier
}
