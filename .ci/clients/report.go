package main

import "fmt"

// report is what came of a client's calls.
type report struct {
	calls int
	bad   map[int]bool // calls with a difference; general for what concerns all of them
	lines []string
}

// general stands for no call in particular.
const general = -1

func (r *report) fail(call int, format string, args ...any) {
	if r.bad == nil {
		r.bad = map[int]bool{}
	}
	r.bad[call] = true
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

func (r *report) failed() int { return len(r.bad) }

func (r *report) passed() int {
	if r.bad[general] {
		return r.calls - len(r.bad) + 1
	}
	return r.calls - len(r.bad)
}
