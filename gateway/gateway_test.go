package gateway

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"windhover"
	"windhover/config"
	"windhover/gateway/usage"
)

// load reads a providers file that stands in the test.
func load(t testing.TB, yaml string) *config.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "providers.yaml")
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := config.Load(path, config.Options{Builtin: windhover.Providers})
	if err != nil {
		t.Fatalf("load providers: %v", err)
	}
	return f
}

// records keeps what a gateway's sink is given.
type records struct {
	mu  sync.Mutex
	all []*usage.Record
}

func (r *records) sink(rec *usage.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, rec)
}

// wait returns the records as soon as there are n, and fails the test when there are not n in time.
func (r *records) wait(t testing.TB, n int) []*usage.Record {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		r.mu.Lock()
		all := append([]*usage.Record(nil), r.all...)
		r.mu.Unlock()
		if len(all) >= n {
			if len(all) > n {
				t.Fatalf("%d records, want %d", len(all), n)
			}
			return all
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d records after 10 s, want %d", len(all), n)
		}
		time.Sleep(time.Millisecond)
	}
}

// one is the only record.
func (r *records) one(t testing.TB) *usage.Record { t.Helper(); return r.wait(t, 1)[0] }

// started is a gateway on a listener of its own.
type started struct {
	*Gateway
	*records
	url  string // http://127.0.0.1:port
	addr string
	log  *lockedBuffer
}

// lockedBuffer is a log that a test can read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start serves a file over HTTP/1.1 and cleartext HTTP/2.
func start(t testing.TB, yaml string) *started { t.Helper(); return startWith(t, yaml, Options{}) }

// startWith is start with options, whose sink and logger are the test's own where they are not given.
func startWith(t testing.TB, yaml string, o Options) *started {
	t.Helper()
	s := &started{records: new(records), log: new(lockedBuffer)}
	if o.Sink == nil {
		o.Sink = s.sink
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(s.log, nil))
	}
	g, err := New(load(t, yaml), o)
	if err != nil {
		t.Fatalf("compile providers: %v", err)
	}
	s.Gateway = g
	server := httptest.NewUnstartedServer(g)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		g.transports.close()
	})
	s.url, s.addr = server.URL, server.Listener.Addr().String()
	return s
}

// leadingTo is a file with one provider named up, that leads to the address.
func leadingTo(address string, more ...string) string {
	return "version: 1\nproviders:\n  up:\n    upstream: http://" + address + "\n" + strings.Join(more, "")
}

// wire is a TCP server that keeps every request exactly as it came and answers with scripted bytes.
type wire struct {
	addr string

	mu       sync.Mutex
	requests []string
}

// newWire starts one. serve is called for each connection, and closes it by returning.
func newWire(t testing.TB, serve func(w *wire, c net.Conn, r *bufio.Reader)) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{addr: l.Addr().String()}
	ctx, cancel := context.WithCancel(context.Background())
	var open sync.WaitGroup
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				stop := context.AfterFunc(ctx, func() { c.Close() })
				defer stop()
				defer c.Close()
				serve(w, c, bufio.NewReader(c))
			})
		}
	})
	t.Cleanup(func() {
		cancel()
		l.Close()
		open.Wait()
	})
	return w
}

// answering is a wire that answers every request on a connection with the same bytes.
func answering(t testing.TB, answer string) *wire {
	return newWire(t, func(w *wire, c net.Conn, r *bufio.Reader) {
		for w.read(r) == nil {
			if _, err := io.WriteString(c, answer); err != nil {
				return
			}
			if !strings.Contains(answer, "Content-Length: ") && !strings.Contains(answer, "chunked") {
				return // only the end of the connection ends such an answer
			}
		}
	})
}

// read keeps the next request: its header as it came, and the body behind it.
func (w *wire) read(r *bufio.Reader) error {
	var raw strings.Builder
	length, chunked := 0, false
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		raw.WriteString(line)
		name, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ": ")
		switch strings.ToLower(name) {
		case "content-length":
			fmt.Sscan(value, &length)
		case "transfer-encoding":
			chunked = value == "chunked"
		case "":
			if err := readBody(&raw, r, length, chunked); err != nil {
				return err
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.requests = append(w.requests, raw.String())
			return nil
		}
	}
}

func readBody(raw *strings.Builder, r *bufio.Reader, length int, chunked bool) error {
	if !chunked {
		_, err := io.CopyN(raw, r, int64(length))
		return err
	}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		raw.WriteString(line)
		if line == "\r\n" {
			return nil
		}
	}
}

// received are the requests so far.
func (w *wire) received() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.requests...)
}

// talk sends raw bytes to the gateway on a new connection and returns all that it answers until it closes.
func (s *started) talk(t testing.TB, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("read answer to %q: %v", request, err)
	}
	return string(answer)
}

func itoa(n int) string { return strconv.Itoa(n) }
