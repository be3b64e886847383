package usage

import (
	"fmt"
	"sync"

	"github.com/tidwall/gjson"

	"windhover/gateway/stream"
)

// Observer reads one answer as it passes. It runs in the copy's own goroutine, keeps a bounded part of what it sees, and
// cannot fail the copy: its own bugs end in Result.Fault. A nil Observer is one that has no rule to apply.
type Observer struct {
	plan     *plan
	exchange Exchange
	scope    scope
	decoder  stream.Decoder  // nil: the answer's form is none that holds usage, or cannot be read
	content  *stream.Content // where written bytes go first; nil: the body is not encoded
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

	room room

	take  func(stream.Event) // event, made once for all answers that it reads
	spent stream.Decoder     // of the answer before; may be nil
	texts texts              // of the answers before
}

// texts are what answers said last, by field: most name the same model and service tier again, which is then not copied anew.
type texts [allFields - numberFields]string

// keep is a text from an event, as a field holds it.
func (t *texts) keep(f Field, s string) value {
	kept := &t[f-numberFields]
	if s != *kept {
		*kept = Clean(s, maxText)
	}
	return ofText(*kept)
}

// room is where an observer keeps what most answers need, so that it costs one allocation.
type room struct {
	found   [usualSlots]value
	members [usualMembers]member
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
	o := newObserver(x)
	plan := r.plan(&o.scope)
	if plan == nil {
		o.Release()
		return nil
	}
	o.begin(plan, stream.DefaultLimit)
	return o
}

// observers that were released, to be used again: one is most of what reading an answer would allocate.
var observers = sync.Pool{New: func() any {
	o := new(Observer)
	o.take = o.event
	return o
}}

// Release gives a closed observer back; the result stays valid. One of a WebSocket session has been known to two goroutines,
// and is left to the garbage collector.
func (o *Observer) Release() {
	if o == nil || o.socket != nil || o.trace != nil {
		return
	}
	last := lastEvent{data: o.last.data[:0]}
	if cap(last.data) > stream.DefaultLimit {
		last.data = nil
	}
	*o = Observer{take: o.take, spent: o.spent, texts: o.texts, last: last}
	observers.Put(o)
}

// newObserver is an observer that has no plan yet.
func newObserver(x Exchange) *Observer {
	o := observers.Get().(*Observer)
	o.exchange = x
	o.scope.exchange = &o.exchange
	o.scope.document.members = o.room.members[:0]
	return o
}

// begin begins to read by a plan. Events above limit, in bytes, are projected.
func (o *Observer) begin(plan *plan, limit int) {
	o.plan, o.rawRule = plan, len(plan.rules)
	o.found = o.room.found[:min(plan.slots, usualSlots)]
	if plan.slots > usualSlots {
		o.found = make([]value, plan.slots)
	}
	if o.exchange.Frames {
		o.openSocket(limit)
		return
	}
	o.open(limit)
}

// open chooses the framing: by the rule that names one, or else by the content type alone.
func (o *Observer) open(limit int) {
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
	take := o.take
	if o.trace != nil {
		take = o.trace.event
	}
	decoder := stream.New(format, take, stream.Options{Limit: limit, Project: o.plan.project, Spent: o.spent})
	if encodings := o.exchange.Header["Content-Encoding"]; len(encodings) > 0 {
		o.content, o.err = stream.NewContent(encodings, decoder.Write, stream.ContentOptions{Budget: o.exchange.Decode})
	}
	if o.err == nil {
		o.decoder = decoder
	}
}

// Write takes the next piece of the body, as the provider sent it. It does not keep p.
func (o *Observer) Write(p []byte) {
	if o == nil || o.decoder == nil || o.fault != nil {
		return
	}
	defer o.recover()
	if o.content != nil {
		o.content.Write(p)
		return
	}
	o.decoder.Write(p)
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
	// A body that is no stream nearly always holds what is looked for: to look first would only cost.
	if o.streamed && !o.plan.gate.passes(e.Data, o.found) {
		return
	}
	s := &o.scope
	s.name, s.data = e.Name, view(e.Data)
	if !s.document.of(s.data) {
		o.garbled++
		return
	}
	for i := range o.plan.rules {
		o.apply(i)
	}
	s.leave()
}

// apply reads one rule's fields from an event.
func (o *Observer) apply(i int) {
	r, s := &o.plan.rules[i], &o.scope
	s.json = s.root()
	if r.where != nil && !r.where.eval(s).truth() {
		return
	}
	chosen := s.choose(r.from)
	json := chosen.text()
	switch {
	case isObject(json):
		s.json = chosen
		o.readObject(r)
	case isArray(json) && len(r.from) > 0:
		o.readArray(r, gjson.Parse(json))
	default:
		return
	}
	if len(r.from) > 0 {
		o.keepRaw(i, json)
	}
	if r.parts != nil {
		o.readParts(r, chosen.get(r.parts))
	}
}

func (o *Observer) readObject(r *planned) {
	for i := range r.fields {
		if o.scope.json.lacks(r.fields[i].opens) {
			continue
		}
		if v := o.read(r, i); v.there() {
			o.gather(r, i, v)
		}
	}
}

// readArray reads each element alone; within the event they add up, whatever the merge of events is.
func (o *Observer) readArray(r *planned, elements gjson.Result) {
	var totals [allFields]value // by field of the rule
	elements.ForEach(func(_, element gjson.Result) bool {
		o.scope.enter(element.Raw)
		for i, f := range r.fields {
			if o.scope.json.lacks(f.opens) {
				continue
			}
			if v := o.read(r, i); v.there() {
				totals[i] = sum.join(f.field, totals[i], v)
			}
		}
		return true
	})
	for i := range r.fields {
		if totals[i].there() {
			o.gather(r, i, totals[i])
		}
	}
}

// read is a field's value where the scope stands; nothing unless a path that the field asked for was there.
func (o *Observer) read(r *planned, i int) value {
	f, s := &r.fields[i], &o.scope
	if !f.field.Number() && o.found[r.first+i].there() {
		return value{} // the first text stays
	}
	s.found = false
	v := f.eval(s)
	if !s.found {
		return value{}
	}
	if v.kind == text && v.s != "" && !f.field.Number() {
		return o.texts.keep(f.field, v.s)
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
func (o *Observer) readParts(r *planned, elements gjson.Result) {
	if !holdsObject(elements) {
		return
	}
	o.parts = nil
	elements.ForEach(func(_, element gjson.Result) bool {
		o.scope.enter(element.Raw)
		o.parts = append(o.parts, Part{o.part(r)})
		return len(o.parts) < maxParts
	})
}

func (o *Observer) part(r *planned) Usage {
	var u Usage
	for _, f := range r.fields {
		if o.scope.json.lacks(f.opens) {
			continue
		}
		o.scope.found = false
		if v := f.eval(&o.scope); o.scope.found {
			u.set(f.field, shapeFor(f.field, v))
		}
	}
	return u
}
