package gateway_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-chi/chi/v5"

	"windhover/config"
	"windhover/gateway"
	"windhover/gateway/usage"
)

// A program of one's own has the gateway under /ai, beside its own routes. A config.Watcher, or whatever else the program
// likes, calls Reload when the file has changed.
func ExampleNew() {
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"model": "tiny", "usage": {"prompt_tokens": 5, "completion_tokens": 2}}`)
	}))
	defer provider.Close()
	folder, err := os.MkdirTemp("", "")
	check(err)
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "providers.yaml")
	write := func(name string) {
		text := fmt.Sprintf("version: 1\nproviders:\n  %s: {upstream: '%s', usage: counts}\nusage:\n  counts: [{from: usage, fields: {input_tokens: first(\"prompt_tokens\")}}]\n", name, provider.URL)
		check(os.WriteFile(path, []byte(text), 0o600))
	}

	write("lab")
	load := func() (*config.File, error) { return config.Load(path, config.Options{}) }
	file, err := load()
	check(err)
	records := make(chan *usage.Record, 1)
	ai, err := gateway.New(file, gateway.Options{
		Prefix: "/ai",
		Load:   load,
		Logger: slog.New(slog.DiscardHandler),
		Sink:   func(record *usage.Record) { records <- record },
	})
	check(err)

	router := chi.NewRouter()
	router.Get("/hello", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello from the program itself") })
	router.Mount("/ai", ai)
	server := httptest.NewServer(router)
	defer server.Close()

	show(server.URL + "/hello")
	show(server.URL + "/ai/providers")
	show(server.URL + "/ai/lab/v1/chat/completions")
	record := <-records
	tokens, _ := record.Usage.Number(usage.InputTokens)
	fmt.Println(record.Provider, record.Status, record.End, tokens)

	write("renamed")
	check(ai.Reload())
	show(server.URL + "/ai/providers")

	// Output:
	// hello from the program itself
	// ["lab"]
	// {"model": "tiny", "usage": {"prompt_tokens": 5, "completion_tokens": 2}}
	// lab 200 complete 5
	// ["renamed"]
}

func show(url string) {
	response, err := http.Get(url)
	check(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	check(err)
	fmt.Println(strings.TrimSpace(string(body)))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
