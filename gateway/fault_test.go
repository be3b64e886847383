package gateway

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	frame "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"windhover/gateway/usage"
)

// faulty is a connection that writes as it should up to a byte, and then misbehaves.
type faulty struct {
	net.Conn
	after int           // bytes that are written well
	then  string        // close, reset, stall or half (close of one direction); empty: nothing
	step  int           // write at most so many bytes at a time; 0: all
	delay time.Duration // before each of them
	gone  chan struct{} // closed when the peer has hung up
}

func (f *faulty) Write(p []byte) (written int, err error) {
	for len(p) > 0 {
		n := len(p)
		if f.step > 0 {
			n = min(n, f.step)
		}
		if f.then != "" {
			n = min(n, f.after)
		}
		if n == 0 {
			return written, f.fail()
		}
		time.Sleep(f.delay)
		if n, err = f.Conn.Write(p[:n]); err != nil {
			return written + n, err
		}
		written, p, f.after = written+n, p[n:], f.after-n
	}
	if f.then == "stall" && f.after <= 0 || f.then == "half" {
		return written, f.fail()
	}
	return written, nil
}

func (f *faulty) fail() error {
	switch f.then {
	case "reset":
		reset(f.Conn)
	case "half":
		_ = f.Conn.(*net.TCPConn).CloseWrite()
		<-f.gone
	case "stall":
		<-f.gone
	}
	return io.ErrClosedPipe
}

const faultAnswer = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n1b\r\nevent: part\ndata: {\"n\":1}\n\n\r\n" +
	"1b\r\nevent: part\ndata: {\"n\":2}\n\n\r\n1b\r\nevent: done\ndata: {\"n\":3}\n\n\r\n0\r\n\r\n"

// failing is a way in which an upstream fails, and what has to come of it.
type failing struct {
	answer string // what the upstream would say; faultAnswer by default
	faulty faulty
	file   string // in place of a provider that leads to the upstream
	end    usage.End
	status int // of the gateway's own answer; 0: the upstream's, whole if end is complete, and broken otherwise
}

func failingUpstreams() map[string]failing {
	header := strings.Index(faultAnswer, "\r\n\r\n") + 4
	first := strings.Index(faultAnswer, "1b\r\nevent: part\ndata: {\"n\":2}")
	length := func(n int, body string) string {
		return "HTTP/1.1 200 OK\r\nContent-Length: " + itoa(n) + "\r\n\r\n" + body
	}
	return map[string]failing{
		"refused":                       {file: "http://127.0.0.1:1", end: usage.EndConnectError, status: 502},
		"no such name":                  {file: "http://nowhere.invalid", end: usage.EndConnectError, status: 502},
		"no TLS":                        {file: "https://UP", answer: "SSH-2.0-x\r\n", end: usage.EndConnectError, status: 502},
		"black hole":                    {file: "https://UP", faulty: faulty{then: "stall"}, end: usage.EndTimeoutConnect, status: 504},
		"closed at once":                {faulty: faulty{then: "close"}, end: usage.EndUpstreamError, status: 502},
		"reset at once":                 {faulty: faulty{then: "reset"}, end: usage.EndUpstreamError, status: 502},
		"reset in the status":           {faulty: faulty{after: 7, then: "reset"}, end: usage.EndUpstreamError, status: 502},
		"reset in the header":           {faulty: faulty{after: header - 1, then: "reset"}, end: usage.EndUpstreamError, status: 502},
		"reset behind the header":       {faulty: faulty{after: header, then: "reset"}, end: usage.EndUpstreamTruncated},
		"reset in a chunk's size":       {faulty: faulty{after: header + 1, then: "reset"}, end: usage.EndUpstreamTruncated},
		"reset in an event":             {faulty: faulty{after: header + 12, then: "reset"}, end: usage.EndUpstreamTruncated},
		"reset between events":          {faulty: faulty{after: first, then: "reset"}, end: usage.EndUpstreamTruncated},
		"reset before the last byte":    {faulty: faulty{after: len(faultAnswer) - 1, then: "reset"}, end: usage.EndUpstreamTruncated},
		"half-closed in an event":       {faulty: faulty{after: header + 12, then: "half"}, end: usage.EndUpstreamTruncated},
		"half-closed behind the answer": {faulty: faulty{after: len(faultAnswer), then: "half"}, end: usage.EndComplete},
		"silent":                        {faulty: faulty{then: "stall"}, end: usage.EndTimeoutHeader, status: 504},
		"silent in the header":          {faulty: faulty{after: header - 2, then: "stall"}, end: usage.EndTimeoutHeader, status: 504},
		"silent behind the header":      {faulty: faulty{after: header, then: "stall"}, end: usage.EndTimeoutIdle},
		"silent after the first token":  {faulty: faulty{after: first, then: "stall"}, end: usage.EndTimeoutIdle},
		"slow":                          {faulty: faulty{step: 1, delay: 100 * time.Microsecond}, end: usage.EndComplete},
		"a bad chunk":                   {answer: faultAnswer[:first] + "zz\r\nx\r\n0\r\n\r\n", end: usage.EndUpstreamTruncated},
		"a negative chunk":              {answer: faultAnswer[:first] + "-1\r\nx\r\n0\r\n\r\n", end: usage.EndUpstreamTruncated},
		"a chunk beyond numbers":        {answer: faultAnswer[:first] + "fffffffffffffffff\r\nx\r\n0\r\n\r\n", end: usage.EndUpstreamTruncated},
		"too short a body":              {answer: length(10, "hello"), faulty: faulty{after: len(length(10, "hello")), then: "close"}, end: usage.EndUpstreamTruncated},
		"too long a body":               {answer: length(5, "hello, and more"), end: usage.EndComplete},
		"a line of 64 KiB":              {answer: "HTTP/1.1 200 OK\r\nX-Long: " + strings.Repeat("x", 64<<10) + "\r\nContent-Length: 2\r\n\r\nok", end: usage.EndComplete},
		"64 lines of 64 KiB":            {answer: "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Long: "+strings.Repeat("x", 64<<10)+"\r\n", 64) + "Content-Length: 2\r\n\r\nok", end: usage.EndComplete},
		"a header without an end":       {answer: "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Long: "+strings.Repeat("x", 64<<10)+"\r\n", 512), end: usage.EndUpstreamError, status: 502},
		"some hints":                    {answer: strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 100) + length(2, "ok"), end: usage.EndComplete},
		"a storm of hints":              {answer: strings.Repeat("HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n", 1<<20), end: usage.EndUpstreamError, status: 502},
		"trailers without an end":       {answer: strings.TrimSuffix(faultAnswer, "\r\n") + strings.Repeat("X: y\r\n", 1<<20), end: usage.EndUpstreamTruncated},
	}
}

// Each failure is named in one record, looks to the client as it is, and leaves nothing behind. It does not run in parallel with
// others: it counts goroutines.
func TestFaultIsNamedAndLeavesNothingBehind(t *testing.T) {
	for name, c := range failingUpstreams() {
		for _, client := range versions {
			t.Run(name+", "+client, func(t *testing.T) {
				before := runtime.NumGoroutine()
				answer := c.answer
				if answer == "" {
					answer = faultAnswer
				}
				up := newWire(t, func(w *wire, conn net.Conn, r *bufio.Reader) {
					if !strings.HasPrefix(c.file, "https") && w.read(r) != nil {
						return
					}
					f := c.faulty
					f.Conn, f.gone = conn, make(chan struct{})
					go func() {
						_, _ = io.Copy(io.Discard, r)
						close(f.gone)
					}()
					_, _ = io.WriteString(&f, answer)
					if f.then == "" {
						<-f.gone // whoever has the whole answer, or enough of it, hangs up
					}
				})
				upstream := strings.Replace(c.file, "UP", up.addr, 1)
				if upstream == "" {
					upstream = "http://" + up.addr
				}
				patience := "10s"
				if strings.HasPrefix(string(c.end), "timeout_") {
					patience = "300ms"
				}
				g := start(t, "version: 1\nproviders:\n  up:\n    upstream: "+upstream+"\n    usage: events\n"+
					"    timeouts: {connect: "+patience+", response_header: "+patience+", idle: "+patience+", idle_connection: 50ms}\n"+countingEvents)
				outcomeOf(t, g, newClient(t, client), c)
				if rec := g.one(t); rec.End != c.end || rec.Attempt != 1 || !rec.Final {
					t.Errorf("record = %s (%s), attempt %d, want %s, 1", rec.End, rec.Error, rec.Attempt, c.end)
				}
				nothingIsLeft(t, g, before)
			})
		}
	}
}

// outcomeOf asks, and holds the answer to what it has to look like.
func outcomeOf(t *testing.T, g *started, client *http.Client, c failing) {
	t.Helper()
	defer client.CloseIdleConnections()
	client.Transport.(*http.Transport).MaxResponseHeaderBytes = 64 << 20 // it is the gateway whose limit is looked for
	res, err := client.Post(g.url+"/up/", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatalf("Post = %v, want an answer", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	switch {
	case c.status != 0:
		if err != nil || res.StatusCode != c.status || res.Header.Get(headerError) == "" {
			t.Errorf("answer = %d %s (%v), want the gateway's own %d", res.StatusCode, body, err, c.status)
		}
	case c.end == usage.EndComplete:
		if err != nil || res.StatusCode != 200 || res.Header.Get(headerError) != "" {
			t.Errorf("answer = %d, %d bytes (%v), want the whole one of the upstream", res.StatusCode, len(body), err)
		}
	case err == nil:
		t.Errorf("answer = %d, %d bytes, want that it breaks off", res.StatusCode, len(body))
	}
}

// nothingIsLeft fails the test if an exchange that is over has kept something.
func nothingIsLeft(t *testing.T, g *started, goroutines int) {
	t.Helper()
	if n, m := g.BodyMemory(), g.decoding.Used(); n != 0 || m != 0 || g.Open() != 0 {
		t.Errorf("%d bytes of bodies, %d of decoders and %d exchanges are left, want none", n, m, g.Open())
	}
	const servers = 8 // of this test: two that accept, and connections that their clients keep
	waitForGoroutines(t, goroutines+servers, func() { g.transports.close() })
}

// frames is an HTTP/2 upstream without TLS that does what the script says with each request.
func frames(t testing.TB, script func(f *frame.Framer, stream uint32, answer func(end bool))) *wire {
	return newWire(t, func(_ *wire, c net.Conn, r *bufio.Reader) {
		if _, err := io.CopyN(io.Discard, r, int64(len(frame.ClientPreface))); err != nil {
			return
		}
		f := frame.NewFramer(c, r)
		_ = f.WriteSettings()
		for {
			next, err := f.ReadFrame()
			if err != nil {
				return
			}
			switch next := next.(type) {
			case *frame.SettingsFrame:
				if !next.IsAck() {
					_ = f.WriteSettingsAck()
				}
			case *frame.HeadersFrame:
				script(f, next.StreamID, func(end bool) {
					var block bytes.Buffer
					encoder := hpack.NewEncoder(&block)
					for _, field := range [][2]string{{":status", "200"}, {"content-type", "text/event-stream"}} {
						_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
					}
					_ = f.WriteHeaders(frame.HeadersFrameParam{StreamID: next.StreamID, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: end})
				})
			}
		}
	})
}

// It does not run in parallel with others: it counts goroutines.
func TestFaultOfHTTP2IsNamed(t *testing.T) {
	const events = "event: part\ndata: {\"n\":1}\n\n"
	const last = "event: done\ndata: {\"n\":2}\n\n"
	for name, c := range map[string]struct {
		script func(f *frame.Framer, stream uint32, answer func(end bool))
		end    usage.End
		status int
	}{
		"a stream reset at once": {func(f *frame.Framer, stream uint32, _ func(bool)) {
			_ = f.WriteRSTStream(stream, frame.ErrCodeInternal)
		}, usage.EndUpstreamError, 502},
		"a stream reset behind its header": {func(f *frame.Framer, stream uint32, answer func(bool)) {
			answer(false)
			_ = f.WriteRSTStream(stream, frame.ErrCodeCancel)
		}, usage.EndUpstreamTruncated, 0},
		"a stream reset in its body": {func(f *frame.Framer, stream uint32, answer func(bool)) {
			answer(false)
			_ = f.WriteData(stream, false, []byte(events))
			_ = f.WriteRSTStream(stream, frame.ErrCodeInternal)
		}, usage.EndUpstreamTruncated, 0},
		"GOAWAY, and the answer all the same": {func(f *frame.Framer, stream uint32, answer func(bool)) {
			answer(false)
			_ = f.WriteGoAway(stream, frame.ErrCodeNo, nil)
			_ = f.WriteData(stream, false, []byte(events))
			_ = f.WriteData(stream, true, []byte(last))
		}, usage.EndComplete, 0},
		"GOAWAY with an error in the body": {func(f *frame.Framer, stream uint32, answer func(bool)) {
			answer(false)
			_ = f.WriteData(stream, false, []byte(events))
			_ = f.WriteGoAway(stream, frame.ErrCodeProtocol, []byte("no more"))
			_ = f.WriteRSTStream(stream, frame.ErrCodeProtocol)
		}, usage.EndUpstreamTruncated, 0},
		"a frame that breaks the protocol": {func(f *frame.Framer, stream uint32, answer func(bool)) {
			answer(false)
			_ = f.WriteRawFrame(frame.FrameData, 0, 0, []byte("of no stream"))
		}, usage.EndUpstreamTruncated, 0},
		"data beyond the window": {func(f *frame.Framer, stream uint32, answer func(bool)) {
			answer(false)
			for range 2 << 10 {
				if f.WriteData(stream, false, make([]byte, 16<<10)) != nil {
					return
				}
			}
		}, usage.EndUpstreamTruncated, 0},
	} {
		for _, client := range versions {
			t.Run(name+", "+client, func(t *testing.T) {
				before := runtime.NumGoroutine()
				up := frames(t, c.script)
				g := start(t, leadingTo(up.addr, onUp("http: 2", "usage: events", "timeouts: {response_header: 2s, idle: 2s}"), countingEvents))
				if name == "data beyond the window" {
					stayAway(t, g, newClient(t, client))
				} else {
					outcomeOf(t, g, newClient(t, client), failing{end: c.end, status: c.status})
				}
				if rec := g.one(t); rec.End != c.end || rec.Attempt != 1 {
					t.Errorf("record = %s (%s), attempt %d, want %s, 1", rec.End, rec.Error, rec.Attempt, c.end)
				}
				nothingIsLeft(t, g, before)
			})
		}
	}
}

// stayAway asks, and reads nothing of the answer for a while.
func stayAway(t *testing.T, g *started, client *http.Client) {
	t.Helper()
	defer client.CloseIdleConnections()
	res, err := client.Get(g.url + "/up/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	time.Sleep(200 * time.Millisecond)
	if n, err := io.Copy(io.Discard, res.Body); err == nil {
		t.Error(fmt.Sprint("the answer has ", n, " bytes and an end, want that it breaks off"))
	}
}
