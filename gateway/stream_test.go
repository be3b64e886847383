package gateway

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"
)

// prompt is how late an event may arrive on a machine that is busy with other tests. A proxy that holds one back holds
// it until the next, or to the end.
const (
	prompt  = 50 * time.Millisecond
	between = 2 * prompt
)

func TestEachEventArrivesWhenItIsSent(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, client, upstream string) {
		const events = 10
		sent := make(chan time.Time, events)
		g := startBefore(t, upstream, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for i := range events {
				sent <- time.Now()
				fmt.Fprintf(w, "data: {\"n\":%d}\n\n", i)
				http.NewResponseController(w).Flush()
				time.Sleep(between)
			}
		})
		late := lateness(t, newClient(t, client), g.url+"/up/v1/events", sent, events)
		slices.Sort(late)
		if median := late[events/2]; median > prompt {
			t.Errorf("median lateness = %v, want below %v; all: %v", median, prompt, late)
		}
	})
}

// lateness is how long after it was sent each event arrived.
func lateness(t *testing.T, client *http.Client, url string, sent <-chan time.Time, events int) []time.Duration {
	t.Helper()
	res, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var late []time.Duration
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if lines.Text() != "" {
			late = append(late, time.Since(<-sent))
		}
	}
	if lines.Err() != nil || len(late) != events {
		t.Fatalf("%d events arrived, %v, want %d", len(late), lines.Err(), events)
	}
	return late
}

func TestHeaderArrivesBeforeTheBodyBegins(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, client, upstream string) {
		if median := latenessOfHeader(t, client, upstream, nil); median > prompt {
			t.Errorf("median lateness of the header = %v, want below %v", median, prompt)
		}
	})
}

func TestHeaderWithALengthWaitsForItsBodyNoLongerThanThat(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, client, upstream string) {
		if median := latenessOfHeader(t, client, upstream, http.Header{"Content-Length": {"6"}}); median > headerDelayKnown+prompt {
			t.Errorf("median lateness of the header = %v, want below %v", median, headerDelayKnown+prompt)
		}
	})
}

// latenessOfHeader is the median of how long after an upstream has sent a header, and nothing of the body, the client has it.
func latenessOfHeader(t *testing.T, client, upstream string, header http.Header) time.Duration {
	t.Helper()
	release := make(chan struct{})
	sent := make(chan time.Time, 20)
	g := startBefore(t, upstream, func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), header)
		sent <- time.Now()
		http.NewResponseController(w).Flush()
		<-release
	})
	c := newClient(t, client)
	var late []time.Duration
	for range 10 {
		res, err := c.Get(g.url + "/up/v1/events")
		if err != nil {
			t.Fatal(err)
		}
		late = append(late, time.Since(<-sent))
		defer res.Body.Close()
	}
	close(release)
	slices.Sort(late)
	return late[5]
}

func TestBodyOfKnownLengthIsNotHeldBack(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, client, upstream string) {
		next := make(chan struct{})
		g := startBefore(t, upstream, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "6")
			for _, part := range []string{`{"`, `a"`, `:1`} {
				io.WriteString(w, part)
				http.NewResponseController(w).Flush()
				<-next // until the client has got the part
			}
		})
		res, err := newClient(t, client).Get(g.url + "/up/v1/models")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		for _, want := range []string{`{"`, `a"`, `:1`} {
			got := make([]byte, len(want))
			if _, err := io.ReadFull(res.Body, got); err != nil || string(got) != want {
				t.Fatalf("part = %q, %v, want %q", got, err, want)
			}
			next <- struct{}{}
		}
		if res.ContentLength != 6 {
			t.Errorf("Content-Length = %d, want 6", res.ContentLength)
		}
	})
}
