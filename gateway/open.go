package gateway

import (
	"context"
	"sync"
)

// openExchanges are those that have begun and not finished.
type openExchanges struct {
	mu    sync.Mutex
	all   map[*exchange]struct{}
	empty chan struct{} // closed when none is left; nil while nobody waits
}

// add returns how many are open now.
func (o *openExchanges) add(x *exchange) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all == nil {
		o.all = make(map[*exchange]struct{})
	}
	o.all[x] = struct{}{}
	return len(o.all)
}

func (o *openExchanges) remove(x *exchange) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.all, x)
	if len(o.all) == 0 && o.empty != nil {
		close(o.empty)
		o.empty = nil
	}
}

// wait returns when no exchange is open, or when ctx ends; how many are open then.
func (o *openExchanges) wait(ctx context.Context) int {
	o.mu.Lock()
	if len(o.all) == 0 {
		o.mu.Unlock()
		return 0
	}
	if o.empty == nil {
		o.empty = make(chan struct{})
	}
	empty := o.empty
	o.mu.Unlock()

	select {
	case <-empty:
	case <-ctx.Done():
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.all)
}

// end ends every open exchange with the cause.
func (o *openExchanges) end(cause error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for x := range o.all {
		x.interrupt(cause)
	}
}
