package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/packages/ssestream"
)

// exchange is a case that the upstream knows.
type exchange struct {
	Name       string `json:"name"`
	Method     string `json:"method"`
	Target     string `json:"target"`
	Stream     bool   `json:"stream"`
	AsksUsage  bool   `json:"asks_usage"`
	UsageApart bool   `json:"usage_apart"`
}

// caller makes calls, each of one request, and prints what it gets of each.
type caller struct {
	base   string
	cases  []exchange
	client openai.Client
}

// posts are the cases of an endpoint.
func (c *caller) posts(path string) []exchange {
	var found []exchange
	for _, e := range c.cases {
		if e.Method == http.MethodPost && e.Target == path {
			found = append(found, e)
		}
	}
	return found
}

// result is what a caller gets: an answer or its events, and an error.
type result struct {
	Answer any            `json:"answer,omitempty"`
	Events []any          `json:"events,omitempty"`
	Raised map[string]any `json:"raised,omitempty"`
}

func (c *caller) print(name string, r result) {
	line := struct {
		Name   string `json:"name"`
		Result result `json:"result"`
	}{name, r}
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		panic(err)
	}
}

// answer prints an answer as the library has parsed it.
func answer[T interface{ RawJSON() string }](c *caller, name string, got *T, err error) {
	if err != nil {
		c.print(name, result{Raised: c.raised(err)})
		return
	}
	c.print(name, result{Answer: []any{fmt.Sprintf("%+v", *got), (*got).RawJSON()}})
}

// events prints all events of a stream, or the first ones up to a limit, and the error with which it ends.
func events[T interface{ RawJSON() string }](c *caller, name string, stream *ssestream.Stream[T], limit int) {
	defer stream.Close()
	r := result{}
	for stream.Next() {
		event := stream.Current()
		r.Events = append(r.Events, []any{fmt.Sprintf("%+v", event), event.RawJSON()})
		if len(r.Events) == limit {
			break
		}
	}
	if err := stream.Err(); err != nil {
		r.Raised = c.raised(err)
	}
	c.print(name, r)
}

// raised is an error as a caller can tell it: the types in it, the text, and the provider's own.
func (c *caller) raised(err error) map[string]any {
	var types []string
	for e := err; e != nil; e = errors.Unwrap(e) {
		types = append(types, fmt.Sprintf("%T", e))
	}
	raised := map[string]any{"types": types, "text": strings.ReplaceAll(err.Error(), c.base, "BASE")}
	var refused *openai.Error
	if !errors.As(err, &refused) {
		return raised
	}
	raised["status"], raised["code"], raised["type"] = refused.StatusCode, refused.Code, refused.Type
	raised["message"], raised["body"] = refused.Message, refused.RawJSON()
	if refused.Response != nil {
		raised["headers"] = headers(refused.Response.Header)
	}
	return raised
}

func headers(h http.Header) map[string][]string {
	lower := map[string][]string{}
	for name, values := range h {
		lower[strings.ToLower(name)] = values
	}
	return lower
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
