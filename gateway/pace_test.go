package gateway

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	frame "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"windhover/gateway/usage"
)

func TestClientIsNeverAheadOfItsPace(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		before, waited time.Duration
		n              int
		want           time.Duration
	}{
		{0, time.Second, 0, time.Second},
		{0, time.Second, 100, 800 * time.Millisecond},
		{0, time.Second, 1 << 30, 0},
		{time.Minute, time.Second, 1, time.Minute + 998*time.Millisecond},
		{time.Minute, 0, 30_000, 0},
	} {
		if got := behind(test.before, test.waited, test.n); got != test.want {
			t.Errorf("behind(%v, %v, %d) = %v, want %v", test.before, test.waited, test.n, got, test.want)
		}
	}
}

// dripping is a body of which a piece comes now and then, until there is no more to come or its reader is gone.
func dripping(t *testing.T, piece, pieces int, pause time.Duration) io.Reader {
	body, w := io.Pipe()
	t.Cleanup(func() { body.Close() })
	go func() {
		defer w.Close()
		for range pieces {
			if _, err := w.Write(make([]byte, piece)); err != nil {
				return
			}
			time.Sleep(pause)
		}
	}()
	return body
}

// No read takes long, but a place that is kept for such a client would be kept for ever.
func TestClientThatDripsItsUploadIsLetGo(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		for name, length := range map[string]int64{"small": 2000, "large": 1 << 20, "without a length": -1} {
			t.Run(name+", "+version, func(t *testing.T) {
				t.Parallel()
				up := newWire(t, func(w *wire, c net.Conn, r *bufio.Reader) { io.Copy(io.Discard, r) })
				g := start(t, leadingTo(up.addr, onUp("timeouts: {upload: 200ms}")))
				began := time.Now()
				res, err := newClient(t, version).Do(newPost(t, g.url+"/up/", dripping(t, 1, 2000, 10*time.Millisecond), length))
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				checkLimit(t, time.Since(began))
				body, _ := io.ReadAll(res.Body)
				if want := "the rest of the request's body did not come in time (timeouts.upload)"; res.StatusCode != http.StatusRequestTimeout || errorOf(string(body)) != want {
					t.Errorf("answer = %d %s, want 408 %s", res.StatusCode, body, want)
				}
				if rec := g.one(t); rec.End != usage.EndTimeoutUpload {
					t.Errorf("end = %s, want timeout_upload", rec.End)
				}
			})
		}
	}
}

// paced is a body of which a piece comes each time.
type paced struct {
	piece int
	every time.Duration
}

func (r paced) Read(p []byte) (int, error) {
	time.Sleep(r.every)
	return min(r.piece, len(p)), nil
}

func TestUploadMayTakeAsLongAsItKeepsPace(t *testing.T) {
	t.Parallel()
	const never = 3 * time.Hour // so long it is read
	for name, test := range map[string]struct {
		body paced
		cut  time.Duration // when it is; at most, as a piece comes at the end of a read
	}{
		"nothing":                    {paced{0, time.Hour}, time.Hour},
		"a byte every four minutes":  {paced{1, 4 * time.Minute}, 8 * time.Minute},
		"a byte every second":        {paced{1, time.Second}, 301 * time.Second},
		"400 bytes a second":         {paced{400, time.Second}, 26 * time.Minute},
		"500 bytes a second":         {paced{500, time.Second}, never},
		"64 KiB every two minutes":   {paced{64 << 10, 2 * time.Minute}, never},
		"200 KiB every four minutes": {paced{200 << 10, 4 * time.Minute}, never},
		"200 KiB every five minutes": {paced{200 << 10, 5*time.Minute + 1}, 6 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				x := uploadingFor(5 * time.Minute)
				u, buffer := &uploading{Reader: test.body, x: x}, make([]byte, 256<<10)
				for x.ctx.Err() == nil && time.Since(began) < never {
					_, _ = u.Read(buffer)
				}
				took := time.Since(began)
				if cut := context.Cause(x.ctx) == errUpload; cut != (test.cut < never) || cut && (took < 5*time.Minute || took > test.cut) {
					t.Errorf("after %v the cause is %v, want that it is cut by %v", took, context.Cause(x.ctx), test.cut)
				}
			})
		})
	}
}

// While nobody reads, because the upstream takes no more, the client cannot send.
func TestUploadIsNotSlowWhereTheUpstreamIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := uploadingFor(time.Minute)
		u := &uploading{Reader: paced{1, time.Second}, x: x}
		for range 59 {
			_, _ = u.Read(make([]byte, 1))
			time.Sleep(time.Hour)
		}
		if x.ctx.Err() != nil {
			t.Errorf("it is cut: %v", context.Cause(x.ctx))
		}
	})
}

// uploadingFor is as much of an exchange as reads its client's body.
func uploadingFor(limit time.Duration) *exchange {
	x := &exchange{course: course{provider: &provider{upload: limit}}, clock: clock{began: time.Now()}, finished: true}
	x.ctx, x.cancel = context.WithCancelCause(context.Background())
	return x
}

// What a client leaves piles up, and goes on in writes of 4 KiB and more: a byte now and then finishes none of them in time.
func TestClientThatSipsItsAnswerIsLetGo(t *testing.T) {
	t.Parallel()
	up := newWire(t, func(w *wire, c net.Conn, r *bufio.Reader) {
		if w.read(r) != nil {
			return
		}
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
		for {
			if _, err := io.WriteString(c, "9\r\ndata: 1\n\n\r\n"); err != nil {
				return
			}
		}
	})
	for version, sip := range map[string]func(t *testing.T, address string){http1: sipHTTP1, http2: sipHTTP2} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			g := start(t, leadingTo(up.addr, onUp("timeouts: {write: 200ms}")))
			go sip(t, g.addr)
			if rec := g.one(t); rec.End != usage.EndTimeoutWrite || rec.Status != http.StatusOK {
				t.Errorf("record = %s, %d, want timeout_write, 200", rec.End, rec.Status)
			}
		})
	}
}

// sipHTTP1 takes a byte now and then until the connection is closed.
func sipHTTP1(t *testing.T, address string) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
	io.WriteString(c, "GET /up/ HTTP/1.1\r\nHost: g\r\n\r\n")
	for err == nil && t.Context().Err() == nil {
		_, err = c.Read(make([]byte, 1))
		time.Sleep(10 * time.Millisecond)
	}
}

// sipHTTP2 lets a byte come now and then until the stream is reset.
func sipHTTP2(t *testing.T, address string) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	io.WriteString(c, frame.ClientPreface)
	f := frame.NewFramer(c, c)
	_ = f.WriteSettings(frame.Setting{ID: frame.SettingInitialWindowSize, Val: 0})
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range [][2]string{{":method", "GET"}, {":scheme", "http"}, {":authority", "g"}, {":path", "/up/"}} {
		_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
	}
	_ = f.WriteHeaders(frame.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true})
	go io.Copy(io.Discard, c)
	for err == nil && t.Context().Err() == nil {
		err = f.WriteWindowUpdate(1, 1)
		time.Sleep(10 * time.Millisecond)
	}
}
