package stream

import "bytes"

// span follows JSON text just far enough to find where a value ends: strings, escapes, and how many objects and arrays
// are open. It checks nothing else, and needs no memory however deep the nesting. Its zero value stands before a value.
type span struct {
	depth  int  // open objects and arrays
	quoted bool // inside a string
	escape bool // inside a string, behind a backslash that escapes what follows
}

// value moves through p, of which the first byte belongs to the value, to the value's end. It returns how many bytes
// of p that takes and whether the end was found. A number or word ends in front of the byte that follows it.
func (s *span) value(p []byte) (n int, ended bool) {
	for n < len(p) && !ended {
		var m int
		m, ended = s.step(p[n:])
		n += m
	}
	return n, ended
}

// step is value in pieces: up to and with the quote that begins a string, or the rest of a string with its last quote.
func (s *span) step(p []byte) (n int, ended bool) {
	if s.quoted {
		n = s.text(p)
		return n, !s.quoted && s.depth == 0
	}
	for i, c := range p {
		switch c {
		case '"':
			s.quoted = true
			return i + 1, false
		case '{', '[':
			s.depth++
		case '}', ']':
			if s.depth == 0 {
				return i, true
			}
			if s.depth--; s.depth == 0 {
				return i + 1, true
			}
		case ',', ' ', '\t', '\r', '\n':
			if s.depth == 0 {
				return i, true
			}
		}
	}
	return len(p), false
}

// text moves through a string, up to and with its last quote. Most strings that are long hold no backslash at all,
// so it looks for quotes and then backwards.
func (s *span) text(p []byte) int {
	i := 0
	if s.escape {
		s.escape = false
		i = 1
	}
	for {
		j := bytes.IndexByte(p[i:], '"')
		if j < 0 {
			s.escape = endsInEscape(p[i:])
			return len(p)
		}
		s.quoted = endsInEscape(p[i : i+j])
		i += j + 1
		if !s.quoted {
			return i
		}
	}
}

// endsInEscape tells whether what follows p is escaped by its last backslash.
func endsInEscape(p []byte) bool {
	n := len(p)
	for n > 0 && p[n-1] == '\\' {
		n--
	}
	return (len(p)-n)%2 == 1
}
