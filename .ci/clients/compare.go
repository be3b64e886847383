package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"clients/upstream"
)

// compareCalls checks that callers get the same through the gateway.
func compareCalls(r *report, direct, through side) {
	for i, want := range direct.calls {
		if i >= len(through.calls) {
			r.fail(i, "%s: no result through the gateway", want.Name)
			continue
		}
		if d := difference(want.Name, through.calls[i].Result, want.Result); d != "" {
			r.fail(i, "%s", d)
		}
	}
	if len(direct.calls) == 0 || len(through.calls) != len(direct.calls) {
		r.fail(general, "%d calls through the gateway, %d directly", len(through.calls), len(direct.calls))
	}
}

// addedHeader is what the gateway adds to an answer, as its manual says. Some libraries show a caller all headers.
const addedHeader = "x-windhover-request-id"

// difference says where in two JSON values the first difference is; nothing is the empty text.
func difference(at string, got, want any) string {
	switch want := want.(type) {
	case map[string]any:
		if got, ok := got.(map[string]any); ok {
			return memberDifference(at, got, want)
		}
	case []any:
		if got, ok := got.([]any); ok && len(got) == len(want) {
			for i := range want {
				if d := difference(fmt.Sprintf("%s[%d]", at, i), got[i], want[i]); d != "" {
					return d
				}
			}
			return ""
		}
	}
	if reflect.DeepEqual(got, want) {
		return ""
	}
	return fmt.Sprintf("%s: %.300s, directly %.300s", at, text(got), text(want))
}

func memberDifference(at string, got, want map[string]any) string {
	both := maps.Clone(got)
	maps.Copy(both, want)
	delete(both, addedHeader)
	for _, name := range slices.Sorted(maps.Keys(both)) {
		if d := difference(at+" "+name, got[name], want[name]); d != "" {
			return d
		}
	}
	return ""
}

func text(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// compareRequests checks that the upstream gets the same through the gateway, one request for each call.
func compareRequests(r *report, direct, through side) {
	for _, s := range []struct {
		name string
		side side
	}{{"directly", direct}, {"through the gateway", through}} {
		if len(s.side.requests) != len(s.side.calls) {
			r.fail(general, "%d requests for %d calls %s", len(s.side.requests), len(s.side.calls), s.name)
		}
	}
	for i := range min(len(direct.requests), len(through.requests)) {
		want, got := direct.requests[i], through.requests[i]
		if want.Status == http.StatusTeapot {
			r.fail(i, "the upstream does not know what %s %s %q is", want.Method, want.Target, want.Asked)
		}
		if difference := differentRequest(got, want); difference != "" {
			r.fail(i, "%s: the upstream gets %s", want.Asked, difference)
		}
	}
}

// differentRequest says what differs in two requests; nothing is the empty text.
func differentRequest(got, want upstream.Request) string {
	if !bytes.Equal(got.Body, want.Body) && bytes.Equal(withoutAsking(got.Body), want.Body) {
		got, want = asWithoutAsking(got), asWithoutAsking(want)
	}
	if gotHead, wantHead := head(got), head(want); gotHead != wantHead {
		return fmt.Sprintf("\n%sinstead of\n%s", gotHead, wantHead)
	}
	if !bytes.Equal(plainBody(got), plainBody(want)) {
		return fmt.Sprintf("another body: %.500q instead of %.500q", got.Body, want.Body)
	}
	return ""
}

// withoutAsking is a body as it was before the gateway asked for usage in it.
func withoutAsking(body []byte) []byte {
	return bytes.Replace(body, []byte(`,"stream_options":{"include_usage":true}`), nil, 1)
}

// asWithoutAsking is a request less what asking for usage changes in it: the body, and that the answer is not to be encoded,
// so that an event can be taken out of it.
func asWithoutAsking(r upstream.Request) upstream.Request {
	r.Body = withoutAsking(r.Body)
	r.Header = r.Header.Clone()
	r.Header.Del("Content-Length")
	r.Header.Del("Accept-Encoding")
	return r
}

// Of these headers a client makes up a new value for each request.
var madeUp = []string{"Amz-Sdk-Invocation-Id", "X-Amz-Date", "Idempotency-Key", "X-Stainless-Read-Timeout"}

// keptBack is what no provider of the shipped file gets (docs/credentials.md): a client that keeps cookies, as Python's httpx does,
// sends those of one provider to every other behind the same gateway.
var keptBack = []string{"Cookie"}

// hopByHop headers belong to a connection. The gateway has its own.
var hopByHop = []string{"Connection", "Keep-Alive", "Te"}

// head is a request without its body, less what is never the same twice.
func head(r upstream.Request) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\nHost: %s\n", r.Method, r.Target, r.Host)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if slices.Contains(madeUp, name) || slices.Contains(keptBack, name) || slices.Contains(hopByHop, name) {
			continue
		}
		value := strings.Join(r.Header[name], "\n")
		if boundary := boundaryOf(r); boundary != "" {
			value = strings.ReplaceAll(value, boundary, "boundary")
		}
		fmt.Fprintf(&b, "%s: %s\n", name, value)
	}
	return b.String()
}

// plainBody is a request's body with the same boundary in every form.
func plainBody(r upstream.Request) []byte {
	if boundary := boundaryOf(r); boundary != "" {
		return bytes.ReplaceAll(r.Body, []byte(boundary), []byte("boundary"))
	}
	return r.Body
}

func boundaryOf(r upstream.Request) string {
	_, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return params["boundary"]
}
