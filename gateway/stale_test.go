package gateway

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"windhover/gateway/usage"
)

// posts are requests that a provider charges for each time it gets them.
var posts = map[string]func(t testing.TB, url string) *http.Request{
	"no body":               func(t testing.TB, url string) *http.Request { return newPost(t, url, nil, 0) },
	"a small body":          func(t testing.TB, url string) *http.Request { return newPost(t, url, strings.NewReader("x"), 1) },
	"a small body, chunked": func(t testing.TB, url string) *http.Request { return newPost(t, url, strings.NewReader("x"), -1) },
	"a large body": func(t testing.TB, url string) *http.Request {
		return newPost(t, url, strings.NewReader(strings.Repeat("x", 200<<10)), 200<<10)
	},
}

func newPost(t testing.TB, url string, body io.Reader, length int64) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = length
	return r
}

// eachPost runs a test for every kind of request, with and without the headers at which net/http sends a request twice.
func eachPost(t *testing.T, f func(t *testing.T, post func(url string) *http.Response)) {
	t.Helper()
	for name, newRequest := range posts {
		for _, key := range []string{"", "Idempotency-Key", "X-Idempotency-Key"} {
			t.Run(name+" "+key, func(t *testing.T) {
				t.Parallel()
				client := newClient(t, http1)
				f(t, func(url string) *http.Response {
					r := newRequest(t, url)
					if key != "" {
						r.Header.Set(key, "k-1")
					}
					res, err := client.Do(r)
					if err != nil {
						t.Fatal(err)
					}
					io.Copy(io.Discard, res.Body)
					res.Body.Close()
					return res
				})
			})
		}
	}
}

func TestPostThatTheUpstreamHasReadIsNotSentAgain(t *testing.T) {
	t.Parallel()
	eachPost(t, func(t *testing.T, post func(url string) *http.Response) {
		var received atomic.Int64
		up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			if received.Add(1)%2 == 0 {
				panic(http.ErrAbortHandler) // on a connection that was kept
			}
		}))
		defer up.Close()
		g := start(t, leadingTo(up.Listener.Addr().String()))
		for i := range 4 {
			want := http.StatusOK
			if i%2 == 1 {
				want = http.StatusBadGateway
			}
			if res := post(g.url + "/up/"); res.StatusCode != want {
				t.Errorf("request %d: status = %d, want %d", i, res.StatusCode, want)
			}
		}
		if got := received.Load(); got != 4 {
			t.Errorf("the upstream received %d requests, want the 4 that were sent", got)
		}
		for _, rec := range g.wait(t, 4) {
			if rec.Resent != 0 {
				t.Errorf("resent = %d, want 0", rec.Resent)
			}
		}
	})
}

func TestRequestOfWhichNothingWasWrittenIsSentAgain(t *testing.T) {
	t.Parallel()
	eachPost(t, func(t *testing.T, post func(url string) *http.Response) {
		var received atomic.Int64
		up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			received.Add(1)
		}))
		defer up.Close()
		g := start(t, leadingTo(up.Listener.Addr().String()))
		dyingAfter(g, 1)

		for i := range 3 {
			if res := post(g.url + "/up/"); res.StatusCode != http.StatusOK {
				t.Errorf("request %d: status = %d, want 200", i, res.StatusCode)
			}
		}
		if got := received.Load(); got != 3 {
			t.Errorf("the upstream received %d requests, want 3", got)
		}
		var resent []int
		for _, rec := range g.wait(t, 3) {
			resent = append(resent, rec.Resent)
			if rec.End != usage.EndComplete || rec.Attempt != 1 {
				t.Errorf("record = %s, attempt %d, want complete, 1", rec.End, rec.Attempt)
			}
		}
		if len(resent) != 3 || resent[0] != 0 || resent[1] != 1 || resent[2] != 1 {
			t.Errorf("resent = %v, want [0 1 1]", resent)
		}
	})
}

// dyingAfter makes every connection of the gateway one that takes that many requests, and then nothing more.
func dyingAfter(g *started, requests int) {
	for _, transport := range g.transports.open {
		dial := transport.DialContext
		transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return newUpstreamConn(&dyingConn{Conn: c, left: requests}), nil
		}
	}
}

// dyingConn tells requests by the line that they begin with.
type dyingConn struct {
	net.Conn
	left int
}

func (c *dyingConn) Write(p []byte) (int, error) {
	if strings.HasPrefix(string(p), "POST ") {
		if c.left--; c.left < 0 {
			c.Conn.Close()
			return 0, errors.New("the connection is dead")
		}
	}
	return c.Conn.Write(p)
}

// The upstream closes while the next request is on its way: it gets lost or is sent again, but never counts twice.
func TestConnectionThatClosesWhenItIsUsedAgainDoublesNothing(t *testing.T) {
	t.Parallel()
	const requests = 300
	var mu sync.Mutex
	received := make(map[string]int)
	up := newWire(t, func(w *wire, c net.Conn, r *bufio.Reader) {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		io.Copy(io.Discard, req.Body)
		mu.Lock()
		received[req.URL.Path]++
		mu.Unlock()
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	})
	g := start(t, leadingTo(up.addr))
	client := newClient(t, http1)
	answered := 0
	for i := range requests {
		r := newPost(t, g.url+"/up/"+itoa(i), strings.NewReader("x"), 1)
		r.Header.Set("Idempotency-Key", itoa(i))
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode == http.StatusOK {
			answered++
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for path, n := range received {
		if n != 1 {
			t.Errorf("%s was received %d times, want once", path, n)
		}
	}
	if len(received) != answered {
		t.Errorf("%d requests were received and %d answered, want the same", len(received), answered)
	}
	t.Logf("%d of %d answered", answered, requests)
}

// A provider takes the key in any case, and on HTTP/2 it has none.
func TestIdempotencyKeyReachesTheUpstream(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		g := startBefore(t, version, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, r.Header.Get("Idempotency-Key")+r.Header.Get("X-Idempotency-Key"))
		})
		r := newPost(t, g.url+"/up/", nil, 0)
		r.Header.Set("Idempotency-Key", "a")
		r.Header.Set("X-Idempotency-Key", "b")
		res, err := newClient(t, http1).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if got, err := io.ReadAll(res.Body); err != nil || string(got) != "ab" {
			t.Errorf("%s: keys = %q, %v, want ab", version, got, err)
		}
	}
}
