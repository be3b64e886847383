package stream

// Projector takes a JSON document in, in pieces of any size, and keeps of it a smaller one, in which every path of the
// projection yields under gjson what it yields in the whole: of objects only the members on a path, of arrays the
// elements on a path and a `0` in place of each other one that counts, of values at a path's end all. A string above
// 256 bytes becomes empty in either. It needs memory for its output and nothing else.
//
// What is kept is copied as it stands, and what is skipped is only followed to its end: the caller validates.
type Projector struct {
	projection *Projection
	out        []byte
	overflow   bool

	step  walkStep
	open  []container // the objects and arrays that paths lead through, outermost first
	nodes []*node     // those of each container, and behind them those of the value at hand
	name  []byte      // of the member at hand, raw
	span  span        // of the name or value at hand
	keep  bool        // the value at hand is copied
	text  int         // length of the string at hand, its last quote included
}

// usualRoom is what most documents need of a projector's memory, in one piece.
type usualRoom struct {
	out   [1 << 10]byte
	open  [8]container
	nodes [16]*node
	name  [48]byte
}

// walkStep is what comes next in the part of the document that the paths lead through.
type walkStep uint8

const (
	wantValue walkStep = iota
	wantFirst          // a value or name, or the end of what was just opened
	wantName
	inName
	wantColon
	inValue
	wantComma // or the end of what is open
	atDone
	broken
)

// container is an open object or array.
type container struct {
	array bool
	from  int // its nodes are Projector.nodes[from:to]
	to    int
	next  int  // the index of the array's next element
	wrote bool // something stands before the next member
}

const (
	maxText       = 256       // bytes of a string that are kept
	maxProjection = 512 << 10 // bytes of output
)

// Write takes the next piece of the document.
func (x *Projector) Write(p []byte) {
	for len(p) > 0 && x.step != broken && !x.overflow {
		switch {
		case x.step == inValue:
			p = p[x.value(p):]
		case x.step == inName:
			p = p[x.memberName(p):]
		case space(p[0]):
			p = p[1:]
		default:
			p = p[x.token(p[0]):]
		}
	}
}

// Bytes is what was kept so far, valid until the next call of Write or Reset.
func (x *Projector) Bytes() []byte { return x.out }

// Overflow tells that more than 512 KiB would have had to be kept: the output is worth nothing.
func (x *Projector) Overflow() bool { return x.overflow }

// Valid tells whether all of a document was seen. What was skipped is not looked at beyond its quotes and brackets.
func (x *Projector) Valid() bool {
	number := x.step == inValue && len(x.open) == 0 && x.span == span{} // only the end of the document ends it
	return x.step == atDone || number
}

// Reset makes the projector ready for another document.
func (x *Projector) Reset() {
	*x = Projector{projection: x.projection, out: x.out[:0], open: x.open[:0], nodes: x.nodes[:0], name: x.name[:0]}
}

func space(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// token takes the byte c, outside of names and of values that are kept or skipped. It returns how many bytes it used:
// none where a value begins.
func (x *Projector) token(c byte) int {
	switch {
	case x.step == wantColon && c == ':':
		x.step = wantValue
	case x.step == wantComma && c == ',':
		x.step = wantName
		if x.top().array {
			x.step = wantValue
		}
	case (x.step == wantComma || x.step == wantFirst) && c == x.top().closer():
		x.closeTop(c)
	case x.step == wantName && c == '"', x.step == wantFirst && !x.top().array && c == '"':
		x.step, x.name, x.span = inName, x.name[:0], span{quoted: true}
	case x.step == wantValue && begins(c), x.step == wantFirst && x.top().array && begins(c):
		return x.begin(c)
	default:
		x.step = broken
	}
	return 1
}

// begins tells whether a JSON value can begin with c.
func begins(c byte) bool {
	switch c {
	case '{', '[', '"', '-', 't', 'f', 'n':
		return true
	}
	return '0' <= c && c <= '9'
}

// begin decides what becomes of the value that begins with c. It returns how many bytes it used: one, if c opened an
// object or array that paths lead through.
func (x *Projector) begin(c byte) int {
	nodes := x.reached()
	x.step, x.span, x.keep, x.text = inValue, span{}, len(nodes) > 0, 0
	if len(nodes) == 0 {
		x.placeholder()
		return 0
	}
	x.comma()
	if (c == '{' || c == '[') && !kept(nodes) {
		x.put(c)
		x.open = append(x.open, container{array: c == '[', from: len(x.nodes) - len(nodes), to: len(x.nodes)})
		x.step = wantFirst
		return 1
	}
	return 0
}

// reached is where the paths lead at the value that begins now.
func (x *Projector) reached() []*node {
	if len(x.open) == 0 {
		x.nodes = append(x.nodes[:0], x.projection.root)
		return x.nodes
	}
	f := x.top()
	if f.array {
		x.nodes = x.nodes[:f.to]
		for _, n := range x.nodes[f.from:f.to] {
			x.nodes = n.element(f.next, x.nodes)
		}
		f.next++
	}
	return x.nodes[f.to:] // of an object's member its name has found them
}

func kept(nodes []*node) bool {
	for _, n := range nodes {
		if n.keep {
			return true
		}
	}
	return false
}

// placeholder stands for an element on no path, where the array's length or later elements need it.
func (x *Projector) placeholder() {
	f := x.top()
	if !f.array {
		return
	}
	for _, n := range x.nodes[f.from:f.to] {
		if n.needs(f.next - 1) {
			x.comma()
			x.put('0')
			return
		}
	}
}

// comma separates the value that begins from the one before, and names it in an object.
func (x *Projector) comma() {
	if len(x.open) == 0 {
		return
	}
	f := x.top()
	if f.wrote {
		x.put(',')
	}
	f.wrote = true
	if !f.array {
		x.put('"')
		x.put(x.name...)
		x.put('"', ':')
	}
}

// memberName takes the next piece of a name. One that is longer than any path's part leads nowhere.
func (x *Projector) memberName(p []byte) int {
	n := x.span.text(p)
	x.name = append(x.name, p[:min(n, maxText+2-len(x.name))]...) // two more: its quote, and what tells it is too long
	if x.span.quoted {
		return n
	}
	x.step = wantColon
	f := x.top()
	x.nodes = x.nodes[:f.to]
	if x.name = x.name[:len(x.name)-1]; len(x.name) > maxText {
		return n
	}
	name := memberName(x.name)
	for _, at := range x.nodes[f.from:f.to] {
		x.nodes = x.projection.member(at, name, x.nodes)
	}
	return n
}

// value takes the next piece of a value that is kept or skipped.
func (x *Projector) value(p []byte) int {
	var n int
	var ended bool
	if x.keep {
		n, ended = x.copyStep(p)
	} else {
		n, ended = x.span.value(p)
	}
	if ended {
		x.after()
	}
	return n
}

// copyStep copies a piece of a value up to where a string begins or ends.
func (x *Projector) copyStep(p []byte) (n int, ended bool) {
	quoted := x.span.quoted
	n, ended = x.span.step(p)
	if !quoted {
		x.text = 0
		x.put(p[:n]...)
		return n, ended
	}
	x.copyText(p[:n])
	return n, ended
}

// copyText copies a piece of a string. Where the string grows too long, what was copied of it is taken back.
func (x *Projector) copyText(p []byte) {
	before := x.text
	x.text += len(p)
	size := x.text
	if !x.span.quoted {
		size-- // the last quote
	}
	if size <= maxText {
		x.put(p...)
		return
	}
	if before <= maxText {
		x.out = x.out[:len(x.out)-before]
	}
	if !x.span.quoted {
		x.put('"')
	}
}

// after goes on behind a value.
func (x *Projector) after() {
	x.step = wantComma
	if len(x.open) == 0 {
		x.step = atDone
	}
}

// top is the innermost of what is open. Only the document itself, and what follows it, stand in nothing.
func (x *Projector) top() *container { return &x.open[len(x.open)-1] }

func (f *container) closer() byte {
	if f.array {
		return ']'
	}
	return '}'
}

func (x *Projector) closeTop(c byte) {
	x.put(c)
	x.open = x.open[:len(x.open)-1]
	x.after()
}

// put appends to the output, as far as it may grow.
func (x *Projector) put(p ...byte) {
	if len(x.out)+len(p) > maxProjection {
		x.overflow = true
		return
	}
	x.out = append(x.out, p...)
}
