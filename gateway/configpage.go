package gateway

import (
	"encoding/json"
	"net/http"
	"time"
)

// runningConfig is what the gateway runs with, as operators may see it.
type runningConfig struct {
	Revision    string         `json:"revision"`
	Since       time.Time      `json:"since"`                  // when it came into use
	LastFailure *shownFailure  `json:"last_failure,omitempty"` // the newest attempt to load the file that failed, since the start
	File        map[string]any `json:"file"`                   // with the keys of the providers file, secrets masked
}

type shownFailure struct {
	Time     time.Time `json:"time"`
	Mended   bool      `json:"mended"` // a later attempt succeeded
	Problems []string  `json:"problems"`
}

// handleConfig shows the file in use. It waits for no reload: when one hangs, this page is what an operator looks at.
func (g *Gateway) handleConfig(w http.ResponseWriter, _ *http.Request) {
	s := g.snapshot.Load()
	running := runningConfig{Revision: s.Revision, Since: s.since.UTC(), File: s.file.Shown()}
	if f := g.failure.Load(); f != nil {
		running.LastFailure = &shownFailure{f.time.UTC(), f.mended, f.problems}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	page := json.NewEncoder(w)
	page.SetEscapeHTML(false)
	page.SetIndent("", "  ")
	_ = page.Encode(running) // fails only if the client has left
}
