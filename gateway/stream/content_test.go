package stream

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// encoder is what every package that compresses has.
type encoder interface {
	io.WriteCloser
	Flush() error
}

func newEncoder(t testing.TB, coding string, w io.Writer) encoder {
	t.Helper()
	switch coding {
	case "gzip", "x-gzip":
		return gzip.NewWriter(w)
	case "deflate":
		return zlib.NewWriter(w)
	case "raw deflate":
		e, err := flate.NewWriter(w, flate.DefaultCompression)
		if err != nil {
			t.Fatal(err)
		}
		return e
	case "br":
		return brotli.NewWriter(w)
	default:
		e, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
}

func encode(t testing.TB, coding, body string) string {
	t.Helper()
	var b bytes.Buffer
	e := newEncoder(t, coding, &b)
	if _, err := io.WriteString(e, body); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// header is the Content-Encoding of what newEncoder made.
func header(coding string) string { return strings.TrimPrefix(coding, "raw ") }

func codings() []string { return []string{"gzip", "x-gzip", "deflate", "raw deflate", "br", "zstd"} }

// content decodes a body that arrives in these pieces.
func content(t testing.TB, encodings []string, o ContentOptions, pieces ...string) (string, error) {
	t.Helper()
	var out []byte
	c, err := NewContent(encodings, func(p []byte) { out = append(out, p...) }, o)
	if err != nil {
		t.Fatalf("NewContent(%q): %v", encodings, err)
	}
	for _, p := range pieces {
		b := []byte(p)
		c.Write(b)
		clear(b) // a decoder that kept p would now read zeros
	}
	c.Close()
	return string(out), c.Err()
}

func TestContentIsDecodedHoweverItIsCut(t *testing.T) {
	t.Parallel()
	body := strings.Repeat(`data: {"choices":[{"delta":{"content":"hello"}}]}`+"\n\n", 200)
	for _, coding := range codings() {
		encoded := encode(t, coding, body)
		for how, pieces := range map[string][]string{"whole": {encoded}, "bytes": strings.Split(encoded, ""), "cut": cuts(encoded, 1)} {
			got, err := content(t, []string{header(coding)}, ContentOptions{}, pieces...)
			if got != body || err != nil {
				t.Errorf("%s %s = %q, %v, want %q, nil", coding, how, clip(got), err, clip(body))
			}
		}
	}
}

func TestContentOfTwoCodingsAndNone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		headers []string
		body    string
	}{
		{nil, "text"},
		{[]string{"identity"}, "text"},
		{[]string{""}, "text"},
		{[]string{" GZip , identity"}, encode(t, "gzip", "text")},
		{[]string{"gzip, br"}, encode(t, "br", encode(t, "gzip", "text"))},
		{[]string{"br", "gzip"}, encode(t, "gzip", encode(t, "br", "text"))},
		{[]string{"zstd,deflate"}, encode(t, "raw deflate", encode(t, "zstd", "text"))},
		{[]string{"gzip", "gzip"}, encode(t, "gzip", encode(t, "gzip", "text"))},
	} {
		for how, pieces := range map[string][]string{"whole": {c.body}, "bytes": strings.Split(c.body, "")} {
			if got, err := content(t, c.headers, ContentOptions{}, pieces...); got != "text" || err != nil {
				t.Errorf("%q %s = %q, %v, want text, nil", c.headers, how, got, err)
			}
		}
	}
}

func TestContentComesOutAsItWasFlushed(t *testing.T) {
	t.Parallel()
	for _, stack := range [][]string{{"gzip"}, {"deflate"}, {"raw deflate"}, {"br"}, {"zstd"}, {"gzip", "br"}, {"zstd", "gzip"}} {
		var wire bytes.Buffer
		var encoders []encoder // the one that is written to first
		var w io.Writer = &wire
		for _, coding := range slices.Backward(stack) {
			e := newEncoder(t, coding, w)
			encoders = slices.Insert(encoders, 0, e)
			w = e
		}
		var headers []string
		for _, coding := range stack {
			headers = append(headers, header(coding))
		}
		var got []byte
		c, err := NewContent(headers, func(p []byte) { got = append(got, p...) }, ContentOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, event := range []string{"data: one\n\n", "data: two\n\n", "data: three\n\n"} {
			io.WriteString(encoders[0], event)
			for _, e := range encoders {
				e.Flush()
			}
			got = nil
			c.Write(wire.Bytes())
			wire.Reset()
			if string(got) != event {
				t.Errorf("%q: after the write of %q = %q, want it at once", stack, event, got)
			}
		}
		c.Close()
	}
}

func TestContentOfSeveralMembers(t *testing.T) {
	t.Parallel()
	for _, coding := range []string{"gzip", "zstd"} {
		body := encode(t, coding, "one ") + encode(t, coding, "two")
		if got, err := content(t, []string{coding}, ContentOptions{}, cuts(body, 1)...); got != "one two" || err != nil {
			t.Errorf("%s = %q, %v, want %q, nil", coding, got, err, "one two")
		}
	}
}

func TestContentOfAnEmptyBodyIsEmpty(t *testing.T) {
	t.Parallel()
	for _, headers := range [][]string{nil, {"gzip"}, {"deflate"}, {"br"}, {"zstd"}, {"gzip", "br"}} {
		if got, err := content(t, headers, ContentOptions{}); got != "" || err != nil {
			t.Errorf("%q of nothing = %q, %v, want nothing, nil", headers, got, err)
		}
	}
	for _, coding := range codings() {
		if got, err := content(t, []string{header(coding)}, ContentOptions{}, encode(t, coding, "")); got != "" || err != nil {
			t.Errorf("%s of nothing encoded = %q, %v, want nothing, nil", coding, got, err)
		}
	}
}

func TestContentThatIsCutOffGivesWhatCameBefore(t *testing.T) {
	t.Parallel()
	for _, coding := range codings() {
		var wire bytes.Buffer
		e := newEncoder(t, coding, &wire)
		io.WriteString(e, "data: one\n\n")
		e.Flush()
		flushed := wire.String()
		got, err := content(t, []string{header(coding)}, ContentOptions{}, flushed)
		if got != "data: one\n\n" || !errors.Is(err, ErrTruncated) {
			t.Errorf("%s = %q, %v, want %q, %v", coding, got, err, "data: one\n\n", ErrTruncated)
		}
		for n := 1; n < len(flushed); n++ {
			got, err := content(t, []string{header(coding)}, ContentOptions{}, flushed[:n])
			if !strings.HasPrefix("data: one\n\n", got) || err == nil {
				t.Errorf("%s cut after %d bytes = %q, %v, want a beginning of it and an error", coding, n, got, err)
			}
		}
	}
}

func TestContentThatIsNotWhatItsHeaderSays(t *testing.T) {
	t.Parallel()
	for _, coding := range []string{"gzip", "deflate", "br", "zstd"} {
		got, err := content(t, []string{coding}, ContentOptions{}, strings.Repeat(`{"plain":"text"}`, 20))
		if err == nil {
			t.Errorf("%s of plain text = %q, nil, want an error", coding, clip(got))
		}
	}
}

func TestContentRefusesCodingsItCannotRead(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"compress":             `unknown content coding "compress"`,
		"gzip, dcb":            `unknown content coding "dcb"`,
		"gzip, gzip, br, zstd": `unknown content coding: 4 codings, at most 2 can be read`,
	} {
		_, err := NewContent([]string{header}, nil, ContentOptions{})
		if err == nil || err.Error() != want || !errors.Is(err, ErrUnknownCoding) {
			t.Errorf("NewContent(%q): %v, want %s", header, err, want)
		}
	}
}

func TestContentStopsAtABomb(t *testing.T) {
	zeros := strings.Repeat("\x00", 8<<20)
	for _, coding := range []string{"gzip", "br", "zstd"} {
		bomb := encode(t, coding, zeros)
		var out int
		c, err := NewContent([]string{coding}, func(p []byte) { out += len(p) }, ContentOptions{})
		if err != nil {
			t.Fatal(err)
		}
		used := allocated(func() {
			for p := range slices.Chunk([]byte(bomb), 1000) {
				c.Write(p)
			}
			c.Close()
		})
		if !errors.Is(c.Err(), ErrRatio) || out >= len(zeros) {
			t.Errorf("%s: %d bytes, %v, want fewer than %d, %v", coding, out, c.Err(), len(zeros), ErrRatio)
		}
		if used > 10<<20 {
			t.Errorf("%s: %d bytes allocated, want at most 10 MiB", coding, used)
		}
	}
}

func TestContentStopsAboveItsOutput(t *testing.T) {
	t.Parallel()
	body := encode(t, "gzip", strings.Repeat("0123456789", 10_000))
	got, err := content(t, []string{"gzip"}, ContentOptions{Output: 50_000}, body)
	if len(got) > 50_000 || !errors.Is(err, ErrOutput) {
		t.Errorf("output = %d bytes, %v, want at most 50000, %v", len(got), err, ErrOutput)
	}
}

func TestContentReadsFiftyMegabytes(t *testing.T) {
	t.Parallel()
	var out int
	c, err := NewContent([]string{"gzip"}, func(p []byte) { out += len(p) }, ContentOptions{})
	if err != nil {
		t.Fatal(err)
	}
	const size = 50 << 20
	var wire bytes.Buffer
	w, err := gzip.NewWriterLevel(&wire, gzip.NoCompression) // the quickest: how large it becomes is all that counts
	if err != nil {
		t.Fatal(err)
	}
	for range size / (1 << 20) {
		w.Write(make([]byte, 1<<20))
		c.Write(wire.Bytes())
		wire.Reset()
	}
	w.Close()
	c.Write(wire.Bytes())
	c.Close()
	if out != size || c.Err() != nil {
		t.Errorf("output = %d bytes, %v, want %d, nil", out, c.Err(), size)
	}
}

func TestContentKeepsToItsBudget(t *testing.T) {
	t.Parallel()
	for _, coding := range codings() {
		budget := NewBudget(6 << 20)
		body := encode(t, coding, strings.Repeat("text ", 1000))
		var open []*Content
		for range 100 {
			c, err := NewContent([]string{header(coding)}, func([]byte) {}, ContentOptions{Budget: budget})
			if err != nil {
				t.Fatal(err)
			}
			c.Write([]byte(body[:len(body)/2]))
			if budget.Used() > 6<<20 {
				t.Fatalf("%s: %d bytes used, want at most 6 MiB", coding, budget.Used())
			}
			open = append(open, c)
		}
		if err := open[0].Err(); err != nil {
			t.Errorf("%s: first = %v, want it to be decoded", coding, err)
		}
		if err := open[99].Err(); !errors.Is(err, ErrMemory) {
			t.Errorf("%s: last = %v, want %v", coding, err, ErrMemory)
		}
		for _, c := range open {
			c.Close()
			c.Close()
		}
		if n := budget.Used(); n != 0 {
			t.Errorf("%s: %d bytes used after Close, want 0", coding, n)
		}
	}
}

func TestContentGivesItsMemoryBackOnError(t *testing.T) {
	t.Parallel()
	budget := NewBudget(100 << 20)
	for _, coding := range []string{"gzip", "deflate", "br", "zstd"} {
		c, err := NewContent([]string{coding}, func([]byte) {}, ContentOptions{Budget: budget})
		if err != nil {
			t.Fatal(err)
		}
		c.Write([]byte(strings.Repeat("no such data ", 100)))
		if n := budget.Used(); c.Err() == nil || n != 0 {
			t.Errorf("%s: %v with %d bytes used, want an error and 0", coding, c.Err(), n)
		}
		c.Close()
	}
}

func TestContentGivesItsMemoryBackAfterAPanicOfItsReader(t *testing.T) {
	t.Parallel()
	budget := NewBudget(100 << 20)
	c, err := NewContent([]string{"gzip"}, func([]byte) { panic("bug") }, ContentOptions{Budget: budget})
	if err != nil {
		t.Fatal(err)
	}
	panicked := func(f func()) (x any) {
		defer func() { x = recover() }()
		f()
		return nil
	}
	gzipped := []byte(encode(t, "gzip", "text"))
	if got := panicked(func() { c.Write(gzipped); c.Close() }); got != "bug" {
		t.Errorf("panic = %v, want bug", got)
	}
	c.Write(gzipped)
	c.Close()
	if n := budget.Used(); n != 0 {
		t.Errorf("%d bytes used after Close, want 0", n)
	}
}

func TestBrotliWindowIsThatOfTheFirstByte(t *testing.T) {
	t.Parallel()
	for bits := 10; bits <= 24; bits++ {
		var b bytes.Buffer
		w := brotli.NewWriterOptions(&b, brotli.WriterOptions{Quality: 5, LGWin: bits})
		io.WriteString(w, "text")
		w.Flush()
		if got, want := brotliWindow(b.Bytes()[0]), int64(1)<<bits; got != want {
			t.Errorf("window of %d bits = %d, want %d", bits, got, want)
		}
	}
}

func TestContentRefusesZstdWindowsAboveEightMegabytes(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	e, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(16<<20))
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(e, "text")
	e.Flush()
	got, err := content(t, []string{"zstd"}, ContentOptions{}, b.String())
	if want := "decode: window size exceeded"; got != "" || err == nil || err.Error() != want {
		t.Errorf("content = %q, %v, want nothing, %s", got, err, want)
	}
}

func TestContentEndsItsCoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, coding := range codings() {
		body := encode(t, coding, "text")
		for n := range len(body) {
			content(t, []string{header(coding)}, ContentOptions{}, body[:n])
		}
		content(t, []string{header(coding)}, ContentOptions{}, "no such data", body)
	}
	for range 100 { // the test runner's own goroutines come and go
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("goroutines = %d, want at most %d as before", runtime.NumGoroutine(), before)
}

func FuzzContent(f *testing.F) {
	for _, coding := range codings() {
		f.Add(encode(f, coding, "text text text"), header(coding), uint64(1))
	}
	f.Add(encode(f, "br", encode(f, "gzip", "text")), "gzip, br", uint64(1))
	f.Fuzz(func(t *testing.T, body, encoding string, seed uint64) {
		if _, err := contentCodings([]string{encoding}); err != nil {
			return
		}
		o := ContentOptions{Output: 1 << 20, Budget: NewBudget(64 << 20)}
		want, wantErr := content(t, []string{encoding}, o, body)
		got, err := content(t, []string{encoding}, o, cuts(body, seed)...)
		if n := o.Budget.Used(); n != 0 {
			t.Errorf("%d bytes of the budget used after Close, want 0", n)
		}
		if wantErr != nil || err != nil {
			return // how much comes out before an error depends on the pieces
		}
		if got != want {
			t.Errorf("%s of %q cut by %d = %q, want %q", encoding, body, seed, got, want)
		}
	})
}

func BenchmarkContent(b *testing.B) {
	event := `data: {"choices":[{"delta":{"content":"hello"}}]}` + "\n\n"
	for _, coding := range codings() {
		b.Run(coding, func(b *testing.B) {
			body := []byte(encode(b, coding, strings.Repeat(event, 1000)))
			b.ReportAllocs()
			b.SetBytes(int64(1000 * len(event)))
			for b.Loop() {
				c, err := NewContent([]string{header(coding)}, func([]byte) {}, ContentOptions{})
				if err != nil {
					b.Fatal(err)
				}
				for p := range slices.Chunk(body, 1<<10) {
					c.Write(p)
				}
				c.Close()
			}
		})
	}
}
