package ledger

import (
	"testing"

	"windhover/gateway/usage"
)

func TestEachRequestCountsOnce(t *testing.T) {
	t.Parallel()
	var s Sums
	for _, r := range []usage.Record{
		{RequestID: "answered", Attempt: 1, Final: true, Status: 200},
		{RequestID: "tried twice", Attempt: 1, Status: 503},
		{RequestID: "tried twice", Attempt: 2, Final: true, Status: 200},
		{RequestID: "refused", Status: 429, End: usage.EndRejected}, // as the gateway records it: no answer is of an attempt
	} {
		s.Add(SumsOf(&r))
	}
	if s[Requests] != 3 || s[Attempts] != 3 || s[Failures] != 2 {
		t.Errorf("%d requests, %d attempts, %d failures; want 3, 3 and 2", s[Requests], s[Attempts], s[Failures])
	}
}
