package gateway

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"windhover/gateway/usage"
)

func TestClockCountsWhatIsNotWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock{began: time.Now()}
		time.Sleep(2 * time.Second) // own
		c.wait()
		time.Sleep(30 * time.Second)
		c.wait() // still
		time.Sleep(30 * time.Second)
		c.resume()
		time.Sleep(3 * time.Second) // own
		c.resume()                  // it has not waited
		time.Sleep(time.Second)     // own
		c.wait()
		time.Sleep(time.Minute)
		if got, want := c.stop(), 6*time.Second; got != want {
			t.Errorf("own time = %v, want %v", got, want)
		}
	})
}

func TestClockCountsTheTimeBetweenPieces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock{began: time.Now()}
		c.wait()
		time.Sleep(30 * time.Second)
		c.piece() // the first: its delay is that of the first byte
		if c.gaps != nil {
			t.Errorf("gaps after one piece = %v, want none", c.gaps)
		}
		for _, gap := range []time.Duration{time.Second, 4 * time.Second} {
			time.Sleep(time.Millisecond) // own
			c.wait()
			time.Sleep(gap - time.Millisecond)
			c.piece()
		}
		if got, want := c.stop(), 2*time.Millisecond; got != want {
			t.Errorf("own time = %v, want %v", got, want)
		}
		if got, want := c.gaps.Sum, 5*time.Second; got != want || c.gaps.Total() != 2 {
			t.Errorf("gaps = %d of %v, want 2 of %v", c.gaps.Total(), got, want)
		}
	})
}

// Both sides take their time; the gateway's own share stays small, and the gaps are those between the events.
func TestOverheadHoldsNoWaiting(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, client, upstream string) {
		const slow = 200 * time.Millisecond
		g := startBefore(t, upstream, func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(slow)
			w.Header().Set("Content-Type", "text/event-stream")
			for i := range 3 {
				fmt.Fprintf(w, "data: {\"n\":%d}\n\n", i)
				http.NewResponseController(w).Flush()
				time.Sleep(slow)
			}
		})
		res, err := newClient(t, client).Get(g.url + "/up/v1/events")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if _, err := io.ReadAll(res.Body); err != nil {
			t.Fatal(err)
		}
		rec := g.one(t)
		if rec.Overhead <= 0 || rec.Overhead > rec.Duration-3*slow {
			t.Errorf("overhead = %v of %v, want some, and none of the %v of waiting", rec.Overhead, rec.Duration, 4*slow)
		}
		if rec.Gaps == nil || rec.Gaps.Total() < 1 || rec.Gaps.Sum < 2*slow-prompt || rec.Gaps.Sum > rec.Duration {
			t.Errorf("gaps = %+v, want two of %v", rec.Gaps, slow)
		}
	})
}

func TestRefusedRequestHasNoOverhead(t *testing.T) {
	t.Parallel()
	g := start(t, leadingTo("127.0.0.1:1"))
	g.ask(t, "GET /nobody/v1 HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\n\r\n")
	if rec := g.one(t); rec.End != usage.EndRejected || rec.Overhead != 0 || rec.Gaps != nil {
		t.Errorf("record = %+v, want neither overhead nor gaps", rec)
	}
}

// A piece of an answer costs a few readings of the clock.
func BenchmarkClock(b *testing.B) {
	c := clock{began: time.Now()}
	b.ReportAllocs()
	for b.Loop() {
		c.wait()
		c.piece()
	}
}
