package gateway

import (
	"context"
	"io"
	"net/http"
	"testing"

	"windhover/gateway/usage"
)

// An upstream that sees the gateway hang up may end its answer as HTTP wants it, and that may still arrive.
func TestCleanEndBehindAnInterruptionIsLaidToIt(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		cause  error
		length int64 // of the answer, as its header says; -1: nothing
		found  usage.Result
		want   usage.End
	}{
		{"client left", context.Canceled, -1, usage.Result{}, usage.EndClientClosed},
		{"client left what cannot be read", context.Canceled, -1, usage.Result{State: usage.Unreadable}, usage.EndClientClosed},
		{"total time is over", errTotal, -1, usage.Result{}, usage.EndTimeoutTotal},
		{"client left behind the terminal event", context.Canceled, -1, usage.Result{Ended: true}, usage.EndClientClosedAfter},
		{"client left with the last byte", context.Canceled, 5, usage.Result{Ended: true}, usage.EndComplete},
		{"nobody left", nil, -1, usage.Result{}, usage.EndUpstreamTruncated},
		{"nobody left what cannot be read", nil, -1, usage.Result{State: usage.Unreadable}, usage.EndComplete},
		{"nobody left, with the terminal event", nil, -1, usage.Result{Ended: true}, usage.EndComplete},
	} {
		x := &exchange{record: &usage.Record{}}
		x.ctx, x.cancel = context.WithCancelCause(t.Context())
		defer x.cancel(nil)
		if test.cause != nil {
			x.cancel(test.cause)
		}
		x.record.End = x.endOfBody(&http.Response{ContentLength: test.length}, io.EOF)
		x.cancel(nil) // as finish does
		x.settle(&test.found)
		if x.record.End != test.want {
			t.Errorf("%s: end = %s, want %s", test.name, x.record.End, test.want)
		}
	}
}
