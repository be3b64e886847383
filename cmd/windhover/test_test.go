package main

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"windhover/gateway/stream"
	"windhover/gateway/usage"
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
	want := outcome{exitOK, "provider  cases  passed  failed\n" +
		"acme          3       3       0\n" +
		"2 of 2 rules of these providers were used\n" +
		"3 passed, 0 failed\n", ""}
	if got != want {
		t.Errorf("test = %+v, want %+v", got, want)
	}

	writeCase(t, dir, "wrong", request, answer, `{"input_tokens":5}`)
	writeCase(t, dir, "broken", "no request", answer, `{}`)
	if err := os.Remove(filepath.Join(dir, "acme", "stream", usageFile)); err != nil {
		t.Fatal(err)
	}
	got = runIn(t, dir, nil, "test", dir)
	acme := filepath.Join(dir, "acme") + string(filepath.Separator)
	want = outcome{exitFailed, "FAIL " + acme + "broken: request.http: the first line is no request line: \"no request\"\n" +
		"FAIL " + acme + "stream: read expected usage: open " + acme + "stream/usage.json: no such file or directory\n" +
		"FAIL " + acme + "wrong\n" +
		"  input_tokens: got 3, want 5 (event 1, usage.acme[0])\n" +
		"  output_tokens: got 4, want nothing (event 1, usage.acme[0])\n" +
		"provider  cases  passed  failed\n" +
		"acme          5       2       3\n" +
		"2 of 2 rules of these providers were used\n" +
		"2 passed, 3 failed\n", ""}
	if got != want {
		t.Errorf("test = %+v\nwant %+v", got, want)
	}
}

const (
	acmeRequest = "POST /api/v1/chat HTTP/1.1\nHost: eu.acme.example\n\n{\"model\":\"a1\"}"
	acmeAnswer  = "HTTP/1.1 200 OK\nContent-Type: application/json\n\n{\"usage\":{\"in\":3}}"
)

func TestTestNamesTheRulesThatNoCaseUsed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "providers.yaml"), replayProviders)
	writeCase(t, dir, "error", acmeRequest, "HTTP/1.1 500 No\nContent-Type: application/json\n\n{}", "{}")
	const table = "provider  cases  passed  failed\nacme          1       1       0\n"
	for _, c := range []struct{ flag, want string }{
		{"--coverage=false", "1 of 2 rules of these providers were used; --coverage names the others\n"},
		{"--coverage", "1 of 2 rules of these providers were used; not these:\n  usage.acme[0]\n"},
	} {
		want := outcome{exitOK, table + c.want + "1 passed, 0 failed\n", ""}
		if got := runIn(t, dir, nil, "test", c.flag, dir); got != want {
			t.Errorf("test %s = %+v, want %+v", c.flag, got, want)
		}
	}
}

func TestTestUpdateWritesOnlyWhatIsWrong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "providers.yaml"), replayProviders)
	writeCase(t, dir, "gone", acmeRequest, acmeAnswer, `{}`)
	writeCase(t, dir, "right", acmeRequest, acmeAnswer, `{"input_tokens":3}`)
	writeCase(t, dir, "wrong", acmeRequest, acmeAnswer, `{"input_tokens":5,"output_tokens":2,"service_tier":"eu"}`)
	acme := filepath.Join(dir, "acme")
	if err := os.Remove(filepath.Join(acme, "gone", usageFile)); err != nil {
		t.Fatal(err)
	}
	got := runIn(t, dir, nil, "test", "--update", dir)
	want := outcome{exitOK, "UPDATED " + filepath.Join(acme, "gone") + "\n" +
		"  input_tokens: was nothing, is 3\n" +
		"  model: was nothing, is \"a1\"\n" +
		"  service_tier: was nothing, is \"eu\"\n" +
		"UPDATED " + filepath.Join(acme, "wrong") + "\n" +
		"  input_tokens: was 5, is 3\n" +
		"  output_tokens: was 2, is nothing\n" +
		"provider  cases  passed  failed\n" +
		"acme          3       3       0\n" +
		"2 of 2 rules of these providers were used\n" +
		"3 passed, 0 failed\n", ""}
	if got != want {
		t.Errorf("test --update = %+v\nwant %+v", got, want)
	}
	for name, want := range map[string]string{
		"gone":  "{\n \"model\": \"a1\",\n \"input_tokens\": 3,\n \"service_tier\": \"eu\"\n}\n",
		"right": `{"input_tokens":3}`,
		"wrong": "{\n \"input_tokens\": 3,\n \"service_tier\": \"eu\"\n}\n",
	} {
		if got := readFile(t, filepath.Join(acme, name, usageFile)); got != want {
			t.Errorf("%s of %s = %q, want %q", usageFile, name, got, want)
		}
	}
	if got := runIn(t, dir, nil, "test", dir); got.code != exitOK {
		t.Errorf("test after --update = %+v, want all passed", got)
	}
}

func TestReadingInAnotherWayMustChangeNothing(t *testing.T) {
	t.Parallel()
	var right, wrong usage.Usage
	right.SetNumber(usage.InputTokens, usage.Whole(5))
	wrong.SetNumber(usage.InputTokens, usage.Whole(5))
	wrong.SetNumber(usage.OutputTokens, usage.Whole(1))
	if got := changes("one byte at a time", right, &right); got != nil {
		t.Errorf("changes() = %q, want none", got)
	}
	want := []string{"one byte at a time: output_tokens: got 1, as a whole nothing"}
	if got := changes("one byte at a time", wrong, &right); !slices.Equal(got, want) {
		t.Errorf("changes() = %q, want %q", got, want)
	}
}

func TestCodingsTakeTurns(t *testing.T) {
	t.Parallel()
	c := recordedCase{exchange: usage.Exchange{Status: 200, Header: http.Header{}}, body: []byte(`{"usage":{"in":3}}`)}
	for turn, want := range []string{"gzip", "br", "zstd", "gzip"} {
		coding, coded, ok := c.compressed(turn)
		if !ok || coding != want || coded.exchange.Header.Get("Content-Encoding") != want || len(c.exchange.Header) > 0 {
			t.Errorf("turn %d is compressed by %s, %v, want %s", turn, coding, ok, want)
		}
		if got := decoded(t, want, coded.body); got != string(c.body) {
			t.Errorf("%s decodes to %q, want the body", want, got)
		}
	}
	for name, x := range map[string]usage.Exchange{
		"a WebSocket session":     {Status: 101},
		"a body coded twice over": {Status: 200, Header: http.Header{"Content-Encoding": {"gzip", "br"}}},
	} {
		c.exchange = x
		if _, _, ok := c.compressed(0); ok {
			t.Errorf("%s is compressed, want it left as it is", name)
		}
	}
}

// decoded takes a coding off as the gateway does.
func decoded(t *testing.T, coding string, body []byte) string {
	t.Helper()
	var plain []byte
	content, err := stream.NewContent([]string{coding}, func(p []byte) { plain = append(plain, p...) }, stream.ContentOptions{})
	if err != nil {
		t.Fatal(err)
	}
	content.Write(body)
	content.Close()
	if err := content.Err(); err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

func TestTestFailsACaseOfAnUnknownProvider(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "providers.yaml"), oneProvider)
	writeCase(t, dir, "case", "GET / HTTP/1.1\nHost: x\n\n", "HTTP/1.1 200 OK\n\n", "{}")
	name := filepath.Join(dir, "acme", "case")
	want := outcome{exitFailed, "FAIL " + name + ": the providers file has no provider acme; name one with --provider\n" +
		"provider  cases  passed  failed\nacme          1       0       1\n0 of 0 rules of these providers were used\n0 passed, 1 failed\n", ""}
	if got := runIn(t, dir, nil, "test", dir); got != want {
		t.Errorf("test = %+v, want %+v", got, want)
	}
	want = outcome{exitOK, "provider  cases  passed  failed\nopenai        1       1       0\n0 of 0 rules of these providers were used\n1 passed, 0 failed\n", ""}
	if got := runIn(t, dir, nil, "test", "--provider", "openai", dir); got != want {
		t.Errorf("test --provider openai = %+v, want %+v", got, want)
	}
}

func TestAnUnknownProviderIsOneError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "providers.yaml"), oneProvider)
	writeCase(t, dir, "one", acmeRequest, acmeAnswer, "{}")
	writeCase(t, dir, "two", acmeRequest, acmeAnswer, "{}")
	want := outcome{exitFailed, "", "windhover: the providers file has no provider opnai; did you mean openai?\n"}
	for _, args := range [][]string{{"test", dir}, {"explain", "--response", filepath.Join(dir, "acme", "one")}, {"record", dir}} {
		if got := runIn(t, dir, nil, append(args, "--provider", "opnai")...); got != want {
			t.Errorf("%s --provider opnai = %+v, want %+v", args[0], got, want)
		}
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
