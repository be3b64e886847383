package stream

// jsonDecoder reads a body that is one JSON value. A top-level array is how some APIs stream without SSE (Gemini
// without `alt=sse`): its elements are events, each as soon as it is whole.
type jsonDecoder struct {
	emit  func(Event)
	value hold
	bom   bom
	step  jsonStep
	span  span // of the element at hand
}

type jsonStep uint8

const (
	atStart   jsonStep = iota
	inBody             // of a body that is no array
	atElement          // between two elements of an array
	inElement
	atEnd // behind the array, or behind what made it none
)

func (d *jsonDecoder) Write(p []byte) {
	p = d.bom.strip(p)
	for len(p) > 0 {
		switch d.step {
		case inBody:
			d.value.write(p)
			return
		case inElement:
			p = d.element(p)
		case atEnd:
			return
		default:
			if p = trimSpace(p); len(p) > 0 {
				p = d.between(p)
			}
		}
	}
}

func (d *jsonDecoder) Close() {
	defer d.value.release()
	switch d.step {
	case inBody:
		d.hand()
	case inElement: // its end was not seen: a number in it may have lost its last digits
		d.value.dropped++
	}
}

func (d *jsonDecoder) Dropped() int { return d.value.dropped }

// between looks at the first byte that is neither in the body nor in an element yet.
func (d *jsonDecoder) between(p []byte) []byte {
	switch {
	case d.step == atStart && p[0] == '[':
		d.step = atElement
	case d.step == atStart:
		d.step = inBody
		return p
	case p[0] == ']':
		d.step = atEnd
	case p[0] == '}': // no element begins like this
		d.step = atEnd
		d.value.dropped++
	case p[0] != ',':
		d.step, d.span = inElement, span{}
		return p
	}
	return p[1:]
}

// element takes the part of p that belongs to the element at hand, and returns the rest.
func (d *jsonDecoder) element(p []byte) []byte {
	n, ended := d.span.value(p)
	switch {
	case ended && d.value.fits(p[:n]):
		d.emit(Event{Data: p[:n]})
	case ended:
		d.value.write(p[:n])
		d.hand()
	default:
		d.value.write(p)
	}
	if ended {
		d.step = atElement
	}
	return p[n:]
}

func (d *jsonDecoder) hand() {
	if e, ok := d.value.event(); ok {
		d.emit(e)
	}
	d.value.reset()
}
