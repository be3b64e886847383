package gateway

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"time"

	"windhover/config"
	"windhover/gateway/stream"
	"windhover/gateway/usage"
)

// faultPolicy is what a provider says about upstreams that fail.
type faultPolicy struct {
	breaker  string // one of config.Mode…
	throttle string
	settings breakerSettings
	patience time.Duration    // the longest that a throttle is believed
	fault    *usage.Condition // nil: answers from 500 are failures
}

func compileFaults(c config.Provider, variables []string) (faultPolicy, config.Problems) {
	g := faultPolicy{
		breaker:  modeOf(c.Breaker.Mode),
		throttle: modeOf(c.Throttle.Mode),
		settings: newBreakerSettings(c.Breaker),
		patience: c.Throttle.Max.Or(defaultPatience),
	}
	var problems config.Problems
	g.fault, problems = usage.CompileFault(c.Fault, variables)
	return g, problems
}

func modeOf(t config.Text) string {
	if t.Empty() {
		return config.ModeWatch
	}
	return t.Value
}

// admitUpstream asks for leave to send a request to the host. It is refused only where the file says that an open breaker refuses, or a
// throttle.
func (x *exchange) admitUpstream(host string) *failure {
	g := &x.provider.faults
	x.ticket, x.upstream = ticket{}, nil
	if g.breaker == config.ModeOff && g.throttle == config.ModeOff {
		return nil
	}
	b := x.gateway.breakers.of(x.upstreamKey(host), x.provider)
	x.upstream = b
	if g.throttle == config.ModeEnforce {
		if rest := b.throttle.rest(); rest > 0 {
			x.provider.tally.refused.Add(1)
			return b.patience(rest)
		}
	}
	if g.breaker == config.ModeOff {
		return nil
	}
	p, ok := b.admit()
	if !ok && g.breaker == config.ModeEnforce {
		x.provider.tally.refused.Add(1)
		return b.refusal()
	}
	x.ticket = p
	return nil
}

// upstreamKey names what fails together. The model is what stands in a body that was read before it is sent.
func (x *exchange) upstreamKey(host string) upstreamKey {
	model := ""
	if x.body != nil {
		model = x.body.model()
	}
	return upstreamKey{x.provider.name, host, model[:min(len(model), maxBreakerModel)]}
}

// hear lets the breaker and the throttle know of an answer's header.
func (x *exchange) hear(res *http.Response) {
	g := &x.provider.faults
	if x.upstream != nil && g.throttle != config.ModeOff && x.upstream.throttle.hear(res, g.patience) {
		x.provider.tally.throttled.Add(1)
	}
	if x.ticket.breaker == nil {
		return
	}
	if res.StatusCode >= http.StatusBadRequest && g.fault.ReadsBody() {
		x.errorBody = &errorBody{ReadCloser: res.Body, status: res.StatusCode, header: res.Header}
		res.Body = x.errorBody
		return
	}
	x.judge(res.StatusCode, res.Header, nil)
}

// judge tells the breaker what an answer says about the upstream.
func (x *exchange) judge(status int, header http.Header, body []byte) {
	failed := status >= http.StatusInternalServerError
	if c := x.provider.faults.fault; c != nil {
		failed = c.Holds(x.asked(status, header), body)
	}
	if failed {
		x.ticket.tell(saysFault, "status "+strconv.Itoa(status))
		return
	}
	x.ticket.tell(saysGood, "")
}

// conclude tells the breaker how the attempt has ended.
func (x *exchange) conclude(end usage.End, code string) {
	switch end {
	case usage.EndComplete, usage.EndClientClosedAfter:
		if x.errorBody != nil {
			x.judge(x.errorBody.status, x.errorBody.header, x.errorBody.decoded(x.gateway.decoding))
		}
	case usage.EndConnectError, usage.EndTimeoutConnect, usage.EndTimeoutHeader, usage.EndTimeoutIdle, usage.EndUpstreamError, usage.EndUpstreamTruncated:
		if code != "address_refused" && code != "bad_upgrade" {
			x.ticket.tell(saysFault, string(end))
		}
	}
	x.ticket.tell(saysNothing, "") // what ends otherwise says nothing, but a trial has to make room
	x.errorBody = nil
}

// maxErrorBody is up to which size an error answer's body is kept for `fault`, in bytes.
const maxErrorBody = 64 << 10

// errorBody is the body of an error answer on its way to the client, with a copy of it.
type errorBody struct {
	io.ReadCloser
	status int
	header http.Header
	copy   []byte
	over   bool // it is larger than what is kept
}

func (b *errorBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.over = b.over || len(b.copy)+n > maxErrorBody; !b.over {
		b.copy = append(b.copy, p[:n]...)
	}
	return n, err
}

// decoded is the body without its content coding; nil where it is too large, or cannot be read.
func (b *errorBody) decoded(budget *stream.Budget) []byte {
	encodings := b.header["Content-Encoding"]
	switch {
	case b.over:
		return nil
	case len(encodings) == 0:
		return b.copy
	}
	var plain bytes.Buffer
	c, err := stream.NewContent(encodings, func(p []byte) { plain.Write(p) }, stream.ContentOptions{Output: maxErrorBody, Budget: budget})
	if err != nil {
		return nil
	}
	c.Write(b.copy)
	c.Close()
	if c.Err() != nil {
		return nil
	}
	return plain.Bytes()
}
