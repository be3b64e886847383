package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"
)

// models are what the traffic asks for: one that has a price, one that has none.
var models = [...]string{"gpt-5", "nobody-knows-this-model"}

// newUpstream answers as OpenAI does, well and not so well: what happens says the path's last segment.
func newUpstream() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request struct{ Model string }
		_ = json.NewDecoder(r.Body).Decode(&request)
		numbers := `"usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,"prompt_tokens_details":{"cached_tokens":60}}`
		switch {
		case r.URL.Query().Has("fail"):
			w.WriteHeader(http.StatusBadGateway)
			return
		case r.URL.Query().Has("silent"):
			numbers = `"usage":null`
		case r.URL.Query().Has("doubtful"):
			numbers = `"usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":7}`
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for range 5 {
			fmt.Fprintf(w, "data: {\"model\":%q,\"choices\":[{\"delta\":{\"content\":\"word \"}}]}\n\n", request.Model)
			_ = http.NewResponseController(w).Flush()
			time.Sleep(5 * time.Millisecond)
		}
		if r.URL.Query().Has("break") {
			panic(http.ErrAbortHandler)
		}
		fmt.Fprintf(w, "data: {\"model\":%q,\"choices\":[],%s}\n\ndata: [DONE]\n\n", request.Model, numbers)
	}))
}

// traffic asks the gateway until ctx ends.
func traffic(ctx context.Context, gateway string) {
	ways := [...]string{"", "", "?fail", "?silent", "?doubtful", "?break"}
	for i := 0; ctx.Err() == nil; i++ {
		body := fmt.Sprintf(`{"model":%q,"stream":true}`, models[i%len(models)])
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, gateway+"/openai/v1/chat/completions"+ways[i%len(ways)], bytes.NewBufferString(body))
		if err != nil {
			return
		}
		r.Header.Set("Authorization", "Bearer anything")
		if res, err := http.DefaultClient.Do(r); err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
	}
}
