package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"windhover/gateway/usage"
)

// atOnce is for a shutdown that waits for nobody.
func atOnce(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestShutdownWaitsForOpenExchanges(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	g := startBefore(t, http1, func(w http.ResponseWriter, r *http.Request) {
		sendEvents(w, "data: 1\n\n")
		<-release
		io.WriteString(w, "data: 2\n\n")
	})
	res, err := newClient(t, http1).Get(g.url + "/up/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()

	down := make(chan struct{})
	go func() {
		defer close(down)
		g.Shutdown(t.Context())
	}()
	select {
	case <-down:
		t.Error("Shutdown returned while an exchange was open")
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "data: 1\n\ndata: 2\n\n" {
		t.Errorf("body = %q, %v, want both events", body, err)
	}
	<-down
	if rec := g.one(t); rec.End != usage.EndComplete {
		t.Errorf("end = %s, want complete", rec.End)
	}
}

// What each of them waits for is another thing, and all are to end at once.
func TestShutdownEndsWhatDoesNotFinish(t *testing.T) {
	t.Parallel()
	waiting := func(w http.ResponseWriter, r *http.Request, there func()) {
		there()
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		panic(http.ErrAbortHandler) // it could end its answer in order
	}
	streaming := func(w http.ResponseWriter, r *http.Request, there func()) {
		sendEvents(w, "data: 1\n\n")
		waiting(w, r, there)
	}
	flooding := func(w http.ResponseWriter, r *http.Request, there func()) {
		there()
		io.Copy(w, zeros{})
	}
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			tests := map[string]struct {
				upstream func(w http.ResponseWriter, r *http.Request, there func())
				upload   int64 // the length of a body that stops at half
				status   int
			}{
				"before the header":              {upstream: waiting, status: 503},
				"in a stream":                    {upstream: streaming, status: 200},
				"to a client that reads nothing": {upstream: flooding, status: 200},
				"in an upload":                   {upstream: waiting, upload: 200 << 10, status: 503},
			}
			for name, tt := range tests {
				there := make(chan struct{})
				g := startBefore(t, http1, func(w http.ResponseWriter, r *http.Request) {
					tt.upstream(w, r, func() { close(there) })
				})
				answer := make(chan *http.Response, 1)
				go func() { answer <- halfway(t, newClient(t, version), g.url+"/up/", tt.upload) }()
				<-there
				time.Sleep(50 * time.Millisecond)
				began := time.Now()
				g.Shutdown(atOnce(t))
				if took := time.Since(began); took > slack {
					t.Errorf("%s: Shutdown took %v", name, took)
				}
				if rec := g.one(t); rec.End != usage.EndShutdown || rec.Status != tt.status {
					t.Errorf("%s: record = %s, %d, want shutdown, %d", name, rec.End, rec.Status, tt.status)
				}
				checkShutDown(t, name, <-answer, tt.status)
			}
		})
	}
}

// A small body is read before there is an attempt.
func TestShutdownEndsASmallUploadThatStandsStill(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		g := startBefore(t, http1, func(http.ResponseWriter, *http.Request) {})
		answer := make(chan *http.Response, 1)
		go func() { answer <- halfway(t, newClient(t, version), g.url+"/up/", 1000) }()
		for g.open.wait(atOnce(t)) == 0 {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(50 * time.Millisecond)
		g.Shutdown(atOnce(t))
		if rec := g.one(t); rec.End != usage.EndShutdown || rec.Attempt != 0 {
			t.Errorf("%s: record = %s, attempt %d, want shutdown, 0", version, rec.End, rec.Attempt)
		}
		checkShutDown(t, version, <-answer, 503)
	}
}

// halfway asks, sends the first half of a body, and returns what comes back.
func halfway(t *testing.T, client *http.Client, url string, length int64) *http.Response {
	var body io.Reader = http.NoBody
	if length > 0 {
		r, w := io.Pipe()
		t.Cleanup(func() { w.Close() })
		go w.Write(make([]byte, length/2))
		body = r
	}
	r, err := http.NewRequest(http.MethodPost, url, body)
	if err != nil {
		t.Error(err)
		return nil
	}
	r.ContentLength = length
	res, err := client.Do(r)
	if err != nil {
		t.Error(err)
		return nil
	}
	return res
}

func checkShutDown(t *testing.T, name string, res *http.Response, status int) {
	t.Helper()
	if res == nil {
		return
	}
	defer res.Body.Close()
	if res.StatusCode != status || (status == 503 && res.Header.Get(headerError) != "shutdown") {
		t.Errorf("%s: answer = %d, %s, want %d and shutdown", name, res.StatusCode, res.Header.Get(headerError), status)
	}
	if _, err := io.Copy(io.Discard, res.Body); (err != nil) != (status == 200) {
		t.Errorf("%s: body ended with %v", name, err)
	}
}

func TestPanicBeforeTheHeaderIsAnswered(t *testing.T) {
	t.Parallel()
	g := start(t, leadingTo("127.0.0.1:1"))
	for _, transport := range g.transports.open {
		transport.Proxy = func(*http.Request) (*url.URL, error) { panic("a bug") }
	}
	res, err := newClient(t, http1).Get(g.url + "/up/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct{ Error struct{ Code string } }
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || res.StatusCode != 500 || answer.Error.Code != "internal" {
		t.Errorf("answer = %d %+v, %v, want 500 internal", res.StatusCode, answer, err)
	}
	if rec := g.one(t); rec.Status != 500 || rec.Error != "internal" || rec.RequestID != res.Header.Get(headerRequestID) {
		t.Errorf("record = %d, %q, %s, want 500, internal, the client's request id", rec.Status, rec.Error, rec.RequestID)
	}
	if log := g.log.String(); !strings.Contains(log, "panic while serving a request") || !strings.Contains(log, "a bug") {
		t.Errorf("log = %q, want the panic", log)
	}
	g.Shutdown(t.Context()) // nothing is open
}

// buggyWriter panics at the second write.
type buggyWriter struct {
	http.ResponseWriter
	writes int
}

func (w *buggyWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *buggyWriter) Write(p []byte) (int, error) {
	if w.writes++; w.writes == 2 {
		panic("a bug")
	}
	return w.ResponseWriter.Write(p)
}

func TestPanicBehindTheHeaderBreaksTheAnswerOff(t *testing.T) {
	t.Parallel()
	g := startBefore(t, http1, func(w http.ResponseWriter, r *http.Request) {
		for range 3 {
			sendEvents(w, "data: 1\n\n")
			time.Sleep(20 * time.Millisecond)
		}
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.ServeHTTP(&buggyWriter{ResponseWriter: w}, r)
	}))
	defer server.Close()
	res, err := newClient(t, http1).Get(server.URL + "/up/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); !errors.Is(err, io.ErrUnexpectedEOF) || string(body) != "data: 1\n\n" {
		t.Errorf("body = %q, %v, want one event and unexpected EOF", body, err)
	}
	if rec := g.one(t); rec.Status != 200 || rec.BytesOut != 9 {
		t.Errorf("record = %d, %d out, want 200, 9", rec.Status, rec.BytesOut)
	}
}
