package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// canary stands in every place that must not be written.
const canary = "canary"

// recording is a running record of a provider `lab`, whose answers come from handle.
type recording struct {
	dir, providers, address string
	out                     *buffer
}

func startRecording(t *testing.T, handle http.HandlerFunc, flags ...string) recording {
	t.Helper()
	upstream := httptest.NewServer(handle)
	t.Cleanup(upstream.Close)
	folder := t.TempDir()
	r := recording{dir: filepath.Join(folder, "cases"), providers: filepath.Join(folder, "providers.yaml"), out: new(buffer)}
	writeFile(t, r.providers, "version: 1\nextends: builtin\nproviders:\n  lab:\n    path: /{account}/*\n    upstream: "+upstream.URL+"/accounts/{account}\n    usage: [openai, anthropic, bedrock]\n    stream_usage: openai-chat\n")
	ctx, stop := context.WithCancel(t.Context())
	code := make(chan int, 1)
	p := program{stdout: r.out, stderr: new(buffer), folder: folder}
	args := append([]string{"record", "--provider", "lab", "--listen", "127.0.0.1:0", r.dir}, flags...)
	go func() { code <- p.run(ctx, args) }()
	t.Cleanup(func() {
		stop()
		if got := <-code; got != exitOK {
			t.Errorf("record exits with %d: %s%s", got, r.out.String(), p.stderr)
		}
	})
	r.address = await(t, r.out, `recording (http://\S+)/lab;`)
	return r
}

// ask sends a request that is full of canaries, and waits until its case is written.
func (r recording) ask(t *testing.T, path, contentType, body string) (dir string) {
	t.Helper()
	url := r.address + "/lab/canary-account" + path + "?model=m1&key=canary&X-Amz-Signature=canary&canary"
	request, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Authorization", "Api-Key", "X-Api-Key", "X-Goog-Api-Key", "Xi-Api-Key", "Cookie", "Proxy-Authorization", "X-Windhover-Key",
		"Openai-Organization", "X-Amz-Security-Token", "X-Anything-Else"} {
		request.Header.Set(name, "Bearer canary")
	}
	request.Header.Set("X-Customer-Id", "4242424242")
	request.Header.Set("Content-Type", contentType)
	said := strings.Count(r.out.String(), "\n")
	response, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	line := await(t, r.out, fmt.Sprintf(`^(?:[^\n]*\n){%d}([^\n]+)\n`, said))
	dir, _, _ = strings.Cut(line, ": ")
	return dir
}

func TestRecordedCasesPassAndHoldNoSecretNorText(t *testing.T) {
	t.Parallel()
	answers := canaryAnswers()
	r := startRecording(t, func(w http.ResponseWriter, request *http.Request) {
		_, _ = io.Copy(io.Discard, request.Body)
		for _, name := range []string{"Set-Cookie", "Openai-Organization", "Request-Id", "X-Anything-Else"} {
			w.Header().Set(name, canary)
		}
		a := answers[strings.TrimPrefix(request.URL.Path, "/accounts/canary-account")]
		for name, value := range a.header {
			w.Header().Set(name, value)
		}
		_, _ = w.Write(a.body)
	})
	for path, a := range answers {
		dir := r.ask(t, path, a.asks, a.request)
		if got := readFile(t, filepath.Join(dir, usageFile)); got != a.usage {
			t.Errorf("%s of %s = %s, want %s", usageFile, path, got, a.usage)
		}
	}
	got := runIn(t, filepath.Dir(r.providers), nil, "test", r.dir)
	if want := fmt.Sprintf("%d passed, 0 failed\n", len(answers)); got.code != exitOK || !strings.HasSuffix(got.stdout, want) {
		t.Errorf("test of what was recorded = %+v, want %s", got, want)
	}
	noCanary(t, r.dir)
}

// noCanary looks into every file, and into its name.
func noCanary(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		low := strings.ToLower(path[len(dir):] + string(content))
		for _, sign := range []string{canary, "424242", "y2fuyxj5", "nhbmfye", "jyw5hcn"} { // the last three in base64, wherever it begins
			if strings.Contains(low, sign) {
				t.Errorf("%s holds %q:\n%s", path, sign, content)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// canaryAnswer is an answer full of canaries, to a request that is.
type canaryAnswer struct {
	asks, request string
	header        map[string]string
	body          []byte
	usage         string
}

func canaryAnswers() map[string]canaryAnswer {
	const asked = `{"model":"m1","metadata":{"type":"canary"},"user":"canary","messages":[{"role":"user","content":"canary \u0063anary"}],"tools":[{"name":"canary","model":"canary"}]}`
	const chat = `{"id":"canary","object":"chat.completion","model":"m1-2026","choices":[{"message":{"role":"assistant","content":"canary","tool_calls":[{"type":"function","function":{"arguments":"{\"status\":\"canary\"}"}}]}}],` +
		`"usage":{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15}}`
	const counted = "{\n \"model\": \"m1-2026\",\n \"input_tokens\": 12,\n \"output_tokens\": 3,\n \"total_tokens\": 15\n}\n"
	const sse = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"canary\",\"model\":\"claude-1\",\"usage\":{\"input_tokens\":9,\"output_tokens\":1,\"service_tier\":\"standard\"}}}\n\n" +
		": canary\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"canary\",\ndata: \"more\":\"canary\"}}\n\n" +
		"event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":7}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
	return map[string]canaryAnswer{
		"/v1/chat/completions":  {"application/json", asked, map[string]string{"Content-Type": "application/json"}, []byte(chat), counted},
		"/zip/chat/completions": {"application/json", asked, map[string]string{"Content-Type": "application/json", "Content-Encoding": "gzip"}, compress("gzip", []byte(chat)), counted},
		"/v1/messages": {"application/json", asked, map[string]string{"Content-Type": "text/event-stream"}, []byte(sse),
			"{\n \"model\": \"claude-1\",\n \"input_tokens\": 9,\n \"output_tokens\": 7,\n \"service_tier\": \"standard\"\n}\n"},
		"/v1/audio/transcriptions": {"multipart/form-data; boundary=b", canaryForm(), map[string]string{"Content-Type": "application/json"}, []byte(`{"text":"canary","duration":4.5}`),
			"{\n \"model\": \"whisper-1\",\n \"seconds\": 4.5\n}\n"},
		"/v1/audio/speech": {"application/json", asked, map[string]string{"Content-Type": "audio/mpeg"}, append(bytes.Repeat([]byte(canary), 1000), 0xff),
			"{\n \"model\": \"m1\"\n}\n"},
		"/v1/text": {"text/plain", "a canary", map[string]string{"Content-Type": "text/plain"}, []byte("a canary"), "{}\n"},
		"/model/m1/invoke-with-response-stream": {"application/json", asked, map[string]string{"Content-Type": "application/vnd.amazon.eventstream"}, canaryFrames(),
			"{\n \"model\": \"m1\",\n \"input_tokens\": 12,\n \"output_tokens\": 3\n}\n"},
	}
}

func canaryForm() string {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	_ = w.SetBoundary("b")
	_ = w.WriteField("model", "whisper-1")
	_ = w.WriteField("prompt", canary)
	file, _ := w.CreateFormFile("file", "canary.wav")
	_, _ = io.WriteString(file, strings.Repeat(canary, 1000))
	_ = w.Close()
	return b.String()
}

// canaryFrames are two frames as Bedrock sends them, with a model's JSON as base64 in each.
func canaryFrames() []byte {
	wrapped := func(json string) []byte {
		return []byte(`{"bytes":"` + base64.StdEncoding.EncodeToString([]byte(json)) + `","p":"abc"}`)
	}
	return append(eventFrame(wrapped(`{"completion":"canary"}`)),
		eventFrame(wrapped(`{"stop":"canary","amazon-bedrock-invocationMetrics":{"inputTokenCount":12,"outputTokenCount":3}}`))...)
}

func eventFrame(payload []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(framePrelude+len(payload)+frameChecksum))
	b = binary.BigEndian.AppendUint32(b, 0) // without headers
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	b = append(b, payload...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

func TestRecordKeepsTextIfAskedToAndNoSecret(t *testing.T) {
	t.Parallel()
	r := startRecording(t, func(w http.ResponseWriter, request *http.Request) {
		_, _ = io.Copy(io.Discard, request.Body)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Set-Cookie", canary)
		_, _ = io.WriteString(w, `{"model":"m2","text":"a windhover","client_secret":{"value":"canary"},"usage":{"input_tokens":1,"output_tokens":2}}`)
	}, "--keep-text")
	dir := r.ask(t, "/v1/responses", "application/json", `{"model":"m1","input":"Name a bird.","api_key":"canary"}`)
	want := "POST /accounts/removed/v1/responses?model=m1&key=removed&X-Amz-Signature=removed&removed HTTP/1.1\r\n"
	request := readFile(t, filepath.Join(dir, requestFile))
	if strings.Contains(request, canary) || !strings.Contains(request, `{"model":"m1","input":"Name a bird.","api_key":"xxxxxx"}`) {
		t.Errorf("%s = %s, want the text and no secret", requestFile, request)
	}
	if !strings.HasPrefix(request, want) {
		t.Errorf("%s = %s, want it to begin with %s", requestFile, request, want)
	}
	response := readFile(t, filepath.Join(dir, responseFile))
	if !strings.HasSuffix(response, `{"model":"m2","text":"a windhover","client_secret":{"value":"xxxxxx"},"usage":{"input_tokens":1,"output_tokens":2}}`) || strings.Contains(response, canary) {
		t.Errorf("%s = %s, want the text and no secret", responseFile, response)
	}
}

func TestRecordLeavesOutWhatTheProviderDidNotSay(t *testing.T) {
	t.Parallel()
	r := startRecording(t, func(w http.ResponseWriter, request *http.Request) {})
	for _, path := range []string{"/", "/nobody/v1/x", "/openai/..", "/lab/../v1/x"} {
		response, err := http.Get(r.address + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
	}
	r.ask(t, "/v1/x", "text/plain", "")
	if got, err := findCases(r.dir); err != nil || len(got) != 1 {
		t.Errorf("cases = %q (%v), want the one that the provider answered", got, err)
	}
}

func TestRecordWritesWhatAnAnswerWasWhenItBrokeOff(t *testing.T) {
	t.Parallel()
	r := startRecording(t, func(w http.ResponseWriter, request *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: {\"usage\":{\"prompt_tokens\":4}}\n\n")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	dir := r.ask(t, "/v1/chat/completions", "application/json", `{"model":"m1"}`)
	if got, want := readFile(t, filepath.Join(dir, usageFile)), "{\n \"model\": \"m1\",\n \"input_tokens\": 4\n}\n"; got != want {
		t.Errorf("%s = %s, want %s", usageFile, got, want)
	}
}

func TestRecordRefusesAddressesThatOthersReach(t *testing.T) {
	t.Parallel()
	want := outcome{exitUsage, "", "windhover: --listen :5501: others could reach this address, and be recorded; listen on 127.0.0.1\n"}
	if got := run(t, "record", "--provider", "openai", "--listen", ":5501", t.TempDir()); got != want {
		t.Errorf("record = %+v, want %+v", got, want)
	}
	want = outcome{exitFailed, "", "windhover: the providers file has no provider opnai; did you mean openai?\n"}
	if got := run(t, "record", "--provider", "opnai", t.TempDir()); got != want {
		t.Errorf("record = %+v, want %+v", got, want)
	}
}

func TestRedactAddressTakesNamesOfCustomers(t *testing.T) {
	t.Parallel()
	params := map[string]string{"resource": "lab", "project": "p 1", "region": "eu"}
	const address = "lab.openai.azure.com/openai/lab/labels/p%201/eu/lab"
	want := "removed.openai.azure.com/openai/removed/labels/removed/eu/lab"
	if got := redactAddress(address, params); got != strings.TrimSuffix(want, "lab")+removed {
		t.Errorf("redactAddress(%s) = %s, want %s", address, got, want)
	}
}

func TestCaseNamesAreOfWords(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/v1/chat/completions":                "chat-completions",
		"/v1/text-to-speech/JBFqnCBsd6RMkjVD": "text-to-speech",
		"/removed/v1/x":                       "x",
		"/":                                   "case",
	} {
		if got := caseName(path, http.StatusOK); got != want {
			t.Errorf("caseName(%s) = %s, want %s", path, got, want)
		}
	}
	if got, want := caseName("/a/b", http.StatusTooManyRequests), "a-b-error-429"; got != want {
		t.Errorf("caseName() = %s, want %s", got, want)
	}
}
