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

const (
	partEvent  = "event: part\ndata: {\"n\":1}\n\n"
	usageEvent = "event: part\ndata: {\"n\":7}\n\n"
	doneEvent  = "event: done\ndata: {}\n\n"
)

// departures are the moments at which a client may leave a provider that is drained: what the upstream has sent by then, what
// it sends afterwards, and what the record says.
var departures = map[string]struct {
	header        bool // the upstream's header is sent before, where no event is
	before, after string
	end           usage.End
}{
	"before the header":         {false, "", partEvent + usageEvent + doneEvent, usage.EndClientClosed},
	"before the first byte":     {true, "", partEvent + usageEvent + doneEvent, usage.EndClientClosed},
	"in the middle of a stream": {true, partEvent, usageEvent + doneEvent, usage.EndClientClosed},
	"behind the usage":          {true, partEvent + usageEvent, doneEvent, usage.EndClientClosed},
	"behind the terminal event": {true, partEvent + usageEvent + doneEvent, "", usage.EndClientClosedAfter},
}

// It does not run in parallel with others: it counts goroutines.
func TestDrainedProviderIsHeardToItsEnd(t *testing.T) {
	for moment, d := range departures {
		for _, client := range versions {
			for _, upstream := range versions {
				t.Run(moment+", "+client+" to "+upstream, func(t *testing.T) {
					there, left := make(chan struct{}), make(chan struct{})
					sent := make(chan error, 1)
					g := startBefore(t, upstream, func(w http.ResponseWriter, r *http.Request) {
						io.Copy(io.Discard, r.Body)
						if d.header {
							sendEvents(w, d.before)
						}
						close(there)
						<-left
						sendEvents(w, d.after)
						sent <- r.Context().Err()
					}, onUp("usage: events", "on_client_disconnect: {action: drain, max_time: 10s}"), countingEvents)
					before := runtime.NumGoroutine()
					c := newClient(t, client)
					leaveAt(t, g, c, there, left)
					if err := <-sent; err != nil {
						t.Errorf("the upstream's request has ended with %v, want that it goes on", err)
					}
					rec := g.one(t)
					out, _ := rec.Usage.Number(usage.OutputTokens)
					if rec.End != d.end || rec.Attempt != 1 || rec.UsageState != usage.Reported || out != usage.Whole(7) {
						t.Errorf("record = %s, attempt %d, %s, %s, want %s, 1, reported, 7", rec.End, rec.Attempt, rec.UsageState, out, d.end)
					}
					waitForGoroutines(t, before, func() {
						g.transports.close()
						c.CloseIdleConnections()
					})
				})
			}
		}
	}
}

// leaveAt asks, leaves when the upstream is there, and tells that the gateway has noticed.
func leaveAt(t *testing.T, g *started, client *http.Client, there <-chan struct{}, left chan<- struct{}) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		askAndStay(ctx, client, g.url+"/up/", false)
	}()
	<-there
	time.Sleep(50 * time.Millisecond) // for what was sent to arrive
	leave()
	<-done
	eventually(t, "the gateway sees that the client has left", func() bool {
		g.open.mu.Lock()
		defer g.open.mu.Unlock()
		for x := range g.open.all {
			if !x.departure.happened.Load() {
				return false
			}
		}
		return true
	})
	close(left)
}

func TestDrainingIsBounded(t *testing.T) {
	t.Parallel()
	for bound, c := range map[string]struct {
		file string
		more string // that the upstream sends again and again
	}{
		"max_time":  {"{action: drain, max_time: 50ms}", ""},
		"max_bytes": {"{action: drain, max_bytes: 64KiB}", strings.Repeat(partEvent, 100)},
	} {
		t.Run(bound, func(t *testing.T) {
			t.Parallel()
			eachWay(t, func(t *testing.T, client, upstream string) {
				there, left, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
				g := startBefore(t, upstream, func(w http.ResponseWriter, r *http.Request) {
					defer close(ended)
					io.Copy(io.Discard, r.Body)
					sendEvents(w, partEvent)
					close(there)
					<-left
					for c.more != "" && r.Context().Err() == nil {
						io.WriteString(w, c.more)
					}
					<-r.Context().Done()
				}, onUp("usage: events", "on_client_disconnect: "+c.file), countingEvents)
				leaveAt(t, g, newClient(t, client), there, left)
				<-ended
				if rec := g.one(t); rec.End != usage.EndClientClosed || rec.UsageState != usage.Partial {
					t.Errorf("record = %s, %s, want client_closed, partial", rec.End, rec.UsageState)
				}
			})
		})
	}
}

// Nobody would send the rest of the request.
func TestClientThatLeavesInItsUploadIsNotDrained(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, client, upstream string) {
		there, ended := make(chan struct{}), make(chan struct{})
		g := startBefore(t, upstream, func(w http.ResponseWriter, r *http.Request) {
			defer close(ended)
			io.ReadFull(r.Body, make([]byte, 100<<10))
			close(there)
			io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}, onUp("on_client_disconnect: {action: drain, max_time: 1h}"))
		ctx, leave := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			askAndStay(ctx, newClient(t, client), g.url+"/up/", true)
		}()
		<-there
		leave()
		<-done
		<-ended
		if rec := g.one(t); rec.End != usage.EndClientClosed || rec.Attempt != 1 {
			t.Errorf("record = %s, attempt %d, want client_closed, 1", rec.End, rec.Attempt)
		}
	})
}

func TestShutdownEndsDraining(t *testing.T) {
	t.Parallel()
	there, left := make(chan struct{}), make(chan struct{})
	g := startBefore(t, http1, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		sendEvents(w, partEvent)
		close(there)
		<-r.Context().Done()
	}, onUp("on_client_disconnect: {action: drain, max_time: 1h}"))
	leaveAt(t, g, newClient(t, http1), there, left)
	g.Shutdown(atOnce(t))
	if rec := g.one(t); rec.End != usage.EndShutdown && rec.End != usage.EndClientClosed {
		t.Errorf("end = %s, want shutdown or client_closed", rec.End)
	}
}

// A client that stays sees nothing of it.
func TestDrainedProviderAnswersAsAnyOther(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, client, upstream string) {
		g := startBefore(t, upstream, func(w http.ResponseWriter, r *http.Request) {
			sendEvents(w, partEvent+usageEvent+doneEvent)
		}, onUp("usage: events", "on_client_disconnect: {action: drain}"), countingEvents)
		res, err := newClient(t, client).Get(g.url + "/up/")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if body, err := io.ReadAll(res.Body); err != nil || string(body) != partEvent+usageEvent+doneEvent {
			t.Errorf("body = %q, %v", body, err)
		}
		if rec := g.one(t); rec.End != usage.EndComplete || rec.UsageState != usage.Reported {
			t.Errorf("record = %s, %s, want complete, reported", rec.End, rec.UsageState)
		}
	})
}
