package stream

import "bytes"

// sseDecoder reads server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), more kindly
// than a browser: an event that the end of the body cuts off from its blank line counts.
type sseDecoder struct {
	emit func(Event)
	data hold

	bom     bom
	afterCR bool // a line feed that comes next belongs to the line before

	field field  // of the line at hand
	head  []byte // its first bytes, while field is undecided
	value bool   // some of its value was seen

	names   names
	name    []byte // of the event at hand
	direct  []byte // its data, while that is one line that lies inside the slice being written
	hasData bool
}

// field is what a line of an event stream says.
type field uint8

const (
	undecided field = iota
	dataField
	nameField
	otherField // a comment, an id, a retry time, or nothing known
)

// maxName bounds an event's name in bytes; what is longer is cut.
const maxName = 256

func (d *sseDecoder) Write(p []byte) {
	if !d.bom.past {
		p = d.bom.strip(p)
	}
	feed, ret := -1, -1 // where the next line feed and the next carriage return of p are, its length if there is none
	for at := 0; at < len(p); {
		if d.afterCR {
			d.afterCR = false
			if p[at] == '\n' {
				at++
				continue
			}
		}
		if feed < at {
			feed = indexFrom(p, at, '\n')
		}
		if ret < at {
			ret = indexFrom(p, at, '\r')
		}
		end := min(feed, ret)
		if end == len(p) {
			d.piece(p[at:])
			break
		}
		d.line(p[at:end])
		d.afterCR = p[end] == '\r'
		at = end + 1
	}
	d.keepDirect()
}

func (d *sseDecoder) Close() {
	if d.field != undecided || len(d.head) > 0 {
		d.line(nil)
	}
	d.dispatch()
	d.data.release()
}

func (d *sseDecoder) Dropped() int { return d.data.dropped }

// indexFrom is where c is in p at or behind the index from; len(p) if nowhere.
func indexFrom(p []byte, from int, c byte) int {
	if i := bytes.IndexByte(p[from:], c); i >= 0 {
		return from + i
	}
	return len(p)
}

// line takes a whole line, or the last piece of one.
func (d *sseDecoder) line(p []byte) {
	if d.field == undecided && len(d.head) == 0 && d.whole(p) {
		return
	}
	d.piece(p)
	if d.field == undecided {
		d.begin(fieldOf(append(d.head, ':'))) // a field's name alone gives it an empty value
	}
	d.field, d.head, d.value = undecided, d.head[:0], false
}

// whole takes a line that lies in one piece, if it is of a common kind. The data of an event is not copied as long as
// it is a single line.
func (d *sseDecoder) whole(p []byte) bool {
	switch {
	case len(p) == 0:
		d.dispatch()
	case p[0] == ':':
	case len(p) >= 6 && string(p[:6]) == "event:":
		d.name = d.name[:0]
		d.addName(afterSpace(p[6:]))
	case len(p) >= 5 && string(p[:5]) == "data:":
		value := afterSpace(p[5:])
		if d.hasData || !d.data.fits(value) {
			return false
		}
		d.direct, d.hasData = value, true
	default:
		return false
	}
	return true
}

// piece takes a part of a line.
func (d *sseDecoder) piece(p []byte) {
	for d.field == undecided && len(p) > 0 {
		d.head = append(d.head, p[0])
		p = p[1:]
		d.begin(fieldOf(d.head))
	}
	if len(p) == 0 {
		return
	}
	if !d.value {
		d.value = true
		p = afterSpace(p)
	}
	switch d.field {
	case dataField:
		d.data.write(p)
	case nameField:
		d.addName(p)
	}
}

// begin starts the value of a field.
func (d *sseDecoder) begin(f field) {
	d.field = f
	switch f {
	case dataField:
		d.keepDirect()
		if d.hasData {
			d.data.write([]byte{'\n'})
		}
		d.hasData = true
	case nameField:
		d.name = d.name[:0]
	}
}

func (d *sseDecoder) addName(p []byte) {
	d.name = append(d.name, p[:min(len(p), maxName-len(d.name))]...)
}

// keepDirect copies the data that lies in the slice being written, because it is needed for longer.
func (d *sseDecoder) keepDirect() {
	if d.direct != nil {
		d.data.write(d.direct)
		d.direct = nil
	}
}

// dispatch ends the event at hand. One without any data line is none.
func (d *sseDecoder) dispatch() {
	switch {
	case d.direct != nil:
		d.emit(Event{Name: d.names.text(d.name), Data: d.direct})
	case d.hasData:
		if e, ok := d.data.event(); ok {
			e.Name = d.names.text(d.name)
			d.emit(e)
		}
		d.data.reset()
	}
	d.direct, d.hasData, d.name = nil, false, d.name[:0]
}

// fieldOf is the field that a line with this beginning sets.
func fieldOf(head []byte) field {
	switch string(head) {
	case "data:":
		return dataField
	case "event:":
		return nameField
	}
	if len(head) > len("event:") || bytes.HasSuffix(head, []byte(":")) {
		return otherField
	}
	return undecided
}

// afterSpace is p without the one space that may follow a field's colon.
func afterSpace(p []byte) []byte {
	if len(p) > 0 && p[0] == ' ' {
		return p[1:]
	}
	return p
}

// names turns event names into text, without an allocation where one follows its like.
type names struct{ last string }

func (n *names) text(b []byte) string {
	if string(b) != n.last {
		n.last = string(b)
	}
	return n.last
}
