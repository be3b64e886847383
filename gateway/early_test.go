package gateway

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"windhover/gateway/usage"
)

// earlyAnswer is what upstreams send before they have read the request's body: long enough to need several reads.
var earlyAnswer = bytes.Repeat([]byte("refused "), 2<<10)

// pause is in the middle of them, so that the client's upload and the answer meet.
const pause = 2 * time.Millisecond

// early are upstreams that answer as soon as they have the header.
var early = map[string]func(t *testing.T) *started{
	"closes": func(t *testing.T) *started { return start(t, leadingTo(earlyWire(t, false).addr)) },
	"keeps the connection and reads nothing": func(t *testing.T) *started {
		return start(t, leadingTo(earlyWire(t, true).addr, onUp("timeouts: {total: 20s}")))
	},
	"HTTP/1.1 of net/http":                   func(t *testing.T) *started { return startBefore(t, http1, answerEarly) },
	"reads between the halves of its answer": func(t *testing.T) *started { return startBefore(t, http1, answerHalfEarly) },
	"HTTP/2 of net/http":                     func(t *testing.T) *started { return startBefore(t, http2, answerEarly) },
}

func answerEarly(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusUnauthorized)
	w.Write(earlyAnswer[:len(earlyAnswer)/2])
	http.NewResponseController(w).Flush()
	time.Sleep(pause)
	w.Write(earlyAnswer[len(earlyAnswer)/2:])
}

// answerHalfEarly reads the body only when it has sent half of its answer, and sends the rest when it has got it whole.
// It is no error answer: at one, an HTTP/2 client of net/http stops sending.
func answerHalfEarly(w http.ResponseWriter, r *http.Request) {
	http.NewResponseController(w).EnableFullDuplex()
	w.Write(earlyAnswer[:len(earlyAnswer)/2])
	http.NewResponseController(w).Flush()
	if n, err := io.Copy(io.Discard, r.Body); err != nil || n != r.ContentLength {
		panic(http.ErrAbortHandler)
	}
	w.Write(earlyAnswer[len(earlyAnswer)/2:])
}

// earlyWire reads a header alone, answers, and closes at once or only when the client has gone.
func earlyWire(t testing.TB, stays bool) *wire {
	over := make(chan struct{})
	up := newWire(t, func(w *wire, c net.Conn, r *bufio.Reader) {
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			if line == "\r\n" {
				break
			}
		}
		half := len(earlyAnswer) / 2
		fmt.Fprintf(c, "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(earlyAnswer), earlyAnswer[:half])
		time.Sleep(pause)
		c.Write(earlyAnswer[half:])
		if stays {
			<-over
			return
		}
		// Closed with bytes unread, the connection is reset behind the answer.
	})
	t.Cleanup(func() { close(over) })
	return up
}

func TestAnswerThatComesBeforeTheRequestWasReadIsNotLost(t *testing.T) {
	sizes := []struct{ bytes, requests int }{{1 << 10, 400}, {64<<10 + 1, 80}, {1 << 20, 24}}
	for name, startGateway := range early {
		for _, client := range versions {
			for _, size := range sizes {
				t.Run(fmt.Sprintf("%s, %s, %d bytes", name, client, size.bytes), func(t *testing.T) {
					g := startGateway(t)
					lost := hammer(newClient(t, client), g.url+"/up/", size.bytes, size.requests)
					if len(lost) > 0 {
						t.Errorf("%d of %d answers lost, the first: %v", len(lost), size.requests, lost[0])
					}
					for _, rec := range g.wait(t, size.requests) {
						if rec.End != usage.EndComplete {
							t.Fatalf("end = %s, want complete", rec.End)
						}
					}
				})
			}
		}
	}
}

// hammer posts bodies of a size from several clients at once, and returns why answers were not what the upstream sent.
func hammer(client *http.Client, url string, size, requests int) (lost []error) {
	const clients = 8
	body := strings.Repeat("x", size)
	var next atomic.Int64
	var mu sync.Mutex
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for next.Add(1) <= int64(requests) {
				if err := postOnce(client, url, body); err != nil {
					mu.Lock()
					lost = append(lost, err)
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	return lost
}

func postOnce(client *http.Client, url, body string) error {
	res, err := client.Post(url, "text/plain", strings.NewReader(body))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err == nil && !bytes.Equal(got, earlyAnswer) {
		err = errors.New(strconv.Itoa(res.StatusCode) + " with " + strconv.Itoa(len(got)) + " bytes: " + string(got[:min(200, len(got))]))
	}
	return err
}

// Without full duplex, net/http would read the rest of the body itself, and let the client wait for the answer meanwhile.
func TestAnswerMayBeginBeforeTheRequestEnds(t *testing.T) {
	t.Parallel()
	for _, upstream := range versions {
		t.Run(upstream, func(t *testing.T) {
			t.Parallel()
			g := startBefore(t, upstream, func(w http.ResponseWriter, r *http.Request) {
				http.NewResponseController(w).EnableFullDuplex()
				io.WriteString(w, "first ")
				http.NewResponseController(w).Flush()
				n, err := io.Copy(io.Discard, r.Body)
				fmt.Fprintf(w, "then %d, %v", n, err)
			})
			c, err := net.Dial("tcp", g.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(10 * time.Second))
			half := strings.Repeat("x", 64<<10)
			fmt.Fprintf(c, "POST /up/ HTTP/1.1\r\nHost: gateway\r\nContent-Length: %d\r\n\r\n%s", 2*len(half), half)
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			first := make([]byte, 6)
			if _, err := io.ReadFull(res.Body, first); err != nil || string(first) != "first " {
				t.Fatalf("answer = %q, %v, want first", first, err)
			}
			io.WriteString(c, half)
			if rest, err := io.ReadAll(res.Body); err != nil || string(rest) != "then 131072, <nil>" {
				t.Errorf("rest = %q, %v, want then 131072, <nil>", rest, err)
			}
			if rec := g.one(t); rec.BytesIn != 128<<10 || rec.End != usage.EndComplete {
				t.Errorf("record = %d bytes in, %s, want 131072, complete", rec.BytesIn, rec.End)
			}
		})
	}
}

// What is left of the body would be taken for the next request, or be read by two at once.
func TestConnectionClosesWithAnAnswerBeforeTheRequestEnds(t *testing.T) {
	t.Parallel()
	g := start(t, leadingTo(earlyWire(t, true).addr))
	c, err := net.Dial("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(c, "POST /up/ HTTP/1.1\r\nHost: gateway\r\nContent-Length: %d\r\n\r\n%s", 200<<10, strings.Repeat("x", 100<<10))
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got, err := io.ReadAll(res.Body); err != nil || !bytes.Equal(got, earlyAnswer) {
		t.Errorf("%d bytes, %v, want %d", len(got), err, len(earlyAnswer))
	}
	if !res.Close {
		t.Errorf("header = %v, want Connection: close", res.Header)
	}
}
