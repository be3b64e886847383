package gateway

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"windhover"
	"windhover/config"
	"windhover/gateway/usage"
)

// underLoad is a gateway that is reloaded while clients use it, and what they saw.
type underLoad struct {
	*Gateway
	url    string
	path   string
	client *http.Client

	release   chan struct{} // closed: streams end
	reloading atomic.Int64  // when the reload that runs began, in nanoseconds; 0: none runs
	reloaded  atomic.Int64  // when the last one ended

	mu       sync.Mutex
	failures []string
	tags     map[string]string // request id to the tag that the client saw
	records  map[string]*usage.Record
	calm     []time.Duration // how long requests took that no reload overlapped
	during   []time.Duration // how long the others took
}

// How long, how often and how much: a few seconds, or the whole minute if WINDHOVER_LONG is set.
func loadOf() (length time.Duration, reloads, streams int) {
	switch {
	case os.Getenv("WINDHOVER_LONG") != "":
		return time.Minute, 1000, 500
	case raceEnabled:
		return 3 * time.Second, 40, 100
	}
	return 4 * time.Second, 100, 500
}

// While the file changes between two good versions and a broken one, no request fails and no stream is cut, and each
// exchange is served and accounted for by one version from its first to its last byte.
func TestReloadsUnderLoadAreNotNoticed(t *testing.T) {
	length, reloads, streams := loadOf()
	l := startUnderLoad(t)
	baseline := runtime.NumGoroutine()

	var open, opened, working sync.WaitGroup
	opened.Add(streams)
	for range streams {
		open.Go(func() { l.stream(opened.Done) })
	}
	opened.Wait()
	stop, cancel := context.WithCancel(context.Background())
	for i := range 64 {
		working.Go(func() { l.work(stop, i) })
	}
	time.Sleep(length / 4) // without a reload, to compare with
	l.reload(t, reloads, length)
	cancel()
	working.Wait()
	close(l.release)
	open.Wait()

	l.check(t, streams)
	l.awaitGoroutines(t, baseline)
	t.Logf("%d reloads, %d streams, %d other requests; without a reload: %s; while one ran: %s",
		reloads, streams, len(l.calm)+len(l.during), spread(l.calm), spread(l.during))
}

func startUnderLoad(t *testing.T) *underLoad {
	t.Helper()
	l := &underLoad{release: make(chan struct{}), tags: make(map[string]string), records: make(map[string]*usage.Record)}
	upstream := httptest.NewServer(http.HandlerFunc(l.provide))
	t.Cleanup(upstream.Close)
	l.path = filepath.Join(t.TempDir(), "providers.yaml")
	l.write(t, upstream.URL, "first")
	read := func() (*config.File, error) {
		return config.Load(l.path, config.Options{Builtin: windhover.Providers})
	}
	file, err := read()
	if err != nil {
		t.Fatal(err)
	}
	l.Gateway, err = New(file, Options{Load: read, Sink: l.sink, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(l.Gateway)
	t.Cleanup(server.Close)
	l.url = server.URL
	l.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000}}
	return l
}

// write puts a good file in place whose provider marks requests and answers with the tag.
func (l *underLoad) write(t *testing.T, upstream, tag string) {
	t.Helper()
	text := fmt.Sprintf(`version: 1
extends: builtin
providers:
  up:
    upstream: %s
    usage: openai
    request: {headers: {set: {X-Tag: %s}}}
    response: {headers: {set: {X-Tag: %s}}}
  only-%s: {upstream: 'https://%s.example'}
`, upstream, tag, tag, tag, tag)
	l.replace(t, text)
}

func (l *underLoad) replace(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(l.path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(l.path+".new", l.path); err != nil {
		t.Fatal(err)
	}
}

// provide answers with the tag that the request was marked with: at once, or as a stream until release.
func (l *underLoad) provide(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	tag := r.Header.Get("X-Tag")
	if r.URL.RawQuery != "stream" {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"model":%q,"usage":{"prompt_tokens":7,"completion_tokens":1}}`, tag)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	tick := time.NewTicker(rand.N(time.Second))
	defer tick.Stop()
	for i := 0; ; i++ {
		fmt.Fprintf(w, "data: {\"model\":%q,\"n\":%d}\n\n", tag, i)
		w.(http.Flusher).Flush()
		select {
		case <-tick.C:
			tick.Reset(time.Second/2 + rand.N(time.Second)) // not all streams at once
		case <-l.release:
			fmt.Fprintf(w, "data: {\"model\":%q,\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":1}}\n\ndata: [DONE]\n\n", tag)
			return
		}
	}
}

func (l *underLoad) sink(rec *usage.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records[rec.RequestID] = rec
}

func (l *underLoad) fail(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures = append(l.failures, fmt.Sprintf(format, args...))
}

// seen keeps what a client saw of a request's one version.
func (l *underLoad) seen(response *http.Response) (tag string) {
	tag = response.Header.Get("X-Tag")
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tags[response.Header.Get(headerRequestID)] = tag
	return tag
}

// stream says when its stream is open, and reads it to its end; nothing may be missing.
func (l *underLoad) stream(opened func()) {
	response, err := l.client.Post(l.url+"/up/v1/chat/completions?stream", "application/json", strings.NewReader(`{"stream":true}`))
	opened()
	if err != nil {
		l.fail("open a stream: %v", err)
		return
	}
	defer response.Body.Close()
	tag := l.seen(response)
	lines := bufio.NewScanner(response.Body)
	last := ""
	for n := 0; lines.Scan(); {
		if lines.Text() == "" {
			continue
		}
		last = lines.Text()
		if want := fmt.Sprintf("data: {\"model\":%q,\"n\":%d}", tag, n); last == want {
			n++
		} else if !strings.Contains(last, "usage") && last != "data: [DONE]" {
			l.fail("event %d of a stream = %s, want %s", n, last, want)
			return
		}
	}
	if lines.Err() != nil || last != "data: [DONE]" {
		l.fail("a stream ended after %s: %v", last, lines.Err())
	}
}

// work sends one request after the other, small and large ones, with pauses: what is measured is the gateway, not a full machine.
func (l *underLoad) work(stop context.Context, worker int) {
	body := strings.Repeat(" ", []int{0, 500, 100_000}[worker%3]) + `{"model":"m"}`
	for stop.Err() == nil {
		time.Sleep(100*time.Millisecond + rand.N(200*time.Millisecond))
		l.ask(body)
	}
}

func (l *underLoad) ask(body string) {
	start := time.Now()
	response, err := l.client.Post(l.url+"/up/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		l.fail("send a request: %v", err)
		return
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	tag := l.seen(response)
	if want := fmt.Sprintf(`{"model":%q,"usage":{"prompt_tokens":7,"completion_tokens":1}}`, tag); err != nil || string(got) != want {
		l.fail("an answer = %s %s (%v), want %s", response.Status, got, err, want)
	}
	l.took(start, time.Since(start))
}

func (l *underLoad) took(start time.Time, took time.Duration) {
	overlaps := l.reloading.Load() != 0 || l.reloaded.Load() >= start.UnixNano()
	l.mu.Lock()
	defer l.mu.Unlock()
	if overlaps {
		l.during = append(l.during, took)
	} else {
		l.calm = append(l.calm, took)
	}
}

// reload replaces the file n times in the given time, by a good one and a broken one in turn.
func (l *underLoad) reload(t *testing.T, n int, length time.Duration) {
	t.Helper()
	upstream := l.snapshot.Load().file.Providers["up"].Upstream.Value
	tick := time.NewTicker(length / time.Duration(n))
	defer tick.Stop()
	for i := range n {
		<-tick.C
		broken := i%2 == 1
		if broken {
			l.replace(t, "version: 1\nproviders:\n  up: {upstraem: nowhere}\n")
		} else {
			l.write(t, upstream, fmt.Sprintf("t%d", i))
		}
		l.reloading.Store(time.Now().UnixNano())
		err := l.Reload()
		l.reloaded.Store(time.Now().UnixNano())
		l.reloading.Store(0)
		if (err != nil) != broken {
			t.Errorf("reload %d = %v, want an error: %v", i, err, broken)
		}
	}
}

// check compares what clients saw with the records.
func (l *underLoad) check(t *testing.T, streams int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, f := range l.failures {
		if i == 10 {
			t.Errorf("and %d failures more", len(l.failures)-i)
			break
		}
		t.Error(f)
	}
	if len(l.records) != len(l.tags) || len(l.tags) < streams {
		t.Errorf("%d records of %d requests with %d streams among them, want one for each", len(l.records), len(l.tags), streams)
	}
	revisions := map[string]string{} // tag to revision: of one file
	for id, tag := range l.tags {
		rec := l.records[id]
		if rec == nil {
			continue
		}
		if before, ok := revisions[tag]; ok && before != rec.Revision || tag == "" {
			t.Fatalf("the record of a request that version %q served names revision %s, others %s", tag, rec.Revision, before)
		}
		revisions[tag] = rec.Revision
		if rec.End != usage.EndComplete || rec.UsageState != usage.Reported || rec.Usage.Text(usage.Model) != tag {
			t.Fatalf("record = %s %s %s, want %s %s %s", rec.End, rec.UsageState, rec.Usage.Text(usage.Model), usage.EndComplete, usage.Reported, tag)
		}
	}
	if len(revisions) < 2 {
		t.Errorf("requests were served by %d versions, want several", len(revisions))
	}
}

// awaitGoroutines waits until those have ended that requests and reloads have started.
func (l *underLoad) awaitGoroutines(t *testing.T, baseline int) {
	t.Helper()
	l.client.CloseIdleConnections()
	l.transports.close()
	count := 0
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if count = runtime.NumGoroutine(); count <= baseline {
			return
		}
	}
	t.Errorf("%d goroutines are left, want at most the %d from before", count, baseline)
}

// spread says how durations are distributed.
func spread(all []time.Duration) string {
	if len(all) == 0 {
		return "none"
	}
	slices.SortFunc(all, cmp.Compare)
	at := func(share float64) time.Duration {
		return all[min(int(share*float64(len(all))), len(all)-1)].Round(10 * time.Microsecond)
	}
	return fmt.Sprintf("%d, median %v, 99 %% below %v, worst %v", len(all), at(.5), at(.99), at(1))
}
