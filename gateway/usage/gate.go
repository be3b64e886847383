package usage

import (
	"bytes"
	"strings"
)

// gate decides from the bytes of an event whether parsing it can be of any use: it holds the last key of a path that is
// asked for, followed by a value of the right shape. Most events of a stream do not, and cost no more than a search. As a
// value counts only if its path was there, what the gate skips could not have changed a number.
type gate struct {
	open    bool // some path has no key to look for: every event passes
	needles []needle
}

// needle is a key to look for.
type needle struct {
	key   []byte // with its closing quote
	rare  int    // where in key the byte stands that events hold least often: it is what is searched for
	takes shape
	slot  int // of the text that is no longer looked for once it is known; -1 for numbers
}

// look adds a path to what is looked for.
func (g *gate) look(p path, slot int) {
	if p.last == "" {
		g.open = true
		return
	}
	n := needle{key: []byte(p.last + `"`), rare: rarest(p.last), takes: p.takes, slot: slot}
	if p.behind {
		n.takes = anything
	}
	for i, other := range g.needles {
		if bytes.Equal(n.key, other.key) && n.slot == other.slot {
			g.needles[i].takes = wider(n.takes, other.takes)
			return
		}
	}
	g.needles = append(g.needles, n)
}

// wider is the shape that fits what either fits.
func wider(a, b shape) shape {
	if a == b {
		return a
	}
	return anything
}

// passes reports whether the event may hold something; known are the values found so far, by slot.
func (g *gate) passes(event []byte, known []value) bool {
	if g.open {
		return true
	}
	for i := range g.needles {
		n := &g.needles[i]
		if n.slot >= 0 && known[n.slot].there() {
			continue
		}
		if n.in(event) {
			return true
		}
	}
	return escapes(event)
}

// rarest is where in a key its rarest byte stands, as far as it can be known: by how often letters stand in English and in the
// keys of events. What is no letter, digit or underscore is rarer than all.
func rarest(key string) int {
	const fromRare = "QZJXKVBYWGPFUMDHLCRSNIOAT0123456789zjqxkvbywgpfumdhl_crsnioate"
	best := 0
	for i := range len(key) {
		if strings.IndexByte(fromRare, key[i]) < strings.IndexByte(fromRare, key[best]) {
			best = i
		}
	}
	return best
}

// in reports whether the key is in the event with a value of the right shape.
func (n *needle) in(event []byte) bool {
	for {
		i := bytes.IndexByte(event[min(n.rare, len(event)):], n.key[n.rare])
		if i < 0 {
			return false
		}
		if event = event[i:]; bytes.HasPrefix(event, n.key) && n.takes.follows(event[len(n.key):]) {
			return true
		}
		event = event[1:]
	}
}

// follows reports whether what comes behind a key is a value that can have the shape.
func (s shape) follows(rest []byte) bool {
	rest = skipSpace(rest)
	if len(rest) == 0 || rest[0] != ':' {
		return false
	}
	rest = skipSpace(rest[1:])
	return len(rest) > 0 && s.fits(rest[0])
}

func skipSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\n' || b[0] == '\r' || b[0] == '\t') {
		b = b[1:]
	}
	return b
}

// escapes reports whether a printable ASCII character is written as \u00xx. A key may be written so; nobody is known to do it, and parsing is the way to be sure.
func escapes(event []byte) bool {
	if bytes.IndexByte(event, '\\') < 0 {
		return false // as in most, and sooner known
	}
	for {
		i := bytes.Index(event, []byte(`\u00`))
		if i < 0 || i+4 >= len(event) {
			return false
		}
		event = event[i+4:]
		if event[0] >= '2' && event[0] <= '7' {
			return true
		}
	}
}
