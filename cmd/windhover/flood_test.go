package main

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// flooded is a server as the public listener's, and an HTTP/2 connection to it.
func flooded(t *testing.T, handler http.HandlerFunc) (*http2.Framer, net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := newServer(handler, nil, slog.New(slog.DiscardHandler))
	go func() { _ = serveOn(listener, server) }()
	t.Cleanup(func() { _ = server.Close() })
	c, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	_, _ = io.WriteString(c, http2.ClientPreface)
	f := http2.NewFramer(c, c)
	_ = f.WriteSettings()
	return f, c
}

func requestBlock() []byte {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range [][2]string{{":method", "GET"}, {":scheme", "http"}, {":authority", "g"}, {":path", "/"}} {
		_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
	}
	return block.Bytes()
}

// goAway is the code with which the server ends the connection.
func goAway(f *http2.Framer) (code http2.ErrCode, ok bool) {
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return 0, false
		}
		if away, is := frame.(*http2.GoAwayFrame); is {
			return away.ErrCode, true
		}
	}
}

// CVE-2023-44487: a client that resets each stream at once would have as many handlers run as it can send frames. Each handler here
// takes no notice of that, as one that waits for an upstream may not at once.
func TestRapidResetIsBounded(t *testing.T) {
	t.Parallel()
	var running, most atomic.Int64
	release := make(chan struct{})
	f, _ := flooded(t, func(http.ResponseWriter, *http.Request) {
		n := running.Add(1)
		defer running.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		<-release
	})
	defer close(release)
	ended := make(chan http2.ErrCode, 1)
	go func() {
		code, _ := goAway(f)
		ended <- code
	}()
	block, sent := requestBlock(), 0
	for ; sent < 100_000; sent++ {
		stream := uint32(2*sent + 1)
		if f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block, EndHeaders: true, EndStream: true}) != nil || f.WriteRSTStream(stream, http2.ErrCodeCancel) != nil {
			break
		}
	}
	if code := <-ended; code != http2.ErrCodeEnhanceYourCalm {
		t.Errorf("the connection ends with %v after %d streams, want ENHANCE_YOUR_CALM", code, sent)
	}
	if n := most.Load(); n > maxStreams {
		t.Errorf("%d handlers ran at a time, want %d at most", n, maxStreams)
	}
}

// CVE-2023-45288: a header without an end, in as many frames as fit through the connection.
func TestHeaderWithoutAnEndIsBounded(t *testing.T) {
	t.Parallel()
	f, c := flooded(t, func(http.ResponseWriter, *http.Request) { t.Error("a request without an end is served") })
	go func() { _, _ = io.Copy(io.Discard, c) }()
	if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: requestBlock()}); err != nil {
		t.Fatal(err)
	}
	var block bytes.Buffer
	_ = hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: "x", Value: string(bytes.Repeat([]byte("~"), 8<<10)), Sensitive: true})
	written := 0
	for written < 256<<20 && f.WriteContinuation(1, false, block.Bytes()) == nil {
		written += block.Len()
	}
	if written > 32<<20 { // what the limit lets through, and what the kernel's buffers hold
		t.Errorf("the connection ends after %d bytes of a header, want it soon after %d", written, maxHeaderBytes)
	}
}

// A header that comes a byte now and then holds a connection for as long as its sender likes, if nothing bounds that.
func TestHeaderThatNeverComesIsBounded(t *testing.T) {
	t.Parallel()
	server := newServer(http.NotFoundHandler(), nil, slog.New(slog.DiscardHandler))
	if server.ReadHeaderTimeout != readHeaderTimeout || server.IdleTimeout != idleTimeout {
		t.Errorf("ReadHeaderTimeout, IdleTimeout = %v, %v, want %v, %v", server.ReadHeaderTimeout, server.IdleTimeout, readHeaderTimeout, idleTimeout)
	}
	server.ReadHeaderTimeout = 100 * time.Millisecond
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = serveOn(listener, server) }()
	t.Cleanup(func() { _ = server.Close() })
	c, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	go func() {
		for {
			if _, err := io.WriteString(c, "G"); err != nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	if _, err := io.Copy(io.Discard, c); err != nil {
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			t.Error("the connection is still open")
		}
	}
}
