package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"windhover/gateway/usage"
)

// account is what a test compares of a record.
type account struct {
	attempt int
	final   bool
	status  int
	end     usage.End
	error   string
}

func accounts(records []*usage.Record) []account {
	all := make([]account, len(records))
	for i, r := range records {
		all[i] = account{r.Attempt, r.Final, r.Status, r.End, r.Error}
	}
	return all
}

// refusing makes the first connections of the gateway fail.
func refusing(g *started, connections int64) {
	for _, transport := range g.transports.open {
		dial := transport.DialContext
		var n atomic.Int64
		transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			if n.Add(1) <= connections {
				return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
			}
			return dial(ctx, network, address)
		}
	}
}

// failures are what an upstream can do to a request that it has read. Each answers well from the second time on.
func failuresOfUpstream() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"429":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) },
		"500":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"503":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) },
		"400":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400) },
		"no answer": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"silence":   func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"cut": func(w http.ResponseWriter, _ *http.Request) {
			sendEvents(w, "data: 1\n\n")
			panic(http.ErrAbortHandler)
		},
		"an answer": func(http.ResponseWriter, *http.Request) {},
	}
}

// Every failure, with every method, body and rule: the upstream never gets a second request that no rule names.
func TestRequestIsRepeatedOnlyForWhatTheRuleNames(t *testing.T) {
	t.Parallel()
	rules := map[string]struct {
		line    string
		repeats string // the failures that it names
	}{
		"no rule":     {"", ""},
		"connections": {"retry: {attempts: 2, backoff: 1ms}", ""},
		"429 and 503": {"retry: {attempts: 2, backoff: 1ms, on: status == 429 or status == 503}", "429 503"},
		"silence":     {"retry: {attempts: 2, backoff: 1ms, on: end == \"timeout_header\"}", "silence"},
		"all":         {"retry: {attempts: 2, backoff: 1ms, on: 'true'}", "429 500 503 400 no answer silence"},
		"not on time": {"retry: {attempts: 2, backoff: 1ms, on: elapsed > 1000}", ""},
	}
	bodies := map[string]int64{"no body": 0, "a small body": 1, "a body that is kept": 200 << 10, "a body that is too large": 2 << 20, "a body without a length": -1}
	for ruleName, rule := range rules {
		for failure, fail := range failuresOfUpstream() {
			t.Run(ruleName+", "+failure, func(t *testing.T) {
				t.Parallel()
				var mu sync.Mutex
				seen := make(map[string]int)
				address, _ := scripted(t, func(w http.ResponseWriter, r *http.Request) {
					mu.Lock()
					seen[r.URL.Path]++
					n := seen[r.URL.Path]
					mu.Unlock()
					if n == 1 {
						fail(w, r)
					}
				})
				patience := "timeouts: {response_header: 1m}"
				if failure == "silence" {
					patience = "timeouts: {response_header: 50ms}"
				}
				g := start(t, leadingTo(address, onUp(patience, rule.line)))
				client := newClient(t, http1)
				for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodGet} {
					for body, length := range bodies {
						path := "/" + method + "/" + strings.ReplaceAll(body, " ", "-")
						size := length
						if length < 0 {
							size = 3
						}
						r, err := http.NewRequest(method, g.url+"/up"+path, io.LimitReader(zeros{}, size))
						if err != nil {
							t.Fatal(err)
						}
						if r.ContentLength = length; length == 0 {
							r.Body = nil
						}
						r.Header.Set("Idempotency-Key", "k") // at which net/http repeats by itself
						if res, err := client.Do(r); err == nil {
							io.Copy(io.Discard, res.Body)
							res.Body.Close()
						}
						want := 1
						if strings.Contains(rule.repeats, failure) && length >= 0 && length <= 1<<20 {
							want = 2
						}
						mu.Lock()
						if got := seen[path]; got != want {
							t.Errorf("%s with %s: the upstream saw %d requests, want %d", method, body, got, want)
						}
						mu.Unlock()
					}
				}
			})
		}
	}
}

func TestConnectionThatDoesNotComeAboutIsTriedAgain(t *testing.T) {
	t.Parallel()
	for _, length := range []int{0, 1, 200 << 10, 3 << 20} {
		var got atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n, _ := io.Copy(io.Discard, r.Body)
			got.Add(n)
		}))
		g := start(t, leadingTo(server.Listener.Addr().String(), onUp("retry: {attempts: 3, backoff: 1ms}")))
		refusing(g, 2)
		res, _ := g.post(t, "/up/", strings.Repeat("x", length))
		if res.StatusCode != 200 || got.Load() != int64(length) || res.Header.Get(headerAttempt) != "3" || res.Header.Get(headerProvider) != "up" {
			t.Errorf("%d bytes: answer = %d %v, %d bytes upstream, want 200 of attempt 3", length, res.StatusCode, res.Header, got.Load())
		}
		records := g.wait(t, 3)
		want := []account{{1, false, 0, usage.EndConnectError, "connect_error"}, {2, false, 0, usage.EndConnectError, "connect_error"}, {3, true, 200, usage.EndComplete, ""}}
		if all := accounts(records); fmt.Sprint(all) != fmt.Sprint(want) {
			t.Errorf("%d bytes: records = %+v, want %+v", length, all, want)
		}
		server.Close()
	}
}

// Each attempt has its own account: its own ID, time and duration, and all that was sent with it.
func TestEveryAttemptHasItsOwnRecord(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	address, _ := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1) == 1 {
			w.WriteHeader(503)
			io.WriteString(w, "busy")
			return
		}
		io.WriteString(w, "an answer")
	})
	g := start(t, leadingTo(address, onUp("retry: {attempts: 2, backoff: 300ms, on: status == 503}")))
	res, got := g.post(t, "/up/", `{"model":"m-1"}`)
	if got != "an answer" || res.Header.Get(headerAttempt) != "2" {
		t.Errorf("answer = %q %v", got, res.Header)
	}
	records := g.wait(t, 2)
	first, second := records[0], records[1]
	want := []account{{1, false, 503, usage.EndComplete, ""}, {2, true, 200, usage.EndComplete, ""}}
	if all := accounts(records); fmt.Sprint(all) != fmt.Sprint(want) {
		t.Errorf("records = %+v, want %+v", all, want)
	}
	if first.ID == second.ID || first.RequestID != second.RequestID || first.RequestID != res.Header.Get(headerRequestID) {
		t.Errorf("ids = %s and %s of requests %s and %s", first.ID, second.ID, first.RequestID, second.RequestID)
	}
	if second.Time.Before(first.Time.Add(first.Duration)) || first.FirstByte <= 0 || first.FirstByte > first.Duration || second.FirstByte > second.Duration {
		t.Errorf("times = %v for %v and %v for %v; first bytes %v and %v", first.Time, first.Duration, second.Time, second.Duration, first.FirstByte, second.FirstByte)
	}
	if first.BytesIn != 15 || second.BytesIn != 15 || first.BytesOut != 0 || second.BytesOut != 9 || first.RequestModel != "m-1" || second.RequestModel != "m-1" {
		t.Errorf("records = %+v and %+v", first, second)
	}
}

// The client gets the last answer as it is, when no attempt was better.
func TestLastAnswerIsTheClients(t *testing.T) {
	t.Parallel()
	address, asked := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Request-Id", "r")
		w.WriteHeader(503)
		io.WriteString(w, "busy")
	})
	g := start(t, leadingTo(address, onUp("retry: {attempts: 3, backoff: 1ms, on: status == 503}")))
	res, got := g.post(t, "/up/", "x")
	if res.StatusCode != 503 || got != "busy" || res.Header.Get("X-Request-Id") != "r" || res.Header.Get(headerError) != "" || asked.Load() != 3 {
		t.Errorf("answer = %d %v %q after %d, want the third 503 as it came", res.StatusCode, res.Header, got, asked.Load())
	}
	for i, rec := range g.wait(t, 3) {
		if rec.Attempt != i+1 || rec.Final != (i == 2) || rec.Status != 503 {
			t.Errorf("record %d = attempt %d, final %v, %d", i, rec.Attempt, rec.Final, rec.Status)
		}
	}
}

func TestRetryAfterIsHonouredUpToTheLongestWait(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		after string
		asked int64
		least time.Duration
	}{{"0", 2, 0}, {"1", 2, time.Second}, {"3", 1, 0}} {
		t.Run("Retry-After "+test.after, func(t *testing.T) {
			t.Parallel()
			address, asked := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", test.after)
				w.WriteHeader(429)
			})
			g := start(t, leadingTo(address, onUp("retry: {attempts: 2, backoff: 1ms, max_wait: 2s, on: status == 429}")))
			began := time.Now()
			res, _ := g.post(t, "/up/", "x")
			if took := time.Since(began); asked.Load() != test.asked || took < test.least || res.StatusCode != 429 || res.Header.Get("Retry-After") != test.after {
				t.Errorf("asked %d times in %v, answer %d %v, want %d times in at least %v", asked.Load(), took, res.StatusCode, res.Header, test.asked, test.least)
			}
		})
	}
}

func TestWaitsAreRandomAndDouble(t *testing.T) {
	t.Parallel()
	r := retry{backoff: 100 * time.Millisecond, maxWait: 10 * time.Second}
	for attempt, most := range map[int]time.Duration{1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 4: 800 * time.Millisecond, 10: 10 * time.Second} {
		longest := time.Duration(0)
		seen := make(map[time.Duration]bool)
		for range 1000 {
			wait, ok := r.wait(attempt, nil)
			if !ok || wait < 0 || wait >= most {
				t.Fatalf("attempt %d waits %v, want less than %v", attempt, wait, most)
			}
			longest = max(longest, wait)
			seen[wait] = true
		}
		if longest < most*9/10 || len(seen) < 500 {
			t.Errorf("attempt %d waits up to %v in %d ways, want up to %v at random", attempt, longest, len(seen), most)
		}
	}
}

// Everything fails. Without a budget, three attempts each would be three times the traffic.
func TestRetriesOfAnOutageAreATenthOfTheTraffic(t *testing.T) {
	t.Parallel()
	address, asked := scripted(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	g := start(t, leadingTo(address, onUp("retry: {attempts: 3, backoff: 0s, on: status == 503}")))
	const requests = 400
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range requests / 8 {
				w := httptest.NewRecorder()
				r := httptest.NewRequest("POST", "/up/", nil)
				r.RequestURI = "/up/"
				g.ServeHTTP(w, r)
			}
		})
	}
	all.Wait()
	most := int64(requests + requests/10 + maxRetryTenths/10)
	if n := asked.Load(); n < requests+requests/10 || n > most {
		t.Errorf("the upstream was asked %d times for %d requests, want a tenth more and at most %d", n, requests, most)
	}
	records := g.wait(t, int(asked.Load()))
	finals, ids := 0, make(map[string]bool)
	for _, rec := range records {
		ids[rec.ID] = true
		if rec.Final {
			finals++
		}
	}
	if tally := g.Tallies()["up"]; finals != requests || len(ids) != len(records) || tally.Retries != asked.Load()-requests || tally.RetriesOverBudget == 0 {
		t.Errorf("%d final records of %d with %d ids, counts %+v", finals, len(records), len(ids), tally)
	}
}

func TestBudgetIsEarnedByTraffic(t *testing.T) {
	t.Parallel()
	b := &newTally().budget
	spent := 0
	for b.spend() {
		spent++
	}
	for range 25 {
		b.earn()
	}
	again := 0
	for b.spend() {
		again++
	}
	for range 1000 {
		b.earn()
	}
	full := 0
	for b.spend() {
		full++
	}
	if spent != 10 || again != 2 || full != 10 {
		t.Errorf("retries = %d, %d after 25 requests, %d after 1000 more, want 10, 2, 10", spent, again, full)
	}
}

func TestBodyThatIsTooLargeIsSaidToBe(t *testing.T) {
	t.Parallel()
	address, asked := scripted(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	g := start(t, leadingTo(address, onUp("retry: {attempts: 2, on: status == 503}", "retry_buffer: 100KiB")))
	g.post(t, "/up/", strings.Repeat("x", 101<<10))
	rec := g.one(t)
	if asked.Load() != 1 || g.Tallies()["up"].BodiesNotKept != 1 || !strings.Contains(g.log.String(), "no further attempt: the request's body is larger than what is kept") || !strings.Contains(g.log.String(), rec.RequestID) {
		t.Errorf("asked %d times, counts %+v, log:\n%s", asked.Load(), g.Tallies()["up"], g.log)
	}
}

func TestClientThatLeavesIsNotRetriedFor(t *testing.T) {
	t.Parallel()
	waiting := make(chan struct{}, 1)
	address, asked := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(503)
		waiting <- struct{}{}
	})
	g := start(t, leadingTo(address, onUp("retry: {attempts: 3, backoff: 1h, max_wait: 1h, on: status == 503}")))
	ctx, leave := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url+"/up/", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		<-waiting
		leave()
	}()
	if _, err := newClient(t, http1).Do(r); !errors.Is(err, context.Canceled) {
		t.Fatalf("err = %v, want that the client left", err)
	}
	if rec := g.one(t); asked.Load() != 1 || !rec.Final || rec.Attempt != 1 {
		t.Errorf("asked %d times, record = %+v, want once, attempt 1", asked.Load(), accounts([]*usage.Record{rec}))
	}
}

func TestWebSocketIsNotOpenedTwice(t *testing.T) {
	t.Parallel()
	var opened atomic.Int64
	address := newSocket(t, websocket.CompressionDisabled, func(ctx context.Context, c *websocket.Conn, broken net.Conn) {
		opened.Add(1)
		broken.Close()
	})
	g := start(t, leadingTo(address, onUp("retry: {attempts: 3, backoff: 1ms, on: 'true'}")))
	ctx, c := g.dial(t, "/up/", websocket.CompressionDisabled)
	if _, _, err := c.Read(ctx); err == nil {
		t.Error("the session goes on")
	}
	if rec := g.one(t); opened.Load() != 1 || rec.Attempt != 1 || rec.Status != 101 {
		t.Errorf("opened %d times, record = %+v", opened.Load(), accounts([]*usage.Record{rec}))
	}
}

// What an abandoned attempt holds is given back at once.
func TestAbandonedAttemptsLeaveNothingBehind(t *testing.T) {
	for _, upstream := range versions {
		var n atomic.Int64
		gone := make(chan struct{}, 1)
		g := startBefore(t, upstream, func(w http.ResponseWriter, r *http.Request) {
			if n.Add(1)%2 == 0 {
				io.Copy(w, r.Body)
				return
			}
			w.WriteHeader(503) // before it has read the body, and without an end
			http.NewResponseController(w).Flush()
			io.Copy(io.Discard, r.Body) // before that, a server of net/http sees no client leave
			<-r.Context().Done()
			gone <- struct{}{}
		}, onUp("retry: {attempts: 2, backoff: 1ms, on: status == 503}"))
		body := bytes.Repeat([]byte("x"), 900<<10)
		res, got := g.post(t, "/up/", string(body))
		if res.StatusCode != 200 || got != string(body) {
			t.Errorf("%s: answer = %d, %d bytes, want 200, %d", upstream, res.StatusCode, len(got), len(body))
		}
		<-gone
		g.wait(t, 2)
	}
}

func TestSleepEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if sleep(ctx, time.Hour) || time.Since(began) != time.Second {
			t.Errorf("sleep ended after %v, want 1s and false", time.Since(began))
		}
	})
}

// Each attempt asks for usage as the first did, until the provider declines that.
func TestRetriesAskForUsageAsTheFirstAttemptDid(t *testing.T) {
	t.Parallel()
	const plain, asked = `{"model":"m","stream":true}`, `{"model":"m","stream":true,"stream_options":{"include_usage":true}}`
	event := "data: {\"choices\":[{}]}\n\n"
	for name, test := range map[string]struct {
		statuses []int
		want     []string
		usage    []usage.StreamUsage
	}{
		"busy":              {[]int{503, 200}, []string{asked, asked}, []usage.StreamUsage{usage.StreamUsageAdded, usage.StreamUsageAdded}},
		"declined":          {[]int{400, 200}, []string{asked, plain}, []usage.StreamUsage{usage.StreamUsageAdded, ""}},
		"declined and busy": {[]int{400, 503, 200}, []string{asked, plain, plain}, []usage.StreamUsage{usage.StreamUsageAdded, "", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var got []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				mu.Lock()
				defer mu.Unlock()
				got = append(got, string(body))
				if status := test.statuses[len(got)-1]; status != 200 {
					w.WriteHeader(status)
					io.WriteString(w, `unknown parameter: stream_options`)
					return
				}
				sendEvents(w, event)
				if strings.Contains(string(body), "include_usage") {
					io.WriteString(w, "data: {\"choices\":[],\"usage\":{\"total_tokens\":9}}\n\n")
				}
			}))
			defer server.Close()
			g := start(t, leadingTo(server.Listener.Addr().String(), onUp("stream_usage: openai-chat", "retry: {attempts: 4, backoff: 1ms, on: status == 503}")))
			if _, answer := g.post(t, "/up/v1/chat/completions", plain); answer != event {
				t.Errorf("answer = %q, want %q", answer, event)
			}
			mu.Lock()
			defer mu.Unlock()
			if fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("the upstream got %s, want %s", got, test.want)
			}
			for i, rec := range g.wait(t, len(test.want)) {
				if rec.StreamUsage != test.usage[i] || rec.Attempt != i+1 {
					t.Errorf("attempt %d: stream_usage = %q, want %q", rec.Attempt, rec.StreamUsage, test.usage[i])
				}
			}
		})
	}
}

func TestConnectionOfAnAbandonedAnswerIsUsedAgain(t *testing.T) {
	t.Parallel()
	for _, upstream := range versions {
		var mu sync.Mutex
		connections := make(map[string]bool)
		var n atomic.Int64
		g := startBefore(t, upstream, func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			mu.Lock()
			connections[r.RemoteAddr] = true
			mu.Unlock()
			if n.Add(1) < 4 {
				w.WriteHeader(429)
				io.WriteString(w, strings.Repeat("x", 2000))
			}
		}, onUp("retry: {attempts: 4, backoff: 1ms, on: status == 429}"))
		if res, _ := g.post(t, "/up/", "x"); res.StatusCode != 200 {
			t.Errorf("%s: status = %d, want 200", upstream, res.StatusCode)
		}
		g.wait(t, 4)
		mu.Lock()
		if len(connections) != 1 {
			t.Errorf("%s: %d connections for 4 attempts, want 1", upstream, len(connections))
		}
		mu.Unlock()
	}
}
