package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"time"
)

// failures is the share of requests that the upstream fails, in hundredths.
const failures = 5

// newUpstream streams for a few seconds, takes uploads, and fails now and then: with a status, before its header, or in its body.
func newUpstream() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		fails := rand.IntN(100) < failures && r.Header.Get("X-Whole") == ""
		how := rand.IntN(3)
		switch {
		case fails && how == 0:
			http.Error(w, `{"error":{"message":"try again"}}`, http.StatusServiceUnavailable)
			return
		case fails && how == 1:
			panic(http.ErrAbortHandler)
		}
		if r.Header.Get("X-Upload") != "" {
			fmt.Fprint(w, `{"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		events := 2 + rand.IntN(8)
		for i := range events {
			fmt.Fprintf(w, "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"%d\"}}]}\n\n", i)
			if http.NewResponseController(w).Flush() != nil {
				return
			}
			if fails && i == events/2 {
				panic(http.ErrAbortHandler)
			}
			select {
			case <-time.After(time.Second):
			case <-r.Context().Done():
				return
			}
		}
		fmt.Fprint(w, "data: {\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,\"total_tokens\":11}}\n\ndata: [DONE]\n\n")
	}))
}
