package usage

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// chunk is one SSE event of a chat stream, 200 bytes with its framing, as most events of most streams are.
func chunk() []byte {
	const head, tail = `data: {"id":"chatcmpl-B1","object":"chat.completion.chunk","created":1741570283,"model":"gpt-4o","choices":[{"index":0,"delta":{"content":"`, `"},"finish_reason":null}]}` + "\n\n"
	return []byte(head + strings.Repeat("x", 200-len(head)-len(tail)) + tail)
}

// BenchmarkChunkWithoutUsage is what an event costs in which there is nothing to read, framing included.
func BenchmarkChunkWithoutUsage(b *testing.B) {
	for name, x := range map[string]Exchange{
		"openai":    {Method: "POST", Path: "/v1/chat/completions", Status: 200, Header: http.Header{"Content-Type": {"text/event-stream"}}},
		"anthropic": {Method: "POST", Path: "/v1/messages", Status: 200, Header: http.Header{"Content-Type": {"text/event-stream"}}},
	} {
		b.Run(name, func(b *testing.B) {
			o := shipped(b)(name).Observe(x)
			o.Write([]byte(sse(`{"id":"1","model":"m","message":{"model":"m","id":"1"}}`)))
			p := chunk()
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				o.Write(p)
			}
		})
	}
}

// BenchmarkJSONAnswer is what a whole answer costs, from its header to its result.
func BenchmarkJSONAnswer(b *testing.B) {
	rules := shipped(b)("openai")
	x := Exchange{Method: "POST", Path: "/v1/chat/completions", Status: 200, Header: http.Header{"Content-Type": {"application/json"}}}
	for _, size := range []int{1 << 10, 16 << 10} {
		b.Run(fmt.Sprintf("%dKB", size>>10), func(b *testing.B) {
			body := chatAnswer(size)
			b.SetBytes(int64(len(body)))
			benchmarkAnswer(b, rules, x, body)
		})
	}
}

// benchmarkAnswer reads an answer whose body comes in one piece.
func benchmarkAnswer(b *testing.B, rules *Rules, x Exchange, body []byte) {
	b.ReportAllocs()
	for b.Loop() {
		o := rules.Observe(x)
		o.Write(body)
		o.Close(true)
		o.Release()
	}
}

// chatAnswer is an OpenAI chat completion of that many bytes.
func chatAnswer(size int) []byte {
	const head = `{"id":"chatcmpl-B1","object":"chat.completion","created":1741570283,"model":"gpt-4o-2024-08-06","choices":[{"index":0,"message":{"role":"assistant","content":"`
	const tail = `","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":1117,"completion_tokens":46,"total_tokens":1163,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"service_tier":"default","system_fingerprint":"fp_fc9f1d7035"}`
	return []byte(head + strings.Repeat("y", max(0, size-len(head)-len(tail))) + tail)
}

// BenchmarkShortStream is what a stream of few events costs, from its header to its result.
func BenchmarkShortStream(b *testing.B) {
	rules := shipped(b)("openai")
	x := Exchange{Method: "POST", Path: "/v1/chat/completions", Status: 200, Header: http.Header{"Content-Type": {"text/event-stream"}}}
	const usage = `{"id":"1","model":"gpt-4o","choices":[],"usage":{"prompt_tokens":57,"completion_tokens":171,"total_tokens":228}}`
	benchmarkAnswer(b, rules, x, append(chunk(), sse(usage, "[DONE]")...))
}
