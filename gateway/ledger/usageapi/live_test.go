package usageapi

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"windhover/gateway/usage"
)

// liveServer serves a feed.
func liveServer(t *testing.T, o Options) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(New(o))
	t.Cleanup(server.Close)
	t.Cleanup(o.Feed.Close) // the server waits for those who listen
	return server
}

// listenTo is the body of the live page, when it has begun.
func listenTo(t *testing.T, server *httptest.Server, query string) *bufio.Reader {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/api/usage/live"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if got := response.Header.Get("Content-Type"); got != "text/event-stream" || response.Header.Get("X-Accel-Buffering") != "no" {
		t.Errorf("Content-Type = %q, X-Accel-Buffering = %q", got, response.Header.Get("X-Accel-Buffering"))
	}
	events := bufio.NewReader(response.Body)
	if got := nextEvent(t, events); got != ": each finished record is an event" {
		t.Errorf("the page begins with %q", got)
	}
	return events
}

// nextEvent is the text up to the next empty line.
func nextEvent(t *testing.T, events *bufio.Reader) string {
	t.Helper()
	var event strings.Builder
	for {
		line, err := events.ReadString('\n')
		if err != nil {
			t.Fatalf("%v behind %q", err, event.String())
		}
		if line == "\n" {
			return strings.TrimSuffix(event.String(), "\n")
		}
		event.WriteString(line)
	}
}

func TestLivePageTellsOfEachRecordAsItIsFinished(t *testing.T) {
	t.Parallel()
	feed := new(Feed)
	server := liveServer(t, Options{Feed: feed, Heartbeat: time.Hour})
	all, some := listenTo(t, server, ""), listenTo(t, server, "?provider=anthropic")
	first, second := made(1, time.Hour, nil), made(2, time.Hour, func(r *usage.Record) { r.Provider = "anthropic" })
	feed.Publish(first)
	feed.Publish(second)
	for events, records := range map[*bufio.Reader][]*usage.Record{all: {first, second}, some: {second}} {
		for _, r := range records {
			line, _ := r.MarshalJSON()
			if got, want := nextEvent(t, events), "event: record\ndata: "+string(line); got != want {
				t.Errorf("event = %s, want %s", got, want)
			}
		}
	}
}

func TestLivePageIsHeardWhenNothingHappens(t *testing.T) {
	t.Parallel()
	events := listenTo(t, liveServer(t, Options{Feed: new(Feed), Heartbeat: time.Millisecond}), "")
	if got := nextEvent(t, events); got != ": still here" {
		t.Errorf("event = %q, want a comment", got)
	}
}

func TestLivePageEndsCleanlyWithTheFeed(t *testing.T) {
	t.Parallel()
	feed := new(Feed)
	events := listenTo(t, liveServer(t, Options{Feed: feed}), "")
	feed.Close()
	if rest, err := io.ReadAll(events); err != nil || len(rest) > 0 {
		t.Errorf("the page ends with %q, %v, want nothing more", rest, err)
	}
}

func TestLivePageForgetsWhoLeaves(t *testing.T) {
	t.Parallel()
	feed := new(Feed)
	server := liveServer(t, Options{Feed: feed})
	for range 2 * maxListeners { // more than could listen at once
		ctx, leave := context.WithCancel(t.Context())
		request, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/api/usage/live", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil || response.StatusCode != 200 {
			t.Fatalf("live = %v, %v", response, err)
		}
		leave()
		response.Body.Close()
		for deadline := time.Now().Add(20 * time.Second); feed.listeners.Load() != nil; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("who has left is still listened for")
			}
		}
	}
}

// A listener that has stopped reading fills its connection and its buffer, and nobody waits for it.
func TestLivePageTellsASlowListenerWhatItLost(t *testing.T) {
	t.Parallel()
	feed := new(Feed)
	server := liveServer(t, Options{Feed: feed, Heartbeat: 10 * time.Millisecond})
	connection, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := io.WriteString(connection, "GET /api/usage/live HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	wide := made(1, time.Hour, func(r *usage.Record) { r.RawUsage = []byte(`{"x":"` + strings.Repeat("x", 8000) + `"}`) })
	lost := func() int64 {
		if all := feed.listeners.Load(); all != nil {
			return (*all)[0].dropped.Load()
		}
		return 0
	}
	for deadline := time.Now().Add(20 * time.Second); lost() == 0; {
		if time.Now().After(deadline) {
			t.Fatal("nothing was lost by a listener that does not read")
		}
		feed.Publish(wide)
	}
	events := bufio.NewReader(connection)
	for {
		line, err := events.ReadString('\n')
		if err != nil {
			t.Fatalf("%v before any event that tells of losses", err)
		}
		if line == "event: dropped\n" {
			return
		}
	}
}

func TestLivePageRefusesMoreThanItsListeners(t *testing.T) {
	t.Parallel()
	feed := new(Feed)
	api := New(Options{Feed: feed})
	filter, _ := parseChoice(nil)
	for range maxListeners {
		feed.listen(filter)
	}
	w := get(t, api, "/api/usage/live")
	if code, _, message := failureBody(t, w); w.Code != 503 || code != "too_many_listeners" || message != "there are 32 who listen already; ask again when one of them has left" {
		t.Errorf("live = %d %s %q, want 503", w.Code, code, message)
	}
}
