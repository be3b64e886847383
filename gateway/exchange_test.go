package gateway

import (
	"context"
	"io"
	"testing"

	"windhover/gateway/usage"
)

// An upstream that sees the gateway hang up may end its answer as HTTP wants it, and that may still arrive.
func TestCleanEndBehindAnInterruptionIsLaidToIt(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		cause error
		ended bool // with the terminal event
		want  usage.End
	}{
		{"client left", context.Canceled, false, usage.EndClientClosed},
		{"total time is over", errTotal, false, usage.EndTimeoutTotal},
		{"client left behind the terminal event", context.Canceled, true, usage.EndComplete},
		{"nobody left", nil, false, usage.EndUpstreamTruncated},
		{"nobody left, with the terminal event", nil, true, usage.EndComplete},
	} {
		x := &exchange{record: &usage.Record{}}
		x.ctx, x.cancel = context.WithCancelCause(t.Context())
		defer x.cancel(nil)
		if test.cause != nil {
			x.cancel(test.cause)
		}
		x.record.End = x.endOfBody(io.EOF)
		x.cancel(nil) // as finish does
		x.settle(usage.Result{Ended: test.ended})
		if x.record.End != test.want {
			t.Errorf("%s: end = %s, want %s", test.name, x.record.End, test.want)
		}
	}
}
