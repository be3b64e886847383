package usage

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tidwall/gjson"

	"windhover/gateway/stream"
)

// Tracer is an Observer that notes how it reads: which event made which rule set which field. It keeps a note of every event
// and is made for people who look at one answer; the gateway does without.
type Tracer struct {
	*Observer
	Events []TracedEvent // of the body, in order
	Base   []Setting     // what rules say without any event; known after Close

	slots   []int64          // which event set a slot last; 0: none
	origins map[Field]Origin // of the numbers and texts of the result
	used    map[string]bool  // by rule
}

// TracedEvent is one event of an answer without its content.
type TracedEvent struct {
	Number  int64     `json:"event"`             // from 1
	Name    string    `json:"name,omitempty"`    // what rules know as `event`
	Size    int       `json:"bytes"`             // of what the rules saw
	Outline string    `json:"outline,omitempty"` // the names of its JSON's members, or a word such as [DONE]; at most 60 bytes
	Set     []Setting `json:"set,omitempty"`
}

// Setting is a value that a rule found.
type Setting struct {
	Rule  string `json:"rule"` // its place in the file, as in usage.openai[0]
	Field Field  `json:"field"`
	Value any    `json:"value"` // a json.Number or text, with what earlier events said where they add up
}

func newSetting(r *planned, f Field, v value) Setting {
	if f.Number() {
		return Setting{r.name, f, json.Number(v.text())}
	}
	return Setting{r.name, f, Clean(v.text(), maxText)}
}

// Origin is what decided a field's value.
type Origin struct {
	Event int64  `json:"event"` // 0: none did; headers, path, request or constants alone
	Rule  string `json:"rule"`
}

func (o Origin) String() string {
	if o.Event == 0 {
		return "no event, " + o.Rule
	}
	return fmt.Sprintf("event %d, %s", o.Event, o.Rule)
}

// Trace begins to read an answer as Observe does. It finds out nothing where no rule applies.
func (r *Rules) Trace(x Exchange) *Tracer {
	t := &Tracer{origins: map[Field]Origin{}, used: map[string]bool{}}
	o := newObserver(x)
	plan := r.plan(&o.scope)
	if plan == nil {
		return t
	}
	t.slots = make([]int64, plan.slots)
	t.Observer, o.trace = o, t
	o.begin(plan, stream.DefaultLimit)
	return t
}

// Close ends the reading as Observer.Close does.
func (t *Tracer) Close(clean bool) Result {
	res := t.Observer.Close(clean)
	if t.Observer == nil || res.Fault != nil {
		return res
	}
	for i := range t.plan.rules {
		t.conclude(&t.plan.rules[i], &res)
	}
	return res
}

// Origin is what decided the field's value in the result; false if it has none.
func (t *Tracer) Origin(f Field) (Origin, bool) {
	origin, ok := t.origins[f]
	return origin, ok
}

// Used reports whether the rule of that name had a part in the reading.
func (t *Tracer) Used(rule string) bool { return t.used[rule] }

// event notes an event and has it read.
func (t *Tracer) event(e stream.Event) {
	noted := TracedEvent{Number: t.events + 1, Name: e.Name, Size: len(e.Data), Outline: outline(e.Data)}
	if own := gjson.GetBytes(e.Data, "type"); own.Type == gjson.String && own.Str != "" {
		noted.Name = own.String()
	}
	t.Events = append(t.Events, noted)
	t.Observer.event(e)
}

// set notes what a rule found in the event at hand.
func (t *Tracer) set(r *planned, i int, v value) {
	t.slots[r.first+i] = t.events
	if len(t.Events) == 0 {
		return // of a connection's frames, which are not noted
	}
	e := &t.Events[len(t.Events)-1]
	e.Set = append(e.Set, newSetting(r, r.fields[i].field, v))
}

// conclude finds out what came of a rule. It goes through the fields as Observer.lay does: a later rule wins.
func (t *Tracer) conclude(r *planned, res *Result) {
	says := len(r.fields) == 0 && (r.format != nil || r.consumes != nil)
	ends := r.end != nil && r.end == t.plan.end && res.Stream && res.Ended
	if says || ends {
		t.used[r.name] = true
	}
	for i, f := range r.fields {
		slot := r.first + i
		base := t.baseOf(f)
		if base.there() {
			t.Base = append(t.Base, newSetting(r, f.field, base))
		}
		if base.there() || t.found[slot].there() {
			t.used[r.name] = true
			t.origins[f.field] = Origin{t.slots[slot], r.name}
		}
	}
}

func (t *Tracer) baseOf(f reading) value {
	if !f.base {
		return value{}
	}
	return t.base(&f)
}

// maxOutline bounds an event's outline, in bytes.
const maxOutline = 60

// outline says what an event is without saying what is in it.
func outline(data []byte) string {
	text := strings.TrimSpace(view(data))
	if !strings.HasPrefix(text, "{") {
		return outlineOfText(text)
	}
	var names []string
	gjson.Parse(text).ForEach(func(key, _ gjson.Result) bool {
		names = append(names, key.String())
		return len(names) < maxOutline
	})
	return Clean(strings.Join(names, " "), maxOutline)
}

// outlineOfText shows words that frame a stream, such as [DONE], and nothing else.
func outlineOfText(text string) string {
	word := strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	if len(text) > 16 || len(word) != len(text)-2 || strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != "" {
		return ""
	}
	return strings.Clone(text)
}
