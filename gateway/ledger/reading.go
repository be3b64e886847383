package ledger

import "sync"

// reading is what answers questions at the moment.
type reading struct {
	mu     sync.Mutex
	reader Reader       // nil: nothing
	done   func() error // closes it; nil: it is closed elsewhere
}

func (x *reading) current() Reader {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.reader
}

// set puts another reader in the place of the last one.
func (x *reading) set(r Reader, done func() error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.done != nil {
		_ = x.done() // it has only been read
	}
	x.reader, x.done = r, done
}

func (x *reading) close() { x.set(nil, nil) }
