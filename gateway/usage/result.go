package usage

import (
	"bytes"
	"cmp"
	"errors"
	"net/http"

	"windhover/gateway/stream"
)

// Result is what an answer reported.
type Result struct {
	Usage  Usage
	State  State
	Parts  []Part // of an answer that is priced in parts
	Events int64  // in the body
	Stream bool   // the body was a stream of events
	// Ended says that the answer is whole: its terminal event was there, or, where no rule tells what that is, it ended cleanly.
	Ended bool
	// Doubts name what cannot be in the numbers, in fixed words: `output_tokens is negative`. The numbers are the provider's own all the same.
	Doubts []string
	// RawUsage is the provider's own usage JSON, up to 8 KiB; it holds no prompt.
	RawUsage []byte
	// Fault is a bug of ours that ended the reading; nil otherwise.
	Fault error
}

// unreadDoubt marks an answer of which a piece that could have held numbers was skipped.
const unreadDoubt = "an event could not be read"

// Checkpoint is what the answer has reported so far. The reading goes on.
func (o *Observer) Checkpoint() (res Result) {
	if o == nil {
		return Result{State: None}
	}
	o.conclude(&res, false)
	res.RawUsage = bytes.Clone(res.RawUsage) // what comes will be written over it
	return res
}

// Close ends the reading. clean says that the body came to its own end: it did not break off, and nobody left early.
func (o *Observer) Close(clean bool) (res Result) {
	if o == nil {
		return Result{State: None, Ended: clean}
	}
	o.finish()
	o.conclude(&res, clean)
	o.spent, o.decoder = o.decoder, nil // what came now would be written over what the result holds
	return res
}

// conclude writes down what was found. A result is half a kilobyte: it is filled where it is wanted.
func (o *Observer) conclude(res *Result, clean bool) {
	res.Events, res.Stream, res.Parts = o.events, o.streamed, o.parts
	if len(o.raw) > 0 {
		res.RawUsage = o.raw
	}
	func() {
		defer o.recover()
		o.lay(&res.Usage)
		res.Ended = o.ended(clean)
	}()
	res.Doubts = doubts(&res.Usage)
	if o.skipped(clean) {
		res.Doubts = append(res.Doubts, unreadDoubt)
	}
	res.Fault = o.fault
	res.State = o.state(res, clean)
}

// finish lets the decoders hand on what only the end could complete.
func (o *Observer) finish() {
	defer o.recover()
	if o.content != nil {
		o.content.Close()
		o.err = o.content.Err()
	}
	if o.decoder != nil {
		o.decoder.Close()
	}
	if o.socket != nil {
		o.err = o.socket.server.Err()
		o.fault = cmp.Or(o.fault, o.socket.close())
	}
}

// lay lays the rules over one another: for each field the later rule that has a value wins, and in a rule what an event said
// wins over its base.
func (o *Observer) lay(u *Usage) {
	for i := range o.plan.rules {
		r := &o.plan.rules[i]
		for j := range r.fields {
			f, v := &r.fields[j], o.found[r.first+j]
			if !v.there() && f.base {
				v = o.base(f)
			}
			u.set(f.field, v)
		}
	}
}

// base is what a field is without any event: headers, path, request and constants.
func (o *Observer) base(f *reading) value {
	o.scope.leave()
	return shapeFor(f.field, f.eval(&o.scope))
}

// ended asks the last event of a stream whether it was the terminal one, if a rule can tell; a single JSON body and an
// error need no terminal event. An encoded stream whose coding was cut off may still have held it.
func (o *Observer) ended(clean bool) bool {
	if o.socket != nil && o.plan.end == nil {
		return o.socket.ended(clean)
	}
	if o.plan.end == nil || !o.streamed || o.exchange.Status >= http.StatusBadRequest {
		return clean && o.err == nil
	}
	if o.err != nil && !errors.Is(o.err, stream.ErrTruncated) {
		return false
	}
	s := &o.scope
	s.name, s.data = o.last.name, view(o.last.data)
	s.document.of(s.data)
	s.json = s.root()
	defer s.leave()
	return o.plan.end.eval(s).truth()
}

// skipped reports whether events were left out of a body that is there to its end. In one that broke off, the last event always is.
func (o *Observer) skipped(clean bool) bool {
	return clean && (o.garbled > 0 || o.decoder != nil && o.decoder.Dropped() > 0)
}

// unreadable reports whether the coding or the framing is to blame for what was not found, and not the end of the body.
func (o *Observer) unreadable(clean bool) bool {
	if o.err != nil {
		return clean || !errors.Is(o.err, stream.ErrTruncated)
	}
	return o.skipped(clean)
}

func (o *Observer) state(res *Result, clean bool) State {
	switch {
	case !o.plan.consumes:
		return None
	case o.fault != nil:
		return Unreadable
	case res.Usage.HasNumbers():
		if res.Ended && !serious(res.Doubts) {
			return Reported
		}
		return Partial
	case !o.plan.counts || !o.good():
		return None
	case o.unreadable(clean):
		return Unreadable
	}
	return Missing
}

// serious reports whether a doubt leaves a number in question.
func serious(doubts []string) bool {
	for _, d := range doubts {
		if d != totalDoubt {
			return true
		}
	}
	return false
}

// good reports whether the answer is one that a provider would charge for.
func (o *Observer) good() bool {
	switch status := o.exchange.Status; {
	case status == http.StatusSwitchingProtocols:
		return true
	case status == http.StatusNoContent, o.exchange.Method == http.MethodHead, o.exchange.Method == http.MethodOptions:
		return false
	default:
		return status >= 200 && status < 300
	}
}
