package usage

import (
	"fmt"

	"github.com/tidwall/gjson"

	"windhover/gateway/stream"
)

// Observer reads one answer as it passes. It runs in the copy's own goroutine, keeps a bounded part of what it sees, and
// cannot fail the copy: its own bugs end in Result.Fault. A nil Observer is one that has no rule to apply.
type Observer struct {
	plan     *plan
	exchange Exchange
	scope    scope
	body     func(p []byte) // where written bytes go first; nil: the answer's form is none that holds usage
	decoder  stream.Decoder
	content  *stream.Content // nil: the body is not encoded
	socket   *socket         // nil: the body is not that of a WebSocket connection
	streamed bool            // the body is made of many events

	found   []value // what the rules gathered, by slot
	last    lastEvent
	raw     []byte // what `from` chose last
	rawRule int    // which rule chose it
	parts   []Part
	events  int64
	garbled int   // events that might have held numbers but are no JSON
	err     error // the coding could not be read
	fault   error
	trace   *Tracer // nil: nobody looks on
}

// lastEvent is a copy of the newest event, for `end`.
type lastEvent struct {
	name string
	data []byte
}

// Observe begins to read an answer whose header has arrived. It is nil if no rule applies.
func (r *Rules) Observe(x Exchange) *Observer {
	if r == nil {
		return nil
	}
	plan := r.plan(r.match(&x))
	if plan == nil {
		return nil
	}
	return newObserver(plan, x, stream.DefaultLimit)
}

// newObserver begins to read by a plan. Events above limit, in bytes, are projected.
func newObserver(plan *plan, x Exchange, limit int) *Observer {
	o := prepare(plan, x)
	o.open(limit)
	return o
}

func prepare(plan *plan, x Exchange) *Observer {
	o := &Observer{plan: plan, exchange: x, found: make([]value, plan.slots), rawRule: len(plan.rules)}
	o.scope.exchange = &o.exchange
	return o
}

// open chooses the framing: by the rule that names one, or else by the content type alone.
func (o *Observer) open(limit int) {
	if o.exchange.Frames {
		o.openSocket(limit)
		return
	}
	format, readable := stream.FormatOf(o.exchange.Header.Get("Content-Type"))
	switch {
	case o.plan.format != nil:
		format, readable = *o.plan.format, true
	case o.exchange.Status == 101:
		format, readable = stream.NDJSON, true
	}
	if !readable {
		return
	}
	o.streamed = format.Stream()
	take := o.event
	if o.trace != nil {
		take = o.trace.event
	}
	o.decoder = stream.New(format, take, stream.Options{Limit: limit, Project: o.plan.project})
	o.body = o.decoder.Write
	encodings := o.exchange.Header["Content-Encoding"]
	if len(encodings) == 0 {
		return
	}
	o.content, o.err = stream.NewContent(encodings, o.decoder.Write, stream.ContentOptions{Budget: o.exchange.Decode})
	if o.err != nil {
		o.content, o.body = nil, nil
		return
	}
	o.body = o.content.Write
}

// Write takes the next piece of the body, as the provider sent it. It does not keep p.
func (o *Observer) Write(p []byte) {
	if o == nil || o.body == nil || o.fault != nil {
		return
	}
	defer o.recover()
	o.body(p)
}

// recover keeps a bug of ours away from the copy.
func (o *Observer) recover() {
	if x := recover(); x != nil {
		o.fault = faultOf(x)
	}
}

func faultOf(panicked any) error { return fmt.Errorf("observe answer: %v", panicked) }

// event takes one event of the body. It runs for every event of every stream, so most must end at the gate.
func (o *Observer) event(e stream.Event) {
	o.events++
	if o.plan.end != nil && o.streamed {
		o.last.name = e.Name
		o.last.data = append(o.last.data[:0], e.Data...)
	}
	if !o.plan.gate.passes(e.Data, o.found) {
		return
	}
	if !gjson.ValidBytes(e.Data) {
		o.garbled++
		return
	}
	s := &o.scope
	s.name, s.data = e.Name, view(e.Data)
	s.document.of(view(skipSpace(e.Data)))
	for i := range o.plan.rules {
		o.apply(i)
	}
	s.leave()
}

// apply reads one rule's fields from an event.
func (o *Observer) apply(i int) {
	r, s := &o.plan.rules[i], &o.scope
	s.json = &s.document
	if r.where != nil && !r.where.eval(s).truth() {
		return
	}
	chosen := r.chosen(&s.document)
	switch {
	case chosen.IsObject():
		o.readObject(r, chosen.Raw)
	case chosen.IsArray() && len(r.from) > 0:
		o.readArray(r, chosen)
	default:
		return
	}
	if len(r.from) > 0 {
		o.keepRaw(i, chosen.Raw)
	}
	if r.parts != nil {
		o.readParts(r, chosen.Raw)
	}
}

func (o *Observer) readObject(r *planned, json string) {
	for i := range r.fields {
		if v := o.read(r, i, json); v.there() {
			o.gather(r, i, v)
		}
	}
}

// readArray reads each element alone; within the event they add up, whatever the merge of events is.
func (o *Observer) readArray(r *planned, elements gjson.Result) {
	for i, f := range r.fields {
		var total value
		elements.ForEach(func(_, element gjson.Result) bool {
			if v := o.read(r, i, element.Raw); v.there() {
				total = sum.join(f.field, total, v)
			}
			return true
		})
		if total.there() {
			o.gather(r, i, total)
		}
	}
}

// read is a field's value in a piece of JSON; nothing unless a path that the field asked for was there.
func (o *Observer) read(r *planned, i int, json string) value {
	f := &r.fields[i]
	if !f.field.Number() && o.found[r.first+i].there() {
		return value{} // the first text stays
	}
	s := &o.scope
	s.enter(json)
	s.found = false
	v := f.eval(s)
	if !s.found {
		return value{}
	}
	return shapeFor(f.field, v)
}

// gather lays a value over what the rule found in earlier events.
func (o *Observer) gather(r *planned, i int, v value) {
	field, slot := r.fields[i].field, &o.found[r.first+i]
	*slot = r.merge.join(field, *slot, v)
	if o.trace != nil {
		o.trace.set(r, i, *slot)
	}
}

// maxRaw bounds what is kept of the provider's own usage JSON, in bytes.
const maxRaw = 8 << 10

// keepRaw keeps what `from` chose. Where several rules choose something, the most general one's is the provider's usage
// object; the others look into it, or beside it.
func (o *Observer) keepRaw(i int, json string) {
	if i > o.rawRule {
		return
	}
	o.rawRule = i
	o.raw = o.raw[:0]
	if len(json) <= maxRaw {
		o.raw = append(o.raw, json...)
	}
}

// maxParts bounds the parts of one answer.
const maxParts = 256

// readParts reads each element of the rule's `parts` by the rule's own fields; the newest list is the whole one.
func (o *Observer) readParts(r *planned, json string) {
	o.scope.enter(json)
	elements := o.scope.at(r.parts)
	if !holdsObject(elements) {
		return
	}
	o.parts = nil
	elements.ForEach(func(_, element gjson.Result) bool {
		o.parts = append(o.parts, Part{o.part(r, element.Raw)})
		return len(o.parts) < maxParts
	})
}

func (o *Observer) part(r *planned, json string) Usage {
	var u Usage
	for _, f := range r.fields {
		o.scope.enter(json)
		o.scope.found = false
		if v := f.eval(&o.scope); o.scope.found {
			u.set(f.field, shapeFor(f.field, v))
		}
	}
	return u
}
