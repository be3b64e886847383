package stream

import "bytes"

// lineDecoder reads a JSON value a line (https://jsonlines.org, https://github.com/ndjson/ndjson-spec). Lines of white
// space are none; the last one needs no line feed.
type lineDecoder struct {
	emit func(Event)
	line hold
	bom  bom
}

func (d *lineDecoder) Write(p []byte) {
	p = d.bom.strip(p)
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			d.piece(p)
			return
		}
		d.end(p[:i])
		p = p[i+1:]
	}
}

func (d *lineDecoder) Close() { d.end(nil) }

func (d *lineDecoder) Dropped() int { return d.line.dropped }

// piece takes a part of a line. White space before its first byte is not kept, so that lines of it stay empty.
func (d *lineDecoder) piece(p []byte) {
	if d.line.size == 0 {
		p = trimSpace(p)
	}
	d.line.write(p)
}

// end takes the last part of a line and hands the line on: from where it lies, if this is all of it.
func (d *lineDecoder) end(p []byte) {
	if d.line.size == 0 {
		p = trimSpace(p)
	}
	if d.line.fits(p) {
		d.hand(Event{Data: p})
		return
	}
	d.line.write(p)
	if e, ok := d.line.event(); ok {
		d.hand(e)
	}
	d.line.reset()
}

func (d *lineDecoder) hand(e Event) {
	if e.Data = bytes.TrimRight(e.Data, " \t\r"); len(e.Data) > 0 {
		d.emit(e)
	}
}
