package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// stopLoad is what is open when the process is told to stop, and how long that may go on.
type stopLoad struct {
	streams, late, sockets, refused int // late streams outlast the drain, and refused requests name no provider

	shortest, longest time.Duration // of the streams that finish
	signal            time.Duration // after the first request, and not before all are open
	drain             time.Duration // --drain-timeout
}

// stopLoadOf takes a few seconds, or the time that real streams take if WINDHOVER_LONG is set.
func stopLoadOf() stopLoad {
	load := stopLoad{streams: 200, late: 20, sockets: 20, refused: 10, shortest: 500 * time.Millisecond, longest: 2500 * time.Millisecond, drain: 4 * time.Second}
	if os.Getenv("WINDHOVER_LONG") != "" {
		load.shortest, load.longest, load.signal, load.drain = 5*time.Second, time.Minute, 3*time.Second, 75*time.Second
	}
	return load
}

// Streams of all lengths and WebSockets are open when the process is told to stop: what can finish in time does, what cannot is
// told so, and each attempt and each refusal has its record.
func TestStopUnderLoadFinishesOrTellsEveryone(t *testing.T) {
	t.Parallel()
	load := stopLoadOf()
	upstream := new(slowUpstream)
	folder := provider(t, upstream.ServeHTTP)
	providers := filepath.Join(folder, "providers.yaml")
	writeFile(t, providers, strings.ReplaceAll(readFile(t, providers), "usage:", "retry: {attempts: 2, on: status == 503, backoff: 0s}, usage:"))
	records := filepath.Join(folder, "records")
	process, stderr, address := startProcess(t, folder, io.Discard, "--records="+records, "--drain-timeout="+load.drain.String())

	began := time.Now()
	outcomes, refusals := load.start(t, address)
	time.Sleep(load.signal - time.Since(began))
	signalled := time.Now()
	send(t, process, syscall.SIGTERM)
	await(t, stderr, `(shutting down)`)
	counts := map[string]int{}
	for range load.streams + load.late + load.sockets {
		counts[<-outcomes]++
	}
	if err := process.Wait(); err != nil {
		t.Errorf("the process ended with %v, want exit code 0", err)
	}
	if told := load.late + load.sockets; counts["finished"] != load.streams || counts["told"] != told {
		t.Errorf("outcomes = %v, want %d finished, %d told", counts, load.streams, told)
	}
	load.check(t, readFile(t, records), int(upstream.attempts.Load()), refusals)
	t.Logf("the signal came after %v, the end %v after it: %v, %d attempts, %d refusals",
		signalled.Sub(began), time.Since(signalled), counts, upstream.attempts.Load(), refusals)
}

// slowUpstream streams for as long as the query says, and greets on a WebSocket. Who asks with `busy` is sent away once.
type slowUpstream struct {
	attempts atomic.Int64
	seen     sync.Map // of queries
}

func (u *slowUpstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.attempts.Add(1)
	query := r.URL.Query()
	if _, seen := u.seen.LoadOrStore(r.URL.RawQuery, nil); query.Has("busy") && !seen {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if r.Header.Get("Upgrade") != "" {
		greet(w, r)
		return
	}
	lasts, _ := time.ParseDuration(query.Get("lasts"))
	w.Header().Set("Content-Type", "text/event-stream")
	const pieces = 10
	for i := range pieces {
		_, _ = io.WriteString(w, sseAnswer[len(sseAnswer)*i/pieces:len(sseAnswer)*(i+1)/pieces])
		w.(http.Flusher).Flush()
		if i == pieces-1 {
			return
		}
		select {
		case <-time.After(lasts / (pieces - 1)):
		case <-r.Context().Done():
			return
		}
	}
}

// greet says one thing on a WebSocket, and holds it open.
func greet(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer c.CloseNow()
	_ = c.Write(r.Context(), websocket.MessageText, []byte("hello"))
	_, _, _ = c.Read(context.Background())
}

// start returns when everything is open. What becomes of each stream and each WebSocket comes later.
func (l stopLoad) start(t *testing.T, address string) (outcomes <-chan string, refusals int) {
	t.Helper()
	all := make(chan string, l.streams+l.late+l.sockets)
	var begun sync.WaitGroup
	begun.Add(cap(all))
	ctx, cancel := context.WithTimeout(t.Context(), l.signal+l.drain+30*time.Second)
	t.Cleanup(cancel)
	for i := range l.streams {
		lasts := l.shortest + (l.longest-l.shortest)*time.Duration(i)/time.Duration(l.streams-1)
		query := fmt.Sprintf("n=%d&lasts=%s", i, lasts)
		if i%20 == 0 { // as many as a provider's retry budget holds
			query += "&busy"
		}
		go func() { all <- readStream(address, query, begun.Done) }()
	}
	for i := range l.late {
		go func() { all <- readStream(address, fmt.Sprintf("late=%d&lasts=1h", i), begun.Done) }()
	}
	for range l.sockets {
		go func() { all <- readSocket(ctx, address, begun.Done) }()
	}
	for range l.refused {
		response, err := http.Get("http://" + address + "/nobody/v1/models")
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode == http.StatusNotFound {
			refusals++
		}
	}
	begun.Wait()
	return all, refusals
}

// readStream says what becomes of an answer: all of it came, or the client is told that it is not whole.
func readStream(address, query string, begun func()) string {
	response, err := http.Post("http://"+address+"/openai/v1/chat/completions?"+query, "application/json", strings.NewReader(`{"stream":true}`))
	begun()
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	switch {
	case err != nil && strings.HasPrefix(query, "late"):
		return "told"
	case err == nil && string(body) == sseAnswer:
		return "finished"
	}
	return fmt.Sprintf("%s: %d %q (%v)", query, response.StatusCode, body, err)
}

// readSocket says what becomes of a WebSocket.
func readSocket(ctx context.Context, address string, begun func()) string {
	c, _, err := websocket.Dial(ctx, "ws://"+address+"/openai/socket", nil)
	if err == nil {
		_, _, err = c.Read(ctx)
	}
	begun()
	if err != nil {
		return err.Error()
	}
	if _, _, err = c.Read(ctx); websocket.CloseStatus(err) == websocket.StatusGoingAway {
		return "told"
	}
	return fmt.Sprint("WebSocket: ", err)
}

// check compares the records with what was asked: by the clients, and of the upstream.
func (l stopLoad) check(t *testing.T, records string, attempts, refusals int) {
	t.Helper()
	all, final, ends := 0, 0, map[string]int{}
	for line := range strings.Lines(records) {
		var record struct {
			End               string
			Final, Checkpoint bool
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatal(err)
		}
		if record.Checkpoint {
			continue // of a WebSocket that is still open
		}
		all++
		ends[record.End]++
		if record.Final {
			final++
		}
	}
	if asked := l.streams + l.late + l.sockets; final != asked || all != attempts+refusals || attempts <= asked || refusals != l.refused {
		t.Errorf("%d records, %d of them final, of %d requests, %d attempts, %d refusals", all, final, asked+l.refused, attempts, refusals)
	}
	again := attempts - l.streams - l.late - l.sockets
	if ends["complete"] != l.streams+again || ends["shutdown"] != l.late+l.sockets || ends["rejected"] != l.refused || len(ends) != 3 {
		t.Errorf("records = %v, want %d complete, %d shutdown, %d rejected", ends, l.streams+again, l.late+l.sockets, l.refused)
	}
}
