package usage

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// object writes a flat JSON object key by key, in the order of the calls. What is absent is left out.
type object struct{ b []byte }

func newObject() *object { return &object{b: append(make([]byte, 0, 1024), '{')} }

func (o *object) end() []byte { return append(o.b, '}') }

// raw adds a value that is JSON already.
func (o *object) raw(name, value string) {
	o.name(name)
	o.b = append(o.b, value...)
}

// text adds a text that is not empty.
func (o *object) text(name, s string) {
	if s == "" {
		return
	}
	o.name(name)
	o.b = appendJSON(o.b, s)
}

func (o *object) truth(name string, b bool) { o.raw(name, strconv.FormatBool(b)) }

func (o *object) integer(name string, n int64) { o.raw(name, strconv.FormatInt(n, 10)) }

// positive adds a number that is not 0, where 0 means that there is none.
func (o *object) positive(name string, n int) {
	if n != 0 {
		o.integer(name, int64(n))
	}
}

// seconds adds a duration in seconds, to the microsecond; 0 means that there is none.
func (o *object) seconds(name string, d time.Duration) {
	if d != 0 {
		o.raw(name, strconv.FormatFloat(d.Round(time.Microsecond).Seconds(), 'f', -1, 64))
	}
}

// embed adds JSON that came from outside, on one line; what is not valid is left out.
func (o *object) embed(name string, raw []byte) {
	var line bytes.Buffer
	if len(raw) == 0 || json.Compact(&line, bytes.ToValidUTF8(raw, []byte("\ufffd"))) != nil {
		return
	}
	o.name(name)
	o.b = append(o.b, line.Bytes()...)
}

// list adds an array that is not empty.
func list[T any](o *object, name string, elements []T) {
	if len(elements) == 0 {
		return
	}
	o.value(name, elements)
}

// value adds what always encodes: a list of texts or parts, or texts by name.
func (o *object) value(name string, v any) {
	o.name(name)
	o.b = appendJSON(o.b, v)
}

func (o *object) name(name string) {
	if len(o.b) > 1 {
		o.b = append(o.b, ',')
	}
	o.b = append(appendJSON(o.b, name), ':')
}

// appendJSON writes a value that always encodes.
func appendJSON(b []byte, v any) []byte {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(err) // our bug: nothing here can fail to encode
	}
	return append(b, bytes.TrimRight(line.Bytes(), "\n")...)
}
