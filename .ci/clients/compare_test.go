package main

import (
	"net/http"
	"testing"

	"clients/upstream"
)

func TestDifferenceIsNamedByItsPlace(t *testing.T) {
	t.Parallel()
	want := map[string]any{"a": []any{1.0, map[string]any{"b": "x"}}, "c": nil}
	for _, test := range []struct {
		got  any
		want string
	}{
		{map[string]any{"a": []any{1.0, map[string]any{"b": "x"}}, "c": nil}, ""},
		{map[string]any{"a": []any{1.0, map[string]any{"b": "x"}}, addedHeader: "1"}, ""},
		{map[string]any{"a": []any{1.0, map[string]any{"b": "y"}}}, `chat a[1] b: "y", directly "x"`},
		{map[string]any{"a": []any{1.0}}, `chat a: [1], directly [1,{"b":"x"}]`},
		{map[string]any{"a": want["a"], "d": true}, "chat d: true, directly null"},
		{"text", `chat: "text", directly {"a":[1,{"b":"x"}],"c":null}`},
	} {
		if got := difference("chat", test.got, want); got != test.want {
			t.Errorf("difference(%v) = %q, want %q", test.got, got, test.want)
		}
	}
}

func TestRequestsDifferOnlyAsDeclared(t *testing.T) {
	t.Parallel()
	request := func(body, header, value string) upstream.Request {
		return upstream.Request{Method: "POST", Target: "/v1", Host: "h", Header: http.Header{header: {value}}, Body: []byte(body)}
	}
	const plain, asking = `{"stream":true}`, `{"stream":true,"stream_options":{"include_usage":true}}`
	for _, test := range []struct {
		name      string
		got, want upstream.Request
		same      bool
	}{
		{"a hop's own header", request(plain, "Connection", "close"), request(plain, "Connection", "keep-alive"), true},
		{"usage asked for", request(asking, "Accept-Encoding", "identity"), request(plain, "Accept-Encoding", "gzip"), true},
		{"usage not asked for", request(plain, "Accept-Encoding", "identity"), request(plain, "Accept-Encoding", "gzip"), false},
		{"another body", request(`{}`, "A", "1"), request(plain, "A", "1"), false},
		{"another header", request(plain, "A", "1"), request(plain, "A", "2"), false},
		{"one header more", request(plain, "B", "1"), request(plain, "Connection", "1"), false},
		{
			"another boundary",
			request("--one\r\n", "Content-Type", "multipart/form-data; boundary=one"),
			request("--two\r\n", "Content-Type", "multipart/form-data; boundary=two"), true,
		},
	} {
		if got := differentRequest(test.got, test.want); (got == "") != test.same {
			t.Errorf("%s: difference %q, want one: %v", test.name, got, !test.same)
		}
	}
}

func TestRecordIsHeldAgainstTheRequest(t *testing.T) {
	t.Parallel()
	request := upstream.Request{Method: "POST", Target: "/v1/x?a", Status: 200, Asked: "replay.x", Usage: map[string]any{"input_tokens": 3.0}}
	rec := record{
		"method": "POST", "path": "/openai/v1/x", "status": 200.0, "attempt": 1.0, "final": true, "end": "complete",
		"input_tokens": 3.0,
	}
	check := func(want ...string) {
		t.Helper()
		r := report{calls: 1}
		checkRecords(&r, side{calls: []call{{}}, requests: []upstream.Request{request}}, []record{rec}, "/openai")
		if len(r.lines) != len(want) {
			t.Fatalf("problems = %q, want %q", r.lines, want)
		}
		for i := range want {
			if r.lines[i] != want[i] {
				t.Errorf("problem = %q, want %q", r.lines[i], want[i])
			}
		}
	}
	check()
	rec["input_tokens"], rec["output_tokens"] = 4.0, 1.0
	check("replay.x: the record says input_tokens 4, want 3", "replay.x: the record says output_tokens 1, want none")
	rec["input_tokens"], rec["output_tokens"], rec["end"] = 3.0, 0.0, "upstream_truncated"
	check("replay.x: the record says end upstream_truncated, want [complete client_closed_after_end]")
}
