// Openaiclient makes calls with OpenAI's library for Go: `openaiclient ADDRESS CASES`.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
)

const (
	chatPath      = "/v1/chat/completions"
	responsesPath = "/v1/responses"
)

func main() {
	c := &caller{base: os.Args[1]}
	data, err := os.ReadFile(os.Args[2])
	if err == nil {
		err = json.Unmarshal(data, &c.cases)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	c.client = openai.NewClient(option.WithBaseURL(c.base+"/v1"), option.WithAPIKey("sk-client"), option.WithMaxRetries(0))
	c.chats()
	c.responses()
	c.embeddings()
	c.uploads()
	c.failures()
	c.broken()
}

func (c *caller) chats() {
	for _, e := range c.posts(chatPath) {
		if !e.Stream {
			c.chat(e.Name, e.Name)
			continue
		}
		c.chatStream(e.Name, e.Name, 0, e.AsksUsage)
		if e.UsageApart {
			c.chatStream(e.Name+" without asking for usage", e.Name, 0, false)
		}
	}
}

func chatParams(model string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model:    model,
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Hello")},
	}
}

func (c *caller) chat(name, model string) {
	got, err := c.client.Chat.Completions.New(context.Background(), chatParams(model))
	answer(c, name, got, err)
}

func (c *caller) chatStream(name, model string, limit int, askUsage bool) {
	params := chatParams(model)
	if askUsage {
		params.StreamOptions.IncludeUsage = openai.Bool(true)
	}
	events(c, name, c.client.Chat.Completions.NewStreaming(context.Background(), params), limit)
}

func (c *caller) responses() {
	for _, e := range c.posts(responsesPath) {
		if e.Stream {
			c.responseStream(e.Name, e.Name, 0)
		} else {
			c.response(e.Name, e.Name)
		}
	}
}

func responseParams(model string) responses.ResponseNewParams {
	return responses.ResponseNewParams{
		Model: model,
		Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("Hello")},
	}
}

func (c *caller) response(name, model string) {
	got, err := c.client.Responses.New(context.Background(), responseParams(model))
	answer(c, name, got, err)
}

func (c *caller) responseStream(name, model string, limit int) {
	events(c, name, c.client.Responses.NewStreaming(context.Background(), responseParams(model)), limit)
}

func (c *caller) embeddings() {
	for _, e := range c.posts("/v1/embeddings") {
		got, err := c.client.Embeddings.New(context.Background(), openai.EmbeddingNewParams{
			Model: e.Name,
			Input: openai.EmbeddingNewParamsInputUnion{OfString: openai.String("Hello")},
		})
		answer(c, e.Name, got, err)
	}
}

func (c *caller) uploads() {
	for _, size := range []int{1, 100_000, 3_000_000} {
		content := bytes.Repeat([]byte{0, 1, 2, '\r', '\n', 0xff, '-', '-'}, size/8+1)[:size]
		name := fmt.Sprintf("upload of %d bytes", size)
		got, err := c.client.Files.New(context.Background(), openai.FileNewParams{
			File:    openai.File(bytes.NewReader(content), "data.jsonl", "application/octet-stream"),
			Purpose: openai.FilePurposeBatch,
		})
		if err == nil && !strings.HasSuffix(got.ID, digest(content)) {
			err = fmt.Errorf("%s came as %s, want %s", name, got.ID, digest(content))
		}
		answer(c, name, got, err)
	}
}

func (c *caller) failures() {
	for _, status := range []int{400, 401, 403, 404, 409, 422, 429, 500, 502, 503} {
		model := fmt.Sprintf("status-%d", status)
		c.chat(fmt.Sprintf("chat, %d", status), model)
		c.chatStream(fmt.Sprintf("chat stream, %d", status), model, 0, false)
		c.response(fmt.Sprintf("responses, %d", status), model)
	}
}

// broken makes calls whose answers break off, or are left before they end.
func (c *caller) broken() {
	const chat, response = "replay.chat-stream-usage-in-an-extra-chunk", "replay.responses-stream-completed"
	c.chatStream("chat stream, cut", chat+".cut", 0, false)
	c.chat("chat, cut", "replay.chat-json.cut")
	c.chatStream("chat stream, left", chat+".slow", 1, false)
	c.responseStream("responses stream, cut", response+".cut", 0)
	c.responseStream("responses stream, left", response+".slow", 1)
	c.headers()
}

func (c *caller) headers() {
	var raw *http.Response
	_, err := c.client.Chat.Completions.New(context.Background(), chatParams("replay.chat-json"), option.WithResponseInto(&raw))
	if err != nil {
		c.print("headers of an answer", result{Raised: c.raised(err)})
		return
	}
	c.print("headers of an answer", result{Answer: headers(raw.Header)})
}
