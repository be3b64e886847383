package gateway

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// throttle is what an upstream has said about when it wants to be asked again. To have too many requests is no failure: it
// never opens a breaker. Providers count by credential, which need not be the next client's, so that nobody is refused unless
// the file says so.
type throttle struct {
	mu     sync.Mutex
	since  time.Time // of the newest answer that asked for patience; zero: there was none
	until  time.Time
	status int
	times  int64
}

// defaultPatience is the longest that an upstream is believed for which the file says nothing.
const defaultPatience = time.Minute

// unnamedPatience is what a 429 asks for that does not say how long.
const unnamedPatience = time.Second

// hear takes note of an answer that asks for patience.
func (t *throttle) hear(res *http.Response, most time.Duration) bool {
	limited := res.StatusCode == http.StatusTooManyRequests
	if !limited && res.StatusCode < http.StatusInternalServerError {
		return false
	}
	after, named := retryAfter(res.Header)
	switch {
	case !named && !limited:
		return false
	case !named:
		after = unnamedPatience
	}
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.since, t.until, t.status = now, now.Add(min(after, most)), res.StatusCode
	t.times++
	return true
}

// rest is how long the upstream still wants to be left alone; 0 or less: no longer.
func (t *throttle) rest() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Until(t.until)
}

// retryAfter is what an answer asks for (RFC 9110, section 10.2.3). Retry-After-Ms is what OpenAI and Azure say more exactly.
func retryAfter(h http.Header) (after time.Duration, named bool) {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil && ms >= 0 {
		return seconds(ms / 1000), true
	}
	text := h.Get("Retry-After")
	if s, err := strconv.ParseFloat(text, 64); err == nil && s >= 0 {
		return seconds(s), true
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(time.Until(at), 0), true
	}
	return 0, false
}

// maxPatience is what no time that a provider names is taken to be above: beyond some centuries, it would come out negative.
const maxPatience = 24 * time.Hour

func seconds(s float64) time.Duration {
	return time.Duration(min(s, maxPatience.Seconds()) * float64(time.Second))
}
