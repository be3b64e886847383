package gateway

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"windhover/gateway/usage"
)

// holding is an upstream that answers only when it is told to.
func holding(t testing.TB) (up *wire, arrived func() int, release func()) {
	t.Helper()
	var n atomic.Int64
	open := make(chan struct{})
	var once sync.Once
	release = func() { once.Do(func() { close(open) }) }
	up = newWire(t, func(w *wire, c net.Conn, r *bufio.Reader) {
		for w.read(r) == nil {
			n.Add(1)
			<-open
			if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"); err != nil {
				return
			}
		}
	})
	t.Cleanup(release) // before the wire's own, which waits for it
	return up, func() int { return int(n.Load()) }, release
}

// askAside asks in the background and gives the answer's status and the gateway's own message, if it is one.
func (s *started) askAside(t testing.TB, path string) <-chan string {
	t.Helper()
	answer := make(chan string, 1)
	go func() {
		res, err := http.Get(s.url + path)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		answer <- strings.TrimSpace(fmt.Sprint(res.StatusCode, " ", res.Header.Get("Retry-After"), " ", errorOf(string(body))))
	}()
	return answer
}

func TestGatewayRefusesMoreRequestsThanItsLimit(t *testing.T) {
	t.Parallel()
	up, arrived, release := holding(t)
	g := startWith(t, leadingTo(up.addr), Options{MaxRequests: 2})
	first, second := g.askAside(t, "/up/1"), g.askAside(t, "/up/2")
	eventually(t, "both are there", func() bool { return arrived() == 2 })
	want := "503 1 the gateway has 2 requests open, which is its limit (--max-requests)"
	if got := <-g.askAside(t, "/up/3"); got != want {
		t.Errorf("the third gets %q, want %q", got, want)
	}
	release()
	if a, b := <-first, <-second; a != "200" || b != "200" {
		t.Errorf("the others get %q and %q", a, b)
	}
	eventually(t, "all are over", func() bool { return g.Open() == 0 })
	if got := <-g.askAside(t, "/up/4"); got != "200" {
		t.Errorf("a later one gets %q", got)
	}
	refused := 0
	for _, rec := range g.wait(t, 4) {
		if rec.End == usage.EndRejected && rec.Attempt == 0 && rec.Error == "too_many_requests" {
			refused++
		}
	}
	if refused != 1 {
		t.Errorf("%d records of refusals, want 1", refused)
	}
}

func TestProviderRefusesMoreRequestsThanItsLimit(t *testing.T) {
	t.Parallel()
	up, arrived, release := holding(t)
	g := start(t, leadingTo(up.addr, onUp("limits: {requests: 1}"))+"  free: {upstream: 'http://"+up.addr+"'}\n")
	first := g.askAside(t, "/up/1")
	eventually(t, "it is there", func() bool { return arrived() == 1 })
	want := "429 1 up has as many requests open here as it may (limits.requests: 1)"
	if got := <-g.askAside(t, "/up/2"); got != want {
		t.Errorf("the second gets %q, want %q", got, want)
	}
	other := g.askAside(t, "/free/1")
	eventually(t, "that of another provider is there", func() bool { return arrived() == 2 })
	release()
	if a, b := <-first, <-other; a != "200" || b != "200" {
		t.Errorf("the others get %q and %q", a, b)
	}
}

func TestRefusalSaysHowLongTheRequestHasWaited(t *testing.T) {
	t.Parallel()
	up, arrived, release := holding(t)
	g := start(t, leadingTo(up.addr, onUp("limits: {requests: 1, wait: 20ms}")))
	first := g.askAside(t, "/up/1")
	eventually(t, "it is there", func() bool { return arrived() == 1 })
	want := "429 1 up has as many requests open here as it may (limits.requests: 1), and none ended within 20ms (limits.wait)"
	if got := <-g.askAside(t, "/up/2"); got != want {
		t.Errorf("the second gets %q, want %q", got, want)
	}
	release()
	if got := <-first; got != "200" {
		t.Errorf("the first gets %q", got)
	}
}

// They come in as they arrived, each when the one before it is over.
func TestRequestWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	up, arrived, release := holding(t)
	g := start(t, leadingTo(up.addr, onUp("limits: {requests: 1, wait: 1m}")))
	answers := []<-chan string{g.askAside(t, "/up/1")}
	eventually(t, "it is there", func() bool { return arrived() == 1 })
	for i := 2; i <= 4; i++ {
		answers = append(answers, g.askAside(t, "/up/"+itoa(i)))
		eventually(t, "it waits", func() bool { return g.waiting("up") == i-1 })
	}
	if arrived() != 1 {
		t.Errorf("%d are upstream at a time, want 1", arrived())
	}
	release()
	for i, answer := range answers {
		if got := <-answer; got != "200" {
			t.Errorf("request %d gets %q", i+1, got)
		}
	}
	for i, request := range up.received() {
		if !strings.HasPrefix(request, "GET /"+itoa(i+1)+" ") {
			t.Errorf("request %d is %q", i+1, request)
		}
	}
}

func (s *started) waiting(provider string) int {
	slots := s.slots.of(provider)
	slots.mu.Lock()
	defer slots.mu.Unlock()
	return len(slots.queue)
}

func TestClientThatWaitsForItsTurnMayLeave(t *testing.T) {
	t.Parallel()
	up, arrived, release := holding(t)
	g := start(t, leadingTo(up.addr, onUp("limits: {requests: 1, wait: 1m}")))
	first := g.askAside(t, "/up/1")
	eventually(t, "it is there", func() bool { return arrived() == 1 })
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, g.url+"/up/2", nil)
		if res, err := http.DefaultClient.Do(r); err == nil {
			res.Body.Close()
		}
	}()
	eventually(t, "it waits", func() bool { return g.waiting("up") == 1 })
	leave()
	rec := g.one(t)
	if rec.End != usage.EndClientClosed || rec.Attempt != 0 {
		t.Errorf("record = %s, attempt %d, want client_closed, 0", rec.End, rec.Attempt)
	}
	release()
	if got := <-first; got != "200" || g.waiting("up") != 0 {
		t.Errorf("the first gets %q, %d wait", got, g.waiting("up"))
	}
}

// A reload changes how many may be open, and forgets none that is.
func TestSlotsOutliveTheirLimit(t *testing.T) {
	t.Parallel()
	s, ctx := new(slots), t.Context()
	for i := range 3 {
		if !s.enter(ctx, 3, 0) {
			t.Fatalf("slot %d of 3 is taken", i+1)
		}
	}
	if s.enter(ctx, 2, 0) {
		t.Error("a fourth is let in when the limit has become 2")
	}
	s.leave()
	if s.enter(ctx, 2, 0) {
		t.Error("one is let in while 2 of 2 are open")
	}
	if !s.enter(ctx, 4, 0) || !s.enter(ctx, 4, time.Minute) || s.enter(ctx, 4, time.Millisecond) {
		t.Error("a limit of 4 does not let in 4")
	}
	for range 4 {
		s.leave()
	}
	if s.open != 0 || len(s.queue) != 0 {
		t.Errorf("%d open, %d waiting, want none", s.open, len(s.queue))
	}
}

func TestSlotsAreNeverMoreThanTheLimit(t *testing.T) {
	t.Parallel()
	const limit = 5
	var s slots
	var open, admitted, most atomic.Int64
	var all sync.WaitGroup
	for range 400 {
		all.Go(func() {
			if !s.enter(t.Context(), limit, time.Minute) {
				return
			}
			admitted.Add(1)
			n := open.Add(1)
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			open.Add(-1)
			s.leave()
		})
	}
	all.Wait()
	if admitted.Load() != 400 || most.Load() > limit || s.open != 0 {
		t.Errorf("%d were let in, %d at a time at most, %d are still open", admitted.Load(), most.Load(), s.open)
	}
}

func TestBodyThatIsTooLargeNeverLeaves(t *testing.T) {
	t.Parallel()
	up := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	g := startWith(t, leadingTo(up.addr, onUp("limits: {body: 2KiB}"))+"  free: {upstream: 'http://"+up.addr+"'}\n  open: {upstream: 'http://"+up.addr+"', limits: {body: 0B}}\n", Options{MaxBody: 1 << 10})
	for path, c := range map[string]struct {
		size   int
		status string
		want   string
	}{
		"/up/a":   {2 << 10, "200", ""},
		"/up/b":   {2<<10 + 1, "413", "the request's body is larger than limits.body allows for up: 2KiB"},
		"/free/a": {1 << 10, "200", ""},
		"/free/b": {1<<10 + 1, "413", "the request's body is larger than --max-body allows for free: 1KiB"},
		"/open/a": {4 << 10, "200", ""},
	} {
		answer := g.ask(t, "POST "+path+" HTTP/1.1\r\nHost: g\r\nConnection: close\r\nContent-Length: "+itoa(c.size)+"\r\n\r\n"+strings.Repeat("x", c.size))
		if answer.status() != c.status || errorOf(answer.body) != c.want {
			t.Errorf("%s: %s %s, want %s %s", path, answer.line, answer.body, c.status, c.want)
		}
	}
	if n := len(up.received()); n != 3 {
		t.Errorf("%d requests left, want 3", n)
	}
}

// Its length is known only when it is too late to keep it from leaving.
func TestBodyThatTurnsOutTooLargeIsCutOff(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, client, upstream string) {
		cut := make(chan error, 1)
		g := startBefore(t, upstream, func(w http.ResponseWriter, r *http.Request) {
			n, err := io.Copy(io.Discard, r.Body)
			if n > 100<<10 {
				err = fmt.Errorf("%d bytes", n)
			}
			cut <- err
		}, onUp("limits: {body: 100KiB}"))
		r, err := http.NewRequest(http.MethodPost, g.url+"/up/", io.MultiReader(bytes.NewReader(make([]byte, 150<<10))))
		if err != nil {
			t.Fatal(err)
		}
		res, err := newClient(t, client).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		if want := "the request's body is larger than limits.body allows for up: 100KiB"; res.StatusCode != 413 || errorOf(string(body)) != want {
			t.Errorf("answer = %d %s, want 413 %s", res.StatusCode, body, want)
		}
		if err := <-cut; err == nil || strings.HasSuffix(err.Error(), "bytes") {
			t.Errorf("the upstream's read of the body ends with %v, want an error", err)
		}
		if rec := g.one(t); rec.End != usage.EndRejected || rec.Attempt != 1 || rec.Error != "body_too_large" {
			t.Errorf("record = %s, attempt %d, %s", rec.End, rec.Attempt, rec.Error)
		}
	})
}

// The answer has begun, so that nothing can be said any more: it breaks off.
func TestAnswerBreaksOffWithABodyThatTurnsOutTooLarge(t *testing.T) {
	t.Parallel()
	g := startBefore(t, http1, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		sendEvents(w, "data: 1\n\n")
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}, onUp("limits: {body: 100KiB}"))
	body, more := io.Pipe()
	go func() {
		more.Write(make([]byte, 1<<10))
		eventually(t, "the answer has begun", func() bool { return g.Open() == 1 })
		more.Write(make([]byte, 150<<10))
	}()
	r, err := http.NewRequest(http.MethodPost, g.url+"/up/", body)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := newClient(t, http1).Do(r); err == nil {
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
	body.Close()
	if rec := g.one(t); rec.End != usage.EndRejected || rec.Attempt != 1 {
		t.Errorf("record = %s, attempt %d, want rejected, 1", rec.End, rec.Attempt)
	}
}

func TestClientThatStallsInItsUploadIsLetGo(t *testing.T) {
	t.Parallel()
	up := newWire(t, func(_ *wire, c net.Conn, r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) })
	for name, length := range map[string]string{"small": "Content-Length: 100", "large": "Content-Length: 1000000", "chunked": "Transfer-Encoding: chunked"} {
		g := start(t, leadingTo(up.addr, onUp("timeouts: {upload: 50ms}")))
		answer := g.ask(t, "POST /up/v1 HTTP/1.1\r\nHost: g\r\n"+length+"\r\n\r\n3\r\nabc\r\n")
		if want := "the rest of the request's body did not come in time (timeouts.upload)"; answer.status() != "408" || errorOf(answer.body) != want {
			t.Errorf("%s: %s %s, want 408 %s", name, answer.line, answer.body, want)
		}
		attempt := 1
		if name == "small" {
			attempt = 0 // it is read before anything is sent
		}
		if rec := g.one(t); rec.End != usage.EndTimeoutUpload || rec.Attempt != attempt {
			t.Errorf("%s: record = %s, attempt %d, want timeout_upload, %d", name, rec.End, rec.Attempt, attempt)
		}
	}
}

// Both directions of a conversation belong to the client: while it gets an answer, it may be silent.
func TestClientThatGetsAnAnswerMayPauseItsUpload(t *testing.T) {
	t.Parallel()
	g := startBefore(t, http1, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		sendEvents(w, "data: 1\n\n")
		rest, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "data: %d\n\n", len(rest))
	}, onUp("timeouts: {upload: 50ms}"))
	body, more := io.Pipe()
	r, err := http.NewRequest(http.MethodPost, g.url+"/up/", body)
	if err != nil {
		t.Fatal(err)
	}
	go more.Write([]byte("abc"))
	res, err := newClient(t, http1).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	time.Sleep(150 * time.Millisecond)
	go func() {
		more.Write([]byte("de"))
		more.Close()
	}()
	if got, err := io.ReadAll(res.Body); err != nil || string(got) != "data: 1\n\ndata: 5\n\n" {
		t.Errorf("answer = %q, %v", got, err)
	}
}

// What cannot be kept passes on all the same; a record says less of it.
func TestBodiesBeyondTheirMemoryPassOn(t *testing.T) {
	t.Parallel()
	up := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	g := startWith(t, leadingTo(up.addr, onUp("stream_usage: openai-chat")), Options{BodyMemory: 64})
	small, large := `{"model":"a"}`, `{"model":"b","stream":true,"x":"`+strings.Repeat("x", 200)+`"}`
	for _, body := range []string{small, large} {
		g.talk(t, "POST /up/v1/chat/completions HTTP/1.1\r\nHost: g\r\nConnection: close\r\nContent-Length: "+itoa(len(body))+"\r\n\r\n"+body)
	}
	g.talk(t, "POST /up/v1/chat/completions HTTP/1.1\r\nHost: g\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"+fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(large), large))
	for i, want := range []string{small, large, large} {
		if got := up.received()[i]; !strings.Contains(got, want) {
			t.Errorf("upstream sees %q, want the body %q", got, want)
		}
	}
	for i, rec := range g.wait(t, 3) {
		if want := []string{"a", "", ""}[i]; rec.RequestModel != want || rec.StreamUsage != "" {
			t.Errorf("record %d: model %q, stream usage %q, want %q and none", i, rec.RequestModel, rec.StreamUsage, want)
		}
	}
	if n := g.BodyMemory(); n != 0 {
		t.Errorf("%d bytes are held when all is over", n)
	}
}
