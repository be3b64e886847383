package gateway

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"windhover/gateway/usage"
)

// phases are the moments at which a client may leave. Each upstream tells when it is there, and waits for its end.
var phases = map[string]struct {
	end      usage.End
	upload   bool
	upstream func(w http.ResponseWriter, r *http.Request, there func())
}{
	"before the header": {usage.EndClientClosed, false, func(w http.ResponseWriter, r *http.Request, there func()) {
		there()
	}},
	"before the first byte": {usage.EndClientClosed, false, func(w http.ResponseWriter, r *http.Request, there func()) {
		sendEvents(w, "")
		there()
	}},
	"behind the usage": {usage.EndClientClosed, false, func(w http.ResponseWriter, r *http.Request, there func()) {
		sendEvents(w, partEvent+usageEvent)
		there()
	}},
	"in the middle of a stream": {usage.EndClientClosed, false, func(w http.ResponseWriter, r *http.Request, there func()) {
		sendEvents(w, "event: part\ndata: {\"n\":1}\n\n")
		there()
	}},
	"behind the terminal event": {usage.EndClientClosedAfter, false, func(w http.ResponseWriter, r *http.Request, there func()) {
		sendEvents(w, "event: part\ndata: {\"n\":1}\n\nevent: done\ndata: {\"n\":2}\n\n")
		there()
	}},
	"during an upload": {usage.EndClientClosed, true, func(w http.ResponseWriter, r *http.Request, there func()) {
		io.ReadFull(r.Body, make([]byte, 100<<10))
		there()
		io.Copy(io.Discard, r.Body)
	}},
}

func sendEvents(w http.ResponseWriter, events string) {
	w.Header().Set("Content-Type", "text/event-stream")
	io.WriteString(w, events)
	http.NewResponseController(w).Flush()
}

// It does not run in parallel with others: it counts goroutines.
func TestClientThatLeavesEndsTheExchange(t *testing.T) {
	for phase, p := range phases {
		for _, client := range versions {
			for _, upstream := range versions {
				t.Run(phase+", "+client+" to "+upstream, func(t *testing.T) {
					there, ended := make(chan struct{}), make(chan time.Time, 1)
					g := startBefore(t, upstream, func(w http.ResponseWriter, r *http.Request) {
						if !p.upload {
							io.Copy(io.Discard, r.Body) // before that, a server of net/http sees no client leave
						}
						p.upstream(w, r, func() { close(there) })
						<-r.Context().Done()
						ended <- time.Now()
					}, onUp("usage: events"), countingEvents)
					before := runtime.NumGoroutine()

					c := newClient(t, client)
					ctx, leave := context.WithCancel(t.Context())
					done := make(chan struct{})
					go func() {
						defer close(done)
						askAndStay(ctx, c, g.url+"/up/", p.upload)
					}()
					<-there
					time.Sleep(100 * time.Millisecond) // for what was sent to arrive
					left := time.Now()
					leave()
					if late := (<-ended).Sub(left); late > 100*time.Millisecond {
						t.Errorf("the upstream saw it after %v, want below 100ms", late)
					}
					<-done
					if rec := g.one(t); rec.End != p.end || rec.Attempt != 1 {
						t.Errorf("record = %s, attempt %d, want %s, 1", rec.End, rec.Attempt, p.end)
					}
					waitForGoroutines(t, before, func() { // kept connections have goroutines too
						g.transports.close()
						c.CloseIdleConnections()
					})
				})
			}
		}
	}
}

// askAndStay asks, and reads the answer until ctx ends.
func askAndStay(ctx context.Context, client *http.Client, url string, upload bool) {
	var body io.Reader = strings.NewReader("x")
	if upload {
		r, w := io.Pipe()
		go w.Write(make([]byte, 200<<10))
		context.AfterFunc(ctx, func() { w.CloseWithError(ctx.Err()) })
		body = r
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, body)
	if err != nil {
		panic(err)
	}
	res, err := client.Do(r)
	if err != nil {
		return
	}
	defer res.Body.Close()
	io.Copy(io.Discard, res.Body)
}

// waitForGoroutines fails the test when more goroutines stay than there were, with what they do.
func waitForGoroutines(t *testing.T, before int, tidy func()) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, want at most %d:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
		tidy()
		time.Sleep(time.Millisecond)
	}
}
