package gateway

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"windhover/gateway/usage"
)

func TestMultipartUploadArrivesByteForByte(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, client, upstream string) {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		form.WriteField("model", "whisper-1")
		file, err := form.CreateFormFile("file", "a.wav")
		if err != nil {
			t.Fatal(err)
		}
		file.Write(bytes.Repeat([]byte("\x00\x01\r\n--\xff"), 60<<10))
		form.Close()
		want := fmt.Sprintf("%x", sha256.Sum256(body.Bytes()))

		g := startBefore(t, upstream, func(w http.ResponseWriter, r *http.Request) {
			h := sha256.New()
			io.Copy(h, r.Body)
			fmt.Fprintf(w, "%d %x", r.ContentLength, h.Sum(nil))
		})
		for _, length := range []int64{int64(body.Len()), -1} {
			r, err := http.NewRequest(http.MethodPost, g.url+"/up/v1/audio/transcriptions", io.NopCloser(bytes.NewReader(body.Bytes())))
			if err != nil {
				t.Fatal(err)
			}
			r.ContentLength = length
			r.Header.Set("Content-Type", form.FormDataContentType())
			res, err := newClient(t, client).Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if got, err := io.ReadAll(res.Body); err != nil || string(got) != fmt.Sprintf("%d %s", length, want) {
				t.Errorf("the upstream got %s, %v, want %d %s", got, err, length, want)
			}
		}
		for _, rec := range g.wait(t, 2) {
			if rec.BytesIn != int64(body.Len()) || rec.RequestModel != "whisper-1" {
				t.Errorf("record = %d in, model %q, want %d, whisper-1", rec.BytesIn, rec.RequestModel, body.Len())
			}
		}
	})
}

// It does not run in parallel with others: it measures the heap.
func TestLargeBodiesAreNotKept(t *testing.T) {
	const limit = 8 << 20
	size := int64(200 << 20)
	if raceEnabled {
		size = 50 << 20
	}
	defer debug.SetGCPercent(debug.SetGCPercent(20)) // so that garbage does not hide what is kept
	for _, version := range versions {
		g := startBefore(t, http1, func(w http.ResponseWriter, r *http.Request) {
			n, err := io.Copy(io.Discard, r.Body)
			w.Header().Set("X-Got", fmt.Sprint(n, " ", err))
			w.Header().Set("Content-Length", fmt.Sprint(size))
			io.CopyN(w, zeros{}, size)
		})
		before := heap()
		stop := make(chan struct{})
		peak := peakHeap(stop)
		res, err := newClient(t, version).Post(g.url+"/up/v1/files", "application/octet-stream", io.LimitReader(zeros{}, size))
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, res.Body)
		res.Body.Close()
		close(stop)
		if want := fmt.Sprint(size, " <nil>"); n != size || err != nil || res.Header.Get("X-Got") != want {
			t.Errorf("%s: %d bytes down, %v, up %q, want %d and %q", version, n, err, res.Header.Get("X-Got"), size, want)
		}
		grown := <-peak - before
		t.Logf("%s: the heap grew by %d KiB", version, grown>>10)
		if grown > limit {
			t.Errorf("%s: the heap grew by %d bytes, want at most %d", version, grown, limit)
		}
		if rec := g.one(t); rec.BytesIn != size || rec.BytesOut != size {
			t.Errorf("%s: record = %d in, %d out, want %d", version, rec.BytesIn, rec.BytesOut, size)
		}
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// peakHeap is the largest heap until stop.
func peakHeap(stop <-chan struct{}) <-chan int64 {
	peak := make(chan int64, 1)
	go func() {
		var largest int64
		for {
			select {
			case <-stop:
				peak <- largest
				return
			case <-time.After(5 * time.Millisecond):
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				largest = max(largest, int64(m.HeapAlloc))
			}
		}
	}()
	return peak
}

// continuing asks the gateway to say when it wants the body, and returns the status lines and how long after the request
// the first came. The body is sent behind a 100.
func continuing(t *testing.T, g *started, body string) (lines []string, first time.Duration, res *http.Response) {
	t.Helper()
	c, err := net.Dial("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	began := time.Now()
	fmt.Fprintf(c, "POST /up/ HTTP/1.1\r\nHost: gateway\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(body))
	r := bufio.NewReader(c)
	for {
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(lines) == 0 {
			first = time.Since(began)
		}
		lines = append(lines, res.Status)
		if res.StatusCode == http.StatusContinue {
			io.WriteString(c, body)
		}
		if res.StatusCode >= 200 {
			return lines, first, res
		}
	}
}

func TestContinueIsTheUpstreams(t *testing.T) {
	t.Parallel()
	up := newWire(t, func(w *wire, c net.Conn, r *bufio.Reader) {
		req, err := http.ReadRequest(r)
		if err != nil || req.Header.Get("Expect") != "100-continue" {
			return
		}
		time.Sleep(100 * time.Millisecond)
		io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
		body, _ := io.ReadAll(req.Body)
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	})
	g := start(t, leadingTo(up.addr))
	lines, first, res := continuing(t, g, "the body")
	if got := strings.Join(lines, ", "); got != "100 Continue, 103 Early Hints, 200 OK" {
		t.Errorf("answers = %s, want one 100, the 103 and the 200", got)
	}
	if first < 100*time.Millisecond || first > 900*time.Millisecond {
		t.Errorf("the 100 came after %v, want the upstream's, after 100ms", first)
	}
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "the body" {
		t.Errorf("the upstream got %q, %v, want the body", body, err)
	}
}

func TestContinueComesAfterASecondWhereTheUpstreamIsSilent(t *testing.T) {
	t.Parallel()
	up := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	g := start(t, leadingTo(up.addr))
	lines, first, _ := continuing(t, g, "the body")
	if got := strings.Join(lines, ", "); got != "100 Continue, 200 OK" {
		t.Errorf("answers = %s, want one 100 and the 200", got)
	}
	if first < time.Second || first > time.Second+slack {
		t.Errorf("the 100 came after %v, want a second", first)
	}
	if got := up.received(); len(got) != 1 || !strings.HasSuffix(got[0], "\r\n\r\nthe body") {
		t.Errorf("the upstream got %q, want the body", got)
	}
}

func TestRefusedExpectationNeedsNoBody(t *testing.T) {
	t.Parallel()
	up := newWire(t, func(w *wire, c net.Conn, r *bufio.Reader) {
		if _, err := http.ReadRequest(r); err == nil {
			io.WriteString(c, "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno")
		}
	})
	g := start(t, leadingTo(up.addr))
	lines, first, res := continuing(t, g, "the body")
	if got := strings.Join(lines, ", "); got != "417 Expectation Failed" || first > 900*time.Millisecond {
		t.Errorf("answers = %s after %v, want the upstream's 417 at once", got, first)
	}
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "no" {
		t.Errorf("body = %q, %v, want no", body, err)
	}
	if rec := g.one(t); rec.BytesIn != 0 || rec.Status != 417 || rec.End != usage.EndComplete {
		t.Errorf("record = %d in, %d, %s, want 0, 417, complete", rec.BytesIn, rec.Status, rec.End)
	}
}

func TestAnnouncedRequestTrailersPass(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, client, upstream string) {
		g := startBefore(t, upstream, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %s", body, r.Trailer.Get("X-Sum"))
		})
		r, err := http.NewRequest(http.MethodPost, g.url+"/up/", io.NopCloser(strings.NewReader("body")))
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = -1
		r.Trailer = http.Header{"X-Sum": {"42"}}
		res, err := newClient(t, client).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if got, err := io.ReadAll(res.Body); err != nil || string(got) != "body 42" {
			t.Errorf("the upstream got %q, %v, want body 42", got, err)
		}
	})
}

func TestRequestModelIsFoundInTheBeginningOfABody(t *testing.T) {
	t.Parallel()
	filler := func(n int) string { return `"messages":"` + strings.Repeat("x", n) + `"` }
	bodies := map[string]struct{ body, model string }{
		"small":                 {`{"model":"gpt-5",` + filler(10) + `}`, "gpt-5"},
		"large, model first":    {`{"model":"gpt-5",` + filler(200<<10) + `}`, "gpt-5"},
		"large, model in reach": {`{` + filler(60<<10) + `,"model":"gpt-5",` + `"more":"` + strings.Repeat("x", 200<<10) + `"}`, "gpt-5"},
		"large, model behind":   {`{` + filler(200<<10) + `,"model":"gpt-5"}`, ""},
		"no JSON":               {strings.Repeat("x", 100), ""},
	}
	for name, tt := range bodies {
		for _, length := range []int64{int64(len(tt.body)), -1} {
			t.Run(fmt.Sprintf("%s, length %d", name, length), func(t *testing.T) {
				t.Parallel()
				g := startBefore(t, http1, func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
				r := newPost(t, g.url+"/up/", io.NopCloser(strings.NewReader(tt.body)), length)
				res, err := newClient(t, http1).Do(r)
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				if rec := g.one(t); rec.RequestModel != tt.model || rec.BytesIn != int64(len(tt.body)) {
					t.Errorf("record = model %q, %d in, want %q, %d", rec.RequestModel, rec.BytesIn, tt.model, len(tt.body))
				}
			})
		}
	}
}
