package gateway

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"windhover/gateway/usage"
)

// standIn is a file whose provider `up` leads to one address, and `other` to another. more continues the first, and then the second.
func standIn(address, other, more, moreOfOther string) string {
	return leadingTo(address, onUp(more)) + "  other:\n    upstream: http://" + other + "/base\n    " + moreOfOther + "\n"
}

func TestAnotherProviderAnswersWhenTheFirstCannotBeReached(t *testing.T) {
	t.Parallel()
	for name, length := range map[string]int{"no body": 0, "a small body": 3, "a body that is kept": 300 << 10, "a body that nobody has read": 3 << 20} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var target string
			address, asked := scripted(t, func(w http.ResponseWriter, r *http.Request) {
				target = r.URL.RequestURI()
				w.Header().Set("X-Of-Other", "1")
				sendEvents(w, "data: {\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2,\"total_tokens\":9}}\n\n")
				io.WriteString(w, "data: [DONE]\n\n")
			})
			g := start(t, standIn(closedAddress(t), address, "fallback: [other/v2]", "usage: openai")+"extends: builtin\n")
			res, got := g.post(t, "/up/chat/completions?a=1&b", strings.Repeat("x", length))
			if res.StatusCode != 200 || !strings.HasSuffix(got, "data: [DONE]\n\n") || res.Header.Get("X-Of-Other") != "1" || res.Header.Get(headerProvider) != "other" || res.Header.Get(headerAttempt) != "2" {
				t.Errorf("answer = %d %v %q", res.StatusCode, res.Header, got)
			}
			if asked.Load() != 1 || target != "/base/v2/chat/completions?a=1&b" {
				t.Errorf("the other one was asked %d times for %s", asked.Load(), target)
			}
			records := g.wait(t, 2)
			want := []account{{1, false, 0, usage.EndConnectError, "connect_error"}, {2, true, 200, usage.EndComplete, ""}}
			if all := accounts(records); fmt.Sprint(all) != fmt.Sprint(want) || records[0].Provider != "up" || records[1].Provider != "other" {
				t.Errorf("records = %+v of %s and %s, want %+v of up and other", all, records[0].Provider, records[1].Provider, want)
			}
			if n, ok := records[1].Usage.Number(usage.InputTokens); !ok || n.String() != "7" {
				t.Errorf("input_tokens = %v, %v, want 7 by the other one's rules", n, ok)
			}
			if tally := g.Tallies()["up"]; tally.Fallbacks != 1 {
				t.Errorf("counts = %+v, want 1 fallback", tally)
			}
		})
	}
}

// The client's keys are for the provider that it asked. The one that stands in gets its own, or none.
func TestClientsCredentialsStayWithTheProviderItAsked(t *testing.T) {
	t.Parallel()
	var seen http.Header
	var query string
	address, _ := scripted(t, func(w http.ResponseWriter, r *http.Request) { seen, query = r.Header, r.URL.RawQuery })
	g := start(t, standIn(closedAddress(t), address, "fallback: other", "request: {headers: {set: {X-Api-Key: own-key}}}"))
	sent := []string{"X-Kept", "kept"}
	for name := range knownCarriers().headers {
		sent = append(sent, name, "canary-of-the-client")
	}
	pairs := []string{"a=1"}
	for name := range knownCarriers().query {
		pairs = append(pairs, name+"=canary-of-the-client", strings.ToUpper(name)+"=canary-of-the-client")
	}
	g.post(t, "/up/?"+strings.Join(append(pairs, "b"), "&"), "x", sent...)
	g.wait(t, 2)
	if text := fmt.Sprint(seen, query); strings.Contains(text, "canary") || seen.Get("X-Api-Key") != "own-key" || seen.Get("X-Kept") != "kept" || query != "a=1&b" {
		t.Errorf("the other one got %s", text)
	}
}

// Whoever may not use a provider gets no answer of it by way of another either.
func TestFallbackIsClosedToClientsWithoutItsToken(t *testing.T) {
	t.Parallel()
	address, asked := scripted(t, func(_ http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("X-Other-Token"); got != "" {
			t.Errorf("the token %s went on", got)
		}
	})
	g := start(t, standIn(closedAddress(t), address, "fallback: other\n    access: {tokens: first-token}", "access: {tokens: other-token, header: X-Other-Token}"))
	for _, test := range []struct {
		header []string
		status int
	}{
		{[]string{"X-Windhover-Key", "first-token"}, 502},
		{[]string{"X-Windhover-Key", "first-token", "X-Other-Token", "wrong"}, 502},
		{[]string{"X-Windhover-Key", "first-token", "X-Other-Token", "other-token"}, 200},
		{[]string{"X-Other-Token", "other-token"}, 401},
	} {
		if res, _ := g.post(t, "/up/", "x", test.header...); res.StatusCode != test.status {
			t.Errorf("%v: status = %d, want %d", test.header, res.StatusCode, test.status)
		}
	}
	if asked.Load() != 1 {
		t.Errorf("the other one was asked %d times, want once", asked.Load())
	}
}

func TestFallbackGoesOnUntilOneAnswers(t *testing.T) {
	t.Parallel()
	busy, askedBusy := scripted(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(529) })
	good, _ := scripted(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) })
	file := leadingTo(busy, onUp("retry: {attempts: 2, backoff: 1ms, on: status == 529}", "fallback: {to: [busy, closed/x, narrow, good/v9], on: status == 529}")) +
		"  busy: {upstream: 'http://" + busy + "'}\n" +
		"  closed: {upstream: 'http://" + closedAddress(t) + "'}\n" +
		"  narrow: {upstream: 'http://" + good + "', path: /only/here}\n" + // which does not fit
		"  good: {upstream: 'http://" + good + "'}\n"
	g := start(t, file)
	res, got := g.post(t, "/up/a", "x")
	if res.StatusCode != 200 || got != "/v9/a" || res.Header.Get(headerAttempt) != "5" || res.Header.Get(headerProvider) != "good" || askedBusy.Load() != 3 {
		t.Errorf("answer = %d %q %v after %d, want that of good", res.StatusCode, got, res.Header, askedBusy.Load())
	}
	var providers []string
	for _, rec := range g.wait(t, 5) {
		providers = append(providers, fmt.Sprintf("%d %s %d %v", rec.Attempt, rec.Provider, rec.Status, rec.Final))
	}
	if want := "[1 up 529 false 2 up 529 false 3 busy 529 false 4 closed 0 false 5 good 200 true]"; fmt.Sprint(providers) != want {
		t.Errorf("records = %v, want %s", providers, want)
	}
}

func TestFallbackTakesOverWhatABreakerHoldsBack(t *testing.T) {
	t.Parallel()
	failing, asked := scripted(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	other, _ := scripted(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "other") })
	g := start(t, standIn(failing, other, quick+"\n    fallback: other", "breaker: enforce"))
	for range 3 {
		if res, _ := g.post(t, "/up/", "x"); res.StatusCode != 503 {
			t.Errorf("status = %d, want 503: no rule names it", res.StatusCode)
		}
	}
	res, got := g.post(t, "/up/", "x")
	if got != "other" || asked.Load() != 3 || res.Header.Get(headerProvider) != "other" {
		t.Errorf("answer = %q %v, the first was asked %d times, want other, 3", got, res.Header, asked.Load())
	}
	last := g.wait(t, 4)[3]
	if last.Attempt != 1 || !last.Final || last.Provider != "other" {
		t.Errorf("record = %+v of %s, want attempt 1 of other: the first was not asked", accounts([]*usage.Record{last}), last.Provider)
	}
}

// An answer that has begun is the client's, whoever might have a better one.
func TestFallbackComesOnlyBeforeTheFirstByte(t *testing.T) {
	t.Parallel()
	first, _ := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
		sendEvents(w, "data: 1\n\n")
		panic(http.ErrAbortHandler)
	})
	other, asked := scripted(t, func(http.ResponseWriter, *http.Request) {})
	g := start(t, standIn(first, other, "fallback: {to: other, on: 'true'}\n    retry: {attempts: 3, backoff: 0s, on: 'true'}", "http: auto"))
	if _, got := g.post(t, "/up/", "x"); got != "data: 1\n\n" {
		t.Errorf("answer = %q, want what came before it broke off", got)
	}
	if rec := g.one(t); rec.End != usage.EndUpstreamTruncated || rec.Attempt != 1 || asked.Load() != 0 {
		t.Errorf("record = %+v, the other one was asked %d times", accounts([]*usage.Record{rec}), asked.Load())
	}
}

func TestEveryProviderAsksForUsageInItsOwnWay(t *testing.T) {
	t.Parallel()
	up := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	body := `{"model":"m","stream":true}`
	for _, test := range []struct{ up, other, want string }{
		{"stream_usage: openai-chat", "http: auto", body},
		{"http: auto", "stream_usage: openai-chat", `{"model":"m","stream":true,"stream_options":{"include_usage":true}}`},
	} {
		g := start(t, standIn(closedAddress(t), up.addr, "fallback: other\n    "+test.up, test.other))
		g.post(t, "/up/v1/chat/completions", body)
		records := g.wait(t, 2)
		received := up.received()
		_, got, _ := strings.Cut(received[len(received)-1], "\r\n\r\n")
		if got != test.want {
			t.Errorf("%s, %s: the other one got %s, want %s", test.up, test.other, got, test.want)
		}
		if added := records[1].StreamUsage == usage.StreamUsageAdded; added != (test.want != body) || (records[0].StreamUsage == usage.StreamUsageAdded) == added {
			t.Errorf("%s, %s: stream_usage = %q and %q", test.up, test.other, records[0].StreamUsage, records[1].StreamUsage)
		}
	}
}
