package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const streamAnswer = "HTTP/1.1 200 OK\nContent-Type: text/event-stream\n\n" +
	"data: {\"usage\":{\"in\":9},\"text\":\"a secret\"}\n\n" +
	"data: {\"text\":\"a secret\"}\n\ndata: {\"text\":\"a secret\"}\n\ndata: {\"text\":\"a secret\"}\n\n" +
	"event: last\ndata: {\"usage\":{\"in\":3,\"out\":-4}}\n\n" +
	"data: [DONE]\n\n"

// streamCase lays a streamed case below a folder with the providers of the replay tests.
func streamCase(t *testing.T) (dir, folder string) {
	t.Helper()
	dir = t.TempDir()
	writeFile(t, filepath.Join(dir, "providers.yaml"), replayProviders)
	writeCase(t, dir, "stream", acmeRequest, streamAnswer, `{}`)
	return dir, filepath.Join(dir, "acme", "stream")
}

const streamReading = `POST /api/v1/chat of acme, status 200
rules that apply: usage.acme[0] usage.acme[1]
without any event
  model = "a1" (usage.acme[1])
  service_tier = "eu" (usage.acme[1])
event 1, 36 bytes: "usage text"
  input_tokens = 9 (usage.acme[0])
events 2 to 4: nothing
event 5 "last", 27 bytes: "usage"
  input_tokens = 3 (usage.acme[0])
  output_tokens = -4 (usage.acme[0])
event 6, 6 bytes: "[DONE]"
result: partial, the end was seen
  input_tokens = 3 (event 5, usage.acme[0])
  output_tokens = -4 (event 5, usage.acme[0])
  model = "a1" (no event, usage.acme[1])
  service_tier = "eu" (no event, usage.acme[1])
  doubt: output_tokens is negative
unpriced: no price fits the model "a1"
`

func TestExplainTellsHowAnAnswerIsRead(t *testing.T) {
	t.Parallel()
	dir, folder := streamCase(t)
	want := outcome{exitOK, folder + ": " + streamReading, ""}
	if got := runIn(t, dir, nil, "explain", "--response", folder); got != want {
		t.Errorf("explain --response = %+v\nwant %+v", got, want)
	}
	file := filepath.Join(folder, responseFile)
	want.stdout = file + ": " + streamReading
	if got := runIn(t, dir, nil, "explain", "--response", file); got != want {
		t.Errorf("explain --response of a message = %+v\nwant %+v", got, want)
	}
	both := outcome{exitOK, folder + ": " + streamReading + "\n" + file + ": " + streamReading, ""}
	if got := runIn(t, dir, nil, "explain", "--response", folder, file); got != both {
		t.Errorf("explain --response of two = %+v\nwant %+v", got, both)
	}
}

func TestExplainTakesARequestFromElsewhere(t *testing.T) {
	t.Parallel()
	dir, folder := streamCase(t)
	alone := filepath.Join(dir, "answer.http")
	if err := os.Rename(filepath.Join(folder, responseFile), alone); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, requestFile)
	want := outcome{exitFailed, "", "windhover: " + alone + ": find the request, which --request can name: stat " + missing + ": no such file or directory\n"}
	if got := runIn(t, dir, nil, "explain", "--response", alone); got != want {
		t.Errorf("explain --response = %+v, want %+v", got, want)
	}
	got := runIn(t, dir, nil, "explain", "--provider", "acme", "--request", filepath.Join(folder, requestFile), "--response", alone)
	if want := (outcome{exitOK, alone + ": " + streamReading, ""}); got != want {
		t.Errorf("explain --request --response = %+v\nwant %+v", got, want)
	}
}

func TestExplainPrintsAReadingAsJSON(t *testing.T) {
	t.Parallel()
	dir, folder := streamCase(t)
	got := runIn(t, dir, nil, "explain", "--json", "--response", folder)
	var r struct {
		Provider string
		Events   []struct {
			Event, Bytes int
			Set          []struct {
				Rule, Field string
				Value       any
			}
		}
		Usage   map[string]any
		Origins map[string]struct {
			Event int
			Rule  string
		}
		Doubts []string
	}
	if err := json.Unmarshal([]byte(got.stdout), &r); err != nil || got.code != exitOK {
		t.Fatalf("explain --json = %+v (%v), want JSON", got, err)
	}
	if r.Provider != "acme" || len(r.Events) != 6 || r.Events[4].Set[1].Value != float64(-4) ||
		r.Usage["input_tokens"] != float64(3) || r.Origins["input_tokens"].Event != 5 || len(r.Doubts) != 1 {
		t.Errorf("explain --json = %s, want every event, the usage and what decided it", got.stdout)
	}
}

func TestExplainShowsNoTextOfAnAnswer(t *testing.T) {
	t.Parallel()
	dir, folder := streamCase(t)
	for _, format := range []string{"--json=false", "--json"} {
		if got := runIn(t, dir, nil, "explain", format, "--response", folder); strings.Contains(got.stdout, "secret") {
			t.Errorf("explain %s = %s, want no text of the answer", format, got.stdout)
		}
	}
}

func TestExplainSaysThatNoRuleApplies(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "providers.yaml"), oneProvider)
	writeCase(t, dir, "case", acmeRequest, acmeAnswer, "{}")
	folder := filepath.Join(dir, "acme", "case")
	want := outcome{exitOK, folder + ": POST /api/v1/chat of openai, status 200\nno rule applies\n", ""}
	if got := runIn(t, dir, nil, "explain", "--provider", "openai", "--response", folder); got != want {
		t.Errorf("explain = %+v, want %+v", got, want)
	}
}
