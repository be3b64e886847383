package main

import "runtime/debug"

// heapFloor is how many bytes of garbage are let come together, beside as much as lives, before they are collected.
const heapFloor = 16 << 20

// newHeapFloor makes the collector wait for some garbage. What a gateway keeps is small, a few megabytes, so that Go's own
// rule, to collect when the heap has doubled, does so dozens of times a second under load: a tenth of all CPU time. The
// floor is memory that is never touched: it counts as heap but takes no room, and weighs ever less as the heap grows,
// which a larger GOGC would not. It lives as long as it is kept. Under a small memory limit (GOMEMLIMIT), of which it would
// be a part, there is none.
func newHeapFloor() []byte {
	if limit := debug.SetMemoryLimit(-1); limit < 16*heapFloor {
		return nil
	}
	return make([]byte, heapFloor)
}
