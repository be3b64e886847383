package gateway

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"windhover/gateway/usage"
)

func TestAnswerPassesThroughAndIsAccountedFor(t *testing.T) {
	t.Parallel()
	body := `{"model":"gpt-5","usage":{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15}}`
	up := answering(t, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "+itoa(len(body))+"\r\nX-Request-Id: req_1\r\n\r\n"+body)
	g := start(t, leadingTo(up.addr, "    usage: openai\n")+"extends: builtin\n")

	res, err := http.Post(g.url+"/up/v1/chat/completions?a=b", "application/json", strings.NewReader(`{"model":"gpt-5-mini","messages":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil || string(got) != body {
		t.Errorf("body = %q, %v, want %q", got, err, body)
	}
	rec := g.one(t)
	if res.Header.Get(headerRequestID) != rec.RequestID || rec.RequestID == "" {
		t.Errorf("%s = %q, want the record's %q", headerRequestID, res.Header.Get(headerRequestID), rec.RequestID)
	}
	type account struct {
		provider, method, path, requestModel, model string
		status, attempt                             int
		final                                       bool
		end                                         usage.End
		state                                       usage.State
		in, out                                     int64
	}
	want := account{"up", "POST", "/up/v1/chat/completions", "gpt-5-mini", "gpt-5", 200, 1, true, usage.EndComplete, usage.Reported, 36, int64(len(body))}
	if got := (account{rec.Provider, rec.Method, rec.Path, rec.RequestModel, rec.Usage.Text(usage.Model), rec.Status, rec.Attempt, rec.Final, rec.End, rec.UsageState, rec.BytesIn, rec.BytesOut}); got != want {
		t.Errorf("record = %+v, want %+v", got, want)
	}
	if n, ok := rec.Usage.Number(usage.InputTokens); !ok || n.String() != "12" {
		t.Errorf("input_tokens = %v, %v, want 12", n, ok)
	}
}
