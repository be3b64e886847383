package upstream

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// serve starts an upstream with one case, `stream`, of three events.
func serve(t *testing.T) *Upstream {
	t.Helper()
	folder := t.TempDir()
	dir := filepath.Join(folder, "openai", "stream")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"request.http":  "POST /v1/chat/completions HTTP/1.1\nHost: api.example\n\n{}",
		"response.http": "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {\"choices\":[{}]}\n\ndata: {\"choices\":[],\"usage\":{\"total_tokens\":3}}\n\ndata: [DONE]\n\n",
		"usage.json":    `{"model": "m", "input_tokens": 3}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cases, err := LoadCases(folder, "replay", "openai")
	if err != nil {
		t.Fatal(err)
	}
	u := New("openai", cases)
	t.Cleanup(u.Close)
	return u
}

// post returns what comes of a request, and the error at the end of the body.
func post(t *testing.T, u *Upstream, body string) (*http.Response, string, error) {
	t.Helper()
	res, err := http.Post(u.URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	return res, string(data), err
}

func TestUsageIsReportedToThoseWhoAsk(t *testing.T) {
	t.Parallel()
	u := serve(t)
	_, got, err := post(t, u, `{"model":"replay.stream","stream_options":{"include_usage":true}}`)
	if want := "data: {\"choices\":[{}]}\n\ndata: {\"choices\":[],\"usage\":{\"total_tokens\":3}}\n\ndata: [DONE]\n\n"; got != want || err != nil {
		t.Errorf("the answer = %q, %v, want %q", got, err, want)
	}
	_, got, err = post(t, u, `{"model":"replay.stream"}`)
	if want := "data: {\"choices\":[{}]}\n\ndata: [DONE]\n\n"; got != want || err != nil {
		t.Errorf("the answer to one who does not ask = %q, %v, want %q", got, err, want)
	}
	requests := u.TakeRequests()
	if len(requests) != 2 {
		t.Fatalf("%d requests were kept, want 2", len(requests))
	}
	if got := requests[0].Usage["input_tokens"]; got != 3.0 {
		t.Errorf("usage of the first: input_tokens = %v, want 3", got)
	}
	if got, there := requests[1].Usage["input_tokens"]; there {
		t.Errorf("usage of the second: input_tokens = %v, want none", got)
	}
}

func TestCutAnswerBreaksOff(t *testing.T) {
	t.Parallel()
	u := serve(t)
	_, got, err := post(t, u, `{"model":"replay.stream.cut","stream_options":{"include_usage":true}}`)
	if want := "data: {\"choices\":[{}]}\n\n"; got != want || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the answer = %q, %v, want %q, %v", got, err, want, io.ErrUnexpectedEOF)
	}
}

func TestErrorsAreThoseAskedFor(t *testing.T) {
	t.Parallel()
	u := serve(t)
	res, got, err := post(t, u, `{"model":"status-429"}`)
	want := `{"error":{"code":"some_code","message":"Too Many Requests","param":null,"type":"some_error"}}` + "\n"
	if got != want || err != nil || res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") != "7" {
		t.Errorf("the answer = %d, %v, %q, %v, want 429 with Retry-After, %q", res.StatusCode, res.Header, got, err, want)
	}
	if res, got, _ := post(t, u, `{"model":"replay.other"}`); res.StatusCode != http.StatusTeapot {
		t.Errorf("the answer to what it does not know = %d %s, want 418", res.StatusCode, got)
	}
}
