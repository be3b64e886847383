package stream

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// seen is an event as a test compares it.
type seen struct {
	Name, Data string
	Cut        bool
	Exception  bool
}

func (e seen) String() string {
	return fmt.Sprintf("%s:%s cut=%v exception=%v", e.Name, e.Data, e.Cut, e.Exception)
}

// decode is what a decoder makes of a body that arrives in these pieces, and how many events it dropped.
func decode(f Format, o Options, pieces ...string) (events []seen, dropped int) {
	d := New(f, func(e Event) {
		events = append(events, seen{e.Name, string(e.Data), e.Cut, e.Exception})
	}, o)
	for _, p := range pieces {
		b := []byte(p)
		d.Write(b)
		clear(b) // a decoder that kept p would now hold nothing
	}
	d.Close()
	return events, d.Dropped()
}

// data makes events of their data alone.
func data(texts ...string) (events []seen) {
	for _, s := range texts {
		events = append(events, seen{Data: s})
	}
	return events
}

// cuts is body in pieces of random size, the same for the same seed.
func cuts(body string, seed uint64) (pieces []string) {
	r := rand.New(rand.NewPCG(seed, 0))
	for len(body) > 0 {
		n := 1 + r.IntN(min(len(body), 1+r.IntN(40)))
		pieces = append(pieces, body[:n])
		body = body[n:]
	}
	return pieces
}

// eachCut fails if a body gives other events in pieces than in one.
func eachCut(t *testing.T, f Format, o Options, body string, seeds uint64) {
	t.Helper()
	want, wantDropped := decode(f, o, body)
	check := func(how string, pieces []string) {
		t.Helper()
		got, dropped := decode(f, o, pieces...)
		if !slices.Equal(got, want) || dropped != wantDropped {
			t.Errorf("%v %s of %q = %q, %d dropped, want %q, %d dropped", f, how, clip(body), got, dropped, want, wantDropped)
		}
	}
	check("bytes", strings.Split(body, ""))
	for seed := range seeds {
		check(fmt.Sprintf("cut %d", seed), cuts(body, seed))
	}
}

func clip(s string) string { return s[:min(len(s), 300)] }

// projection compiles paths that are known to be good.
func projection(t testing.TB, paths ...string) *Projection {
	t.Helper()
	p, err := NewProjection(paths)
	if err != nil {
		t.Fatalf("NewProjection(%q): %v", paths, err)
	}
	return p
}

func TestEventAboveTheLimitIsDroppedAndCounted(t *testing.T) {
	t.Parallel()
	long := `{"text":"` + strings.Repeat("x", 100) + `"}`
	for _, c := range []struct {
		format Format
		body   string
	}{
		{JSON, "[" + long + `,{"a":1}]`},
		{SSE, "data: " + long + "\n\ndata: {\"a\":1}\n\n"},
		{NDJSON, long + "\n{\"a\":1}\n"},
		{EventStream, frame(long, "") + frame(`{"a":1}`, "")},
	} {
		got, dropped := decode(c.format, Options{Limit: 50}, c.body)
		if want := data(`{"a":1}`); !slices.Equal(got, want) || dropped != 1 {
			t.Errorf("%v: events = %q, %d dropped, want %q, 1 dropped", c.format, got, dropped, want)
		}
		eachCut(t, c.format, Options{Limit: 50}, c.body, 50)
	}
}

func TestEventAboveTheLimitIsProjected(t *testing.T) {
	t.Parallel()
	long := `{"text":"` + strings.Repeat("x", 100) + `","usage":{"n":7}}`
	o := Options{Limit: 50, Project: projection(t, "usage")}
	for _, c := range []struct {
		format Format
		body   string
	}{
		{JSON, long},
		{SSE, "data: " + long + "\n\ndata: " + long + "\n\n"},
		{NDJSON, long + "\n" + long},
		{EventStream, frame(long, "")},
	} {
		got, dropped := decode(c.format, o, c.body)
		want := slices.Repeat([]seen{{Data: `{"usage":{"n":7}}`, Cut: true}}, strings.Count(c.body, "usage"))
		if !slices.Equal(got, want) || dropped != 0 {
			t.Errorf("%v: events = %q, %d dropped, want %q, 0 dropped", c.format, got, dropped, want)
		}
		eachCut(t, c.format, o, c.body, 50)
	}
}

func TestTwentyMegabyteEventIsMeteredInLittleMemory(t *testing.T) {
	image := strings.Repeat("QUJD", 5<<20)
	for _, c := range []struct {
		format     Format
		head, tail string
	}{
		{JSON, `{"data":[{"b64_json":"`, `"}],"usage":{"total_tokens":7}}`},
		{SSE, `data: {"data":[{"b64_json":"`, "\"}],\"usage\":{\"total_tokens\":7}}\n\n"},
		{NDJSON, `{"data":[{"b64_json":"`, "\"}],\"usage\":{\"total_tokens\":7}}\n"},
	} {
		body := []byte(c.head + image + c.tail)
		o := Options{Project: projection(t, "usage", "data.#")}
		var got []string
		d := New(c.format, func(e Event) { got = append(got, string(e.Data)) }, o)
		used := allocated(func() {
			for p := range slices.Chunk(body, 32<<10) {
				d.Write(p)
			}
			d.Close()
		})
		if want := []string{`{"data":[0],"usage":{"total_tokens":7}}`}; !slices.Equal(got, want) {
			t.Errorf("%v: events = %q, want %q", c.format, got, want)
		}
		if used > 512<<10 {
			t.Errorf("%v: %d bytes allocated, want at most 512 KiB", c.format, used)
		}
	}
}

// allocated is how many bytes f allocates, with what other goroutines allocate meanwhile: no test that asks is parallel.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestASpentDecoderIsLikeANewOne(t *testing.T) {
	t.Parallel()
	o := Options{Limit: 12, Project: projection(t, "a")}
	bodies := map[Format][]string{
		JSON: {`{"a":1}`, `{"b":"long enough","a":2}`, `[{"a":3},{"b":"long enough","a"`, `[1`, ` `, "\xef\xbb"},
		SSE:  {"data: 1\n\n", "event: x\ndata: {\"b\":\"long\",\ndata: \"a\":2}", "event: y\r", "da", "data: 1\ndata: 2\n\n", "\xef\xbb"},
	}
	for f, bodies := range bodies {
		for _, before := range bodies {
			for _, body := range bodies {
				spent := New(f, func(Event) {}, o)
				spent.Write([]byte(before))
				spent.Close()
				again := o
				again.Spent = spent
				got, dropped := decode(f, again, cuts(body, 1)...)
				if want, wantDropped := decode(f, o, body); !slices.Equal(got, want) || dropped != wantDropped {
					t.Errorf("%v of %q behind %q = %q, %d dropped, want %q, %d dropped", f, body, before, got, dropped, want, wantDropped)
				}
			}
		}
	}
}
