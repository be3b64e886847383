package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const replayProviders = `version: 1
providers:
  acme:
    path: /{region}/*
    upstream: https://{region}.acme.example/api
    usage: acme
usage:
  acme:
    - from: usage
      fields:
        input_tokens: first("in")
        output_tokens: first("out")
    - fields:
        model: first("model", request("model"))
        service_tier: param("region")
`

// writeCase lays a case below dir/acme.
func writeCase(t *testing.T, dir, name, request, response, expected string) {
	t.Helper()
	folder := filepath.Join(dir, "acme", name)
	writeFile(t, filepath.Join(folder, requestFile), request)
	writeFile(t, filepath.Join(folder, responseFile), response)
	writeFile(t, filepath.Join(folder, usageFile), expected)
}

func TestTestReplaysEveryCaseOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "providers.yaml"), replayProviders)
	const request = "POST /api/v1/chat HTTP/1.1\nHost: eu.acme.example\n\n{\"model\":\"a1\"}"
	const answer = "HTTP/1.1 200 OK\nContent-Type: application/json\n\n{\"usage\":{\"in\":3,\"out\":4}}"
	writeCase(t, dir, "good", request, answer, `{"model":"a1","service_tier":"eu","input_tokens":3,"output_tokens":4}`)
	writeCase(t, dir, "other-host", strings.Replace(request, "eu.acme.example", "localhost", 1), answer, `{"model":"a1","input_tokens":3,"output_tokens":4}`)
	writeCase(t, dir, "stream", request, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {\"usage\":{\"in\":1,\"out\":1}}\r\n\r\ndata: {\"usage\":{\"in\":1,\"out\":2}}\r\n\r\n", `{"input_tokens":1,"output_tokens":2}`)
	got := runIn(t, dir, nil, "test", dir, filepath.Join(dir, "acme", "good"))
	if want := (outcome{exitOK, "3 passed, 0 failed\n", ""}); got != want {
		t.Errorf("test = %+v, want %+v", got, want)
	}

	writeCase(t, dir, "wrong", request, answer, `{"input_tokens":5}`)
	writeCase(t, dir, "broken", "no request", answer, `{}`)
	if err := os.Remove(filepath.Join(dir, "acme", "stream", usageFile)); err != nil {
		t.Fatal(err)
	}
	got = runIn(t, dir, nil, "test", dir)
	acme := filepath.Join(dir, "acme") + string(filepath.Separator)
	want := outcome{exitFailed, "FAIL " + acme + "broken: request.http: the first line is no request line: \"no request\"\n" +
		"FAIL " + acme + "stream: read expected usage: open " + acme + "stream/usage.json: no such file or directory\n" +
		"FAIL " + acme + "wrong: input_tokens = 3, want 5; output_tokens = 4, want nothing\n" +
		"2 passed, 3 failed\n", ""}
	if got != want {
		t.Errorf("test = %+v\nwant %+v", got, want)
	}
}

func TestTestFailsACaseOfAnUnknownProvider(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "providers.yaml"), oneProvider)
	writeCase(t, dir, "case", "GET / HTTP/1.1\nHost: x\n\n", "HTTP/1.1 200 OK\n\n", "{}")
	name := filepath.Join(dir, "acme", "case")
	want := outcome{exitFailed, "FAIL " + name + ": the providers file has no provider acme; name one with --provider\n0 passed, 1 failed\n", ""}
	if got := runIn(t, dir, nil, "test", dir); got != want {
		t.Errorf("test = %+v, want %+v", got, want)
	}
	if got := runIn(t, dir, nil, "test", "--provider", "openai", dir); got != (outcome{exitOK, "1 passed, 0 failed\n", ""}) {
		t.Errorf("test --provider openai = %+v, want 1 passed", got)
	}
}

func TestTestWithoutCasesIsAnError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := outcome{exitFailed, "", "windhover: there is no case in " + dir + ": a case is a folder that holds response.http\n"}
	if got := run(t, "test", dir); got != want {
		t.Errorf("test = %+v, want %+v", got, want)
	}
}
