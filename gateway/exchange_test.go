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
		found usage.Result
		want  usage.End
	}{
		{"client left", context.Canceled, usage.Result{}, usage.EndClientClosed},
		{"client left what cannot be read", context.Canceled, usage.Result{State: usage.Unreadable}, usage.EndClientClosed},
		{"total time is over", errTotal, usage.Result{}, usage.EndTimeoutTotal},
		{"client left behind the terminal event", context.Canceled, usage.Result{Ended: true}, usage.EndComplete},
		{"nobody left", nil, usage.Result{}, usage.EndUpstreamTruncated},
		{"nobody left what cannot be read", nil, usage.Result{State: usage.Unreadable}, usage.EndComplete},
		{"nobody left, with the terminal event", nil, usage.Result{Ended: true}, usage.EndComplete},
	} {
		x := &exchange{record: &usage.Record{}}
		x.ctx, x.cancel = context.WithCancelCause(t.Context())
		defer x.cancel(nil)
		if test.cause != nil {
			x.cancel(test.cause)
		}
		x.record.End = x.endOfBody(io.EOF)
		x.cancel(nil) // as finish does
		x.settle(test.found)
		if x.record.End != test.want {
			t.Errorf("%s: end = %s, want %s", test.name, x.record.End, test.want)
		}
	}
}
