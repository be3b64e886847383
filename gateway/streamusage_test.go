package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"windhover/gateway/usage"
)

const sseHeader = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"

// askingFile has a provider at the address whose streams are asked for usage.
func askingFile(address string) string {
	return leadingTo(address, "    usage: openai\n    stream_usage: openai-chat\n") + "extends: builtin\n"
}

// chat sends a chat request and returns the answer's status and body.
func (s *started) chat(t *testing.T, body string) (int, string) {
	t.Helper()
	res, err := http.Post(s.url+"/up/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(answer)
}

// inChunks frames a body in pieces of n bytes, so that an event is split in many places.
func inChunks(body string, n int) string {
	return "Transfer-Encoding: chunked\r\n\r\n" + strings.Join(chunked(body, n), "") + "0\r\n\r\n"
}

// bodyOf is what stands behind the header of a raw request.
func bodyOf(request string) string {
	_, body, _ := strings.Cut(request, "\r\n\r\n")
	return body
}

func TestStreamIsAskedForUsageAndTheClientSeesNoneOfIt(t *testing.T) {
	t.Parallel()
	with, without := streamOf("\n", chunkText, chunkUsage, chunkDone), streamOf("\n", chunkText, chunkDone)
	for _, n := range []int{1, 7, 50, 10_000} {
		up := answering(t, sseHeader+inChunks(with, n))
		g := start(t, askingFile(up.addr))
		if _, got := g.chat(t, `{"model":"m","stream":true}`); got != without {
			t.Errorf("the client got %q, want %q", got, without)
		}
		request := up.received()[0]
		if got, want := bodyOf(request), `{"model":"m","stream":true,"stream_options":{"include_usage":true}}`; got != want {
			t.Errorf("the upstream got %s, want %s", got, want)
		}
		if !strings.Contains(request, "\r\nAccept-Encoding: identity\r\n") {
			t.Errorf("the upstream was not asked for plain text: %q", request)
		}
		rec := g.one(t)
		if in, _ := rec.Usage.Number(usage.InputTokens); in != usage.Whole(3) || rec.UsageState != usage.Reported || rec.StreamUsage != usage.StreamUsageAdded {
			t.Errorf("input_tokens, usage_state, stream_usage = %v, %s, %q, want 3, reported, added", in, rec.UsageState, rec.StreamUsage)
		}
		if rec.BytesOut != int64(len(without)) {
			t.Errorf("bytes_out = %d, want %d: what the client got", rec.BytesOut, len(without))
		}
	}
}

func TestWhatTheClientSaysAboutUsageHolds(t *testing.T) {
	t.Parallel()
	with := streamOf("\n", chunkText, chunkUsage, chunkDone)
	for _, body := range []string{
		`{"stream":true,"stream_options":{"include_usage":true}}`,
		`{"stream":true,"stream_options":{"include_usage":false}}`,
		`{"stream":false}`,
		`{"stream":tru`,
	} {
		up := answering(t, sseHeader+inChunks(with, 100))
		g := start(t, askingFile(up.addr))
		if _, got := g.chat(t, body); got != with {
			t.Errorf("after %s the client got %q, want %q", body, got, with)
		}
		if got := bodyOf(up.received()[0]); got != body {
			t.Errorf("the upstream got %s, want %s", got, body)
		}
		if rec := g.one(t); rec.StreamUsage != "" {
			t.Errorf("stream_usage = %q, want none", rec.StreamUsage)
		}
	}
}

func TestStreamsKeepEveryByteWhereAskingIsTurnedOff(t *testing.T) {
	t.Parallel()
	body := `{"stream":true}`
	up := answering(t, sseHeader+inChunks(streamOf("\n", chunkUsage), 100))
	g := start(t, askingFile(up.addr))
	g.options.KeepStreams = true
	if _, got := g.chat(t, body); got != streamOf("\n", chunkUsage) || bodyOf(up.received()[0]) != body {
		t.Errorf("client and upstream got %q, %q", got, up.received()[0])
	}
}

func TestEncodedAnswerKeepsTheAddedEventAndTheRecordSaysSo(t *testing.T) {
	t.Parallel()
	with := streamOf("\n", chunkUsage)
	up := answering(t, sseHeader+"Content-Encoding: x-own\r\n"+inChunks(with, 100))
	g := start(t, askingFile(up.addr))
	if _, got := g.chat(t, `{"stream":true}`); got != with {
		t.Errorf("the client got %q, want %q", got, with)
	}
	if rec := g.one(t); rec.StreamUsage != usage.StreamUsageLeft || rec.UsageState != usage.Unreadable {
		t.Errorf("stream_usage, usage_state = %q, %s, want left, unreadable", rec.StreamUsage, rec.UsageState)
	}
}

// picky answers 400 to a request that names stream_options, and a stream to any other.
func picky(t *testing.T, refusal string) *wire {
	return newWire(t, func(w *wire, c net.Conn, r *bufio.Reader) {
		for w.read(r) == nil {
			requests := w.received()
			answer := sseHeader + inChunks(streamOf("\n", chunkText, chunkDone), 100)
			if strings.Contains(requests[len(requests)-1], "stream_options") {
				answer = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: " + itoa(len(refusal)) + "\r\n\r\n" + refusal
			}
			if _, err := io.WriteString(c, answer); err != nil {
				return
			}
		}
	})
}

func TestUpstreamThatDeclinesTheOptionGetsTheClientsOwnRequest(t *testing.T) {
	t.Parallel()
	up := picky(t, `{"error":{"message":"Unknown parameter: 'stream_options'."}}`)
	g := start(t, askingFile(up.addr))
	body, want := `{"model":"m","stream":true}`, streamOf("\n", chunkText, chunkDone)
	for range 2 {
		if status, got := g.chat(t, body); status != 200 || got != want {
			t.Fatalf("the client got %d %q, want 200 %q", status, got, want)
		}
	}
	requests := up.received()
	if len(requests) != 3 || bodyOf(requests[1]) != body || bodyOf(requests[2]) != body {
		t.Fatalf("the upstream got %q, want the option once and the client's own request twice", requests)
	}
	recs := g.wait(t, 3)
	first, second := recs[0], recs[1]
	if first.Attempt != 1 || first.Final || first.Status != 400 || first.StreamUsage != usage.StreamUsageAdded {
		t.Errorf("first attempt = %+v", first)
	}
	if second.Attempt != 2 || !second.Final || second.Status != 200 || second.StreamUsage != "" {
		t.Errorf("second attempt = %+v", second)
	}
	if ended := first.Time.Add(first.Duration); second.Time.Before(ended) {
		t.Errorf("second attempt's time = %v, want none before the first one's end, %v", second.Time, ended)
	}
	if first.RequestID != second.RequestID || first.ID == second.ID {
		t.Errorf("request ids %s, %s, ids %s, %s: want one exchange of two records", first.RequestID, second.RequestID, first.ID, second.ID)
	}
	if first.BytesIn != int64(len(body)) || second.BytesIn != int64(len(body)) {
		t.Errorf("bytes_in = %d, %d, want %d each", first.BytesIn, second.BytesIn, len(body))
	}
}

func TestOtherRefusalsPassAsTheyAre(t *testing.T) {
	t.Parallel()
	refusal := `{"error":{"message":"` + strings.Repeat("no such model ", 10_000) + `"}}`
	up := picky(t, refusal)
	g := start(t, askingFile(up.addr))
	if status, got := g.chat(t, `{"stream":true}`); status != 400 || got != refusal {
		t.Errorf("the client got %d and %d bytes, want 400 and %d", status, len(got), len(refusal))
	}
	if rec := g.one(t); rec.Attempt != 1 || rec.Status != 400 {
		t.Errorf("attempt, status = %d, %d, want 1, 400", rec.Attempt, rec.Status)
	}
}

func TestHeldBytesReachTheClientWhenAStreamBreaksOff(t *testing.T) {
	t.Parallel()
	held := `data: {"choices":[],"usa`
	up := newWire(t, func(w *wire, c net.Conn, r *bufio.Reader) {
		if w.read(r) == nil {
			_, _ = io.WriteString(c, sseHeader+"Transfer-Encoding: chunked\r\n\r\n"+fmt.Sprintf("%x\r\n%s", len(held), held)+"\r\n")
		}
	})
	g := start(t, askingFile(up.addr))
	res, err := http.Post(g.url+"/up/v1/chat/completions", "application/json", strings.NewReader(`{"stream":true}`))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if string(got) != held || err == nil {
		t.Errorf("the client got %q, %v, want %q and an error", got, err, held)
	}
	if rec := g.one(t); rec.End != usage.EndUpstreamTruncated {
		t.Errorf("end = %s, want upstream_truncated", rec.End)
	}
}
