package gateway

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"windhover/gateway/usage"
)

func TestFallbackPassesOverAProviderThatTakesNoSuchBody(t *testing.T) {
	t.Parallel()
	narrow, asked := scripted(t, func(http.ResponseWriter, *http.Request) {})
	wide, _ := scripted(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "wide") })
	g := startWith(t, standIn(closedAddress(t), narrow, "fallback: [other, wide]\n    limits: {body: 0B}", "limits: {body: 9B}")+
		"  wide: {upstream: 'http://"+wide+"', limits: {body: 10B}}\n", Options{MaxBody: 5})
	res, got := g.post(t, "/up/", "ten bytes!")
	if res.StatusCode != 200 || got != "wide" || res.Header.Get(headerAttempt) != "2" || asked.Load() != 0 {
		t.Errorf("answer = %d %q %v, the narrow one was asked %d times, want that of wide and 0", res.StatusCode, got, res.Header, asked.Load())
	}
}

// A body without a length is read by the one that is asked, as far as that one takes it.
func TestBodyWithoutALengthIsBoundedByWhoeverIsAsked(t *testing.T) {
	t.Parallel()
	address, _ := scripted(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	for _, test := range []struct{ first, other, want string }{
		{"limits: {body: 5B}", "limits: {body: 10B}", "ok"},
		{"limits: {body: 10B}", "limits: {body: 5B}", "the request's body is larger than limits.body allows for other: 5B"},
	} {
		g := start(t, standIn(closedAddress(t), address, "fallback: other\n    "+test.first, test.other))
		res, err := newClient(t, http1).Do(newPost(t, g.url+"/up/", strings.NewReader("ten bytes!"), -1))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		got := string(body)
		if res.StatusCode != http.StatusOK {
			got = errorOf(got)
		}
		if got != test.want {
			t.Errorf("%s, then %s: answer = %d %q, want %q", test.first, test.other, res.StatusCode, got, test.want)
		}
	}
}

// The first one's total is what the client was promised, whoever answers; the other one's is what an answer of its own may take.
func TestFallbackEndsWithTheTotalThatIsOverFirst(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ first, other, by string }{
		{"{}", "{total: 200ms}", "other"},
		{"{total: 1h}", "{total: 200ms}", "other"},
		{"{total: 200ms}", "{total: 1h}", "up"},
		{"{total: 200ms}", "{}", "up"},
	} {
		t.Run(test.first+", then "+test.other, func(t *testing.T) {
			t.Parallel()
			g := start(t, standIn(closedAddress(t), hanging(t, "").addr, "fallback: other\n    timeouts: "+test.first, "timeouts: "+test.other))
			began := time.Now()
			res, body := g.post(t, "/up/", "x")
			checkLimit(t, time.Since(began))
			if got, want := errorOf(body), test.by+" did not finish in time (timeouts.total)"; res.StatusCode != http.StatusGatewayTimeout || got != want {
				t.Errorf("answer = %d %q, want 504 %q", res.StatusCode, got, want)
			}
			if rec := g.wait(t, 2)[1]; rec.End != usage.EndTimeoutTotal || rec.Provider != "other" {
				t.Errorf("record = %s of %s, want timeout_total of other", rec.End, rec.Provider)
			}
		})
	}
}

// Or else it could be over before it was asked, and would go on to count when the next one is.
func TestTotalOfAFallbackCountsOnlyWhileItIsAsked(t *testing.T) {
	t.Parallel()
	const total = time.Second
	slow := func(status int) string {
		address, _ := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(total + 100*time.Millisecond)
			w.WriteHeader(status)
		})
		return address
	}
	busy, _ := scripted(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(529) })
	g := start(t, standIn(slow(529), busy, "fallback: {to: [other, last], on: status == 529}", "timeouts: {total: 1s}")+
		"  last: {upstream: 'http://"+slow(200)+"'}\n")
	if res, _ := g.post(t, "/up/", "x"); res.StatusCode != 200 || res.Header.Get(headerProvider) != "last" || res.Header.Get(headerAttempt) != "3" {
		t.Errorf("answer = %d %v, want that of last", res.StatusCode, res.Header)
	}
}
