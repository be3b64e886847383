package gateway

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// newTestBreaker opens after 3 failures that are half of all attempts within 10 s, for 30 s.
func newTestBreaker() (b *breaker, log *lockedBuffer) {
	log = new(lockedBuffer)
	key := upstreamKey{"up", "up.test", "m-1"}
	return newBreaker(key, key, breakerSettings{failures: 3, ratio: .5, window: 10 * time.Second, open: 30 * time.Second}, slog.New(slog.NewTextHandler(log, nil)), func() {}), log
}

// attempt lets an attempt through if it may, and ends it.
func (b *breaker) attempt(v verdict) (ok bool) {
	t, ok := b.admit()
	t.tell(v, "status 503")
	return ok
}

func (b *breaker) now() breakerState {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}

func wantState(t *testing.T, b *breaker, want breakerState) {
	t.Helper()
	if got := b.now(); got != want {
		t.Fatalf("state = %s, want %s", got, want)
	}
}

func TestBreakerOpensWhenEnoughAttemptsFail(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		verdicts string // g: good, f: fault, s: nothing
		want     breakerState
	}{
		"two failures":                        {"ff", breakerClosed},
		"three failures":                      {"fff", breakerOpen},
		"half of the attempts":                {"gfgfgf", breakerOpen},
		"less than half of them":              {"gggggfff", breakerClosed},
		"what says nothing does not count":    {"ssssssssfff", breakerOpen},
		"nor does it fail":                    {"ssssssss", breakerClosed},
		"good ones before are part of a half": {"ggffff", breakerOpen},
	} {
		b, _ := newTestBreaker()
		for _, v := range test.verdicts {
			b.attempt(map[rune]verdict{'g': saysGood, 'f': saysFault, 's': saysNothing}[v])
		}
		if got := b.now(); got != test.want {
			t.Errorf("%s: state = %s, want %s", name, got, test.want)
		}
	}
}

func TestFailuresCountNoLongerThanTheWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, _ := newTestBreaker()
		b.attempt(saysFault)
		b.attempt(saysFault)
		time.Sleep(11 * time.Second)
		b.attempt(saysFault)
		b.attempt(saysFault)
		wantState(t, b, breakerClosed)
		time.Sleep(5 * time.Second)
		b.attempt(saysFault)
		wantState(t, b, breakerOpen)
	})
}

// An attempt may take longer than the window: what it says counts when it is said.
func TestSlowFailuresCountWhenTheyHappen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, _ := newTestBreaker()
		var slow []ticket
		for range 3 {
			pass, _ := b.admit()
			slow = append(slow, pass)
		}
		time.Sleep(15 * time.Minute)
		for _, pass := range slow {
			pass.tell(saysFault, "timeout_header")
		}
		wantState(t, b, breakerOpen)
	})
}

// Ten streams have begun well. When they break off, they are ten failures, and not half of twenty attempts.
func TestStreamsThatBreakOffFailInPlaceOfBeingGood(t *testing.T) {
	t.Parallel()
	b, _ := newTestBreaker()
	b.settings.ratio = 1
	var streams []ticket
	for range 10 {
		pass, _ := b.admit()
		pass.tell(saysGood, "")
		streams = append(streams, pass)
	}
	for i := range streams {
		wantState(t, b, breakerClosed)
		streams[i].tell(saysFault, "upstream_truncated")
		streams[i].tell(saysFault, "upstream_truncated") // it counts once
	}
	wantState(t, b, breakerOpen)
}

func TestHalfOpenBreakerLetsExactlyOneTry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, _ := newTestBreaker()
		for range 3 {
			b.attempt(saysFault)
		}
		time.Sleep(30 * time.Second)
		var admitted atomic.Int64
		var trial ticket
		var all sync.WaitGroup
		for range 1000 {
			all.Go(func() {
				if pass, ok := b.admit(); ok {
					admitted.Add(1)
					trial = pass
				}
			})
		}
		all.Wait()
		if n := admitted.Load(); n != 1 {
			t.Fatalf("%d of 1000 requests may try, want 1", n)
		}
		wantState(t, b, breakerHalfOpen)
		trial.tell(saysGood, "")
		wantState(t, b, breakerClosed)
		if !b.attempt(saysGood) {
			t.Error("the breaker is closed and refuses")
		}
	})
}

func TestTrialDecides(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, log := newTestBreaker()
		for range 3 {
			b.attempt(saysFault)
		}
		time.Sleep(29 * time.Second)
		if b.attempt(saysGood) {
			t.Error("a request may try after 29 s, want 30")
		}
		time.Sleep(time.Second)
		b.attempt(saysFault)
		wantState(t, b, breakerOpen)
		time.Sleep(30 * time.Second)
		b.attempt(saysNothing) // its client left: the next one tries
		wantState(t, b, breakerHalfOpen)
		b.attempt(saysGood)
		wantState(t, b, breakerClosed)
		if got := strings.Count(log.String(), "the breaker of an upstream is "); got != 5 {
			t.Errorf("the log has %d changes, want 5: open, half_open, open, half_open, closed and no more\n%s", got, log)
		}
	})
}

// A trial may wait for a very long answer. Others need not wait for it for ever.
func TestTrialWithoutAnAnswerMakesRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, _ := newTestBreaker()
		for range 3 {
			b.attempt(saysFault)
		}
		time.Sleep(30 * time.Second)
		stuck, ok := b.admit()
		if !ok {
			t.Fatal("nobody may try")
		}
		time.Sleep(29 * time.Second)
		if _, ok := b.admit(); ok {
			t.Error("a second one may try at once")
		}
		time.Sleep(time.Second)
		next, ok := b.admit()
		if !ok {
			t.Error("nobody may try beside a trial that is stuck")
		}
		stuck.tell(saysFault, "timeout_header") // it is no longer the one that decides
		wantState(t, b, breakerHalfOpen)
		next.tell(saysGood, "")
		wantState(t, b, breakerClosed)
	})
}

func TestOpenBreakerSaysWhenToComeAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, _ := newTestBreaker()
		for range 3 {
			b.attempt(saysFault)
		}
		time.Sleep(12 * time.Second)
		f := b.refusal()
		want := "up (up.test, m-1) gets no requests for now: too many failed, the last one 12s ago with status 503 (breaker)"
		if f.status != http.StatusServiceUnavailable || f.code != "breaker_open" || f.retryAfter != 18*time.Second || f.message != want {
			t.Errorf("refusal = %d %s, %s after %s, want 503 breaker_open, %s after 18s", f.status, f.code, f.message, f.retryAfter, want)
		}
	})
}

func TestRetryAfterIsReadInEveryForm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for text, want := range map[string]time.Duration{
			"7": 7 * time.Second, "0": 0, "1.5": 1500 * time.Millisecond, "1e300": 24 * time.Hour,
			time.Now().Add(time.Minute).UTC().Format(http.TimeFormat): time.Minute,
			"Mon, 02 Jan 1995 15:04:05 GMT":                           0,
		} {
			if d, ok := retryAfter(http.Header{"Retry-After": {text}}); d != want || !ok {
				t.Errorf("Retry-After: %s = %s, %v, want %s", text, d, ok, want)
			}
		}
		for _, text := range []string{"", "soon", "-3", "NaN"} {
			if d, ok := retryAfter(http.Header{"Retry-After": {text}}); ok {
				t.Errorf("Retry-After: %s = %s, want none", text, d)
			}
		}
		if d, _ := retryAfter(http.Header{"Retry-After": {"2"}, "Retry-After-Ms": {"1250"}}); d != 1250*time.Millisecond {
			t.Errorf("Retry-After-Ms: 1250 = %s", d)
		}
	})
}

// Models are what clients choose.
func TestBreakersAreBounded(t *testing.T) {
	t.Parallel()
	bs := breakers{log: slog.New(slog.DiscardHandler)}
	p := &provider{name: "up", faults: faultPolicy{settings: breakerSettings{failures: 1, ratio: .1, window: time.Minute, open: time.Minute}}}
	bs.connect(&Snapshot{providers: map[string]*provider{"up": p}})
	failing := upstreamKey{"up", "up.test", "failing"}
	bs.of(failing, p).attempt(saysFault)
	for i := range 3 * maxBreakers {
		bs.of(upstreamKey{"up", "up.test", itoa(i)}, p)
	}
	if n := len(bs.list()); n != maxBreakers {
		t.Errorf("%d breakers, want %d", n, maxBreakers)
	}
	if got := bs.of(failing, p).now(); got != breakerOpen {
		t.Errorf("the one that is open was forgotten before others: it is %s", got)
	}
}

func BenchmarkBreaker(b *testing.B) {
	bs := breakers{log: slog.New(slog.DiscardHandler)}
	p := &provider{name: "up", faults: faultPolicy{settings: breakerSettings{failures: 5, ratio: .5, window: time.Minute, open: time.Minute}}}
	bs.connect(&Snapshot{providers: map[string]*provider{"up": p}})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			t, _ := bs.of(upstreamKey{"up", "up.test", "m-1"}, p).admit()
			t.tell(saysGood, "")
			t.tell(saysNothing, "")
		}
	})
}

// What a client waits for that an open breaker holds back.
func BenchmarkRefusal(b *testing.B) {
	g, err := New(load(b, leadingTo(closedAddress(b), onUp(quick))), Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	ask := func() int {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("POST", "/up/", strings.NewReader(`{"model":"m-1"}`))
		r.RequestURI = "/up/"
		g.ServeHTTP(w, r)
		return w.Code
	}
	for range 3 {
		ask()
	}
	b.ReportAllocs()
	for b.Loop() {
		if code := ask(); code != http.StatusServiceUnavailable {
			b.Fatalf("status = %d, want 503", code)
		}
	}
}
