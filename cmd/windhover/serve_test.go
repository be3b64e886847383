package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"windhover/config"
)

const sseAnswer = "data: {\"model\":\"gpt-5\",\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n" +
	"data: {\"model\":\"gpt-5\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,\"total_tokens\":11}}\n\n" +
	"data: [DONE]\n\n"

// provider serves f as an upstream, and writes a providers.yaml that calls it openai and anthropic to a new working folder.
func provider(t *testing.T, f http.HandlerFunc) (folder string) {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	folder = t.TempDir()
	writeFile(t, filepath.Join(folder, "providers.yaml"), providersAt(server.URL))
	return folder
}

func providersAt(upstream string) string {
	return "version: 1\nextends: builtin\nproviders:\n" +
		"  openai: {upstream: '" + upstream + "', usage: openai}\n" +
		"  anthropic: {upstream: '" + upstream + "', usage: [openai, anthropic]}\n"
}

// ask posts to the gateway; the caller reads the answer.
func ask(t *testing.T, address string) *http.Response {
	t.Helper()
	response, err := http.Post("http://"+address+"/openai/v1/chat/completions", "application/json", strings.NewReader(`{"model":"gpt-5","stream":true}`))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return response
}

// held answers with the first half of a stream, and with the rest when release is called.
func held(t *testing.T) (folder string, release func()) {
	t.Helper()
	gate := make(chan struct{})
	folder = provider(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, sseAnswer[:20])
		w.(http.Flusher).Flush()
		select {
		case <-gate:
			_, _ = io.WriteString(w, sseAnswer[20:])
		case <-r.Context().Done():
		}
	})
	return folder, func() { close(gate) }
}

func TestServeStreamsAnAnswerAndWritesItsRecord(t *testing.T) {
	t.Parallel()
	g := start(t, provider(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, sseAnswer)
	}))
	body, err := io.ReadAll(ask(t, g.address).Body)
	if err != nil || string(body) != sseAnswer {
		t.Errorf("body = %q (%v), want %q", body, err, sseAnswer)
	}
	line := await(t, g.stdout, `(\{.*\})\n`)
	var record struct {
		Provider, Model, End string
		UsageState           string `json:"usage_state"`
		Input                int    `json:"input_tokens"`
		Output               int    `json:"output_tokens"`
	}
	if err := json.Unmarshal([]byte(line), &record); err != nil {
		t.Fatalf("record %s: %v", line, err)
	}
	if got, want := fmt.Sprint(record), "{openai gpt-5 complete reported 9 2}"; got != want {
		t.Errorf("record = %s, want %s", got, want)
	}
}

func TestServeSpeaksHTTP2WithoutTLS(t *testing.T) {
	t.Parallel()
	g := start(t, t.TempDir())
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	client := http.Client{Transport: &http.Transport{Protocols: protocols}}
	defer client.CloseIdleConnections()
	response, err := client.Get("http://" + g.address + "/providers")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.ProtoMajor != 2 || response.StatusCode != http.StatusOK {
		t.Errorf("answer = %s %s, want HTTP/2.0 200 OK", response.Proto, response.Status)
	}
}

func TestServeRefusesABrokenFileWithEveryProblem(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "providers.yaml")
	writeFile(t, file, "version: 1\nproviders:\n  a: {upstream: 'https://a.example', usage: none}\n  b: {upstraem: 'https://b.example'}\n")
	got := run(t, "--listen=127.0.0.1:0", "--admin=off", "--providers", file)
	if got.code != exitFailed || strings.Count(got.stderr, file+":") != 2 || strings.Contains(got.stderr, "listening") {
		t.Errorf("serve = %+v, want both problems and nothing else", got)
	}
}

func TestServeSaysThatItsAddressIsTaken(t *testing.T) {
	t.Parallel()
	address, _ := busyAddress(t)
	got := run(t, "--listen", address, "--admin=off", "--providers=builtin")
	want := outcome{exitFailed, "", "windhover: listen on " + address + ": the address is in use by another program; stop that, or choose another with --listen\n"}
	if got != want {
		t.Errorf("serve = %+v, want %+v", got, want)
	}
}

func TestServeWaitsForABusyAdminAddressAndServesMeanwhile(t *testing.T) {
	t.Parallel()
	address, free := busyAddress(t)
	g := start(t, t.TempDir(), "--admin="+address)
	g.logged(t, `(cannot open the admin listener)`)
	if err := askReady(t.Context(), config.Settings{Listen: g.address}); err != nil {
		t.Errorf("askReady() = %v, want nil while the admin address is busy", err)
	}
	free()
	if got := g.logged(t, `msg="the admin listener is open" address=(\S+)`); got != address {
		t.Errorf("the admin listener is open on %s, want %s", got, address)
	}
	if n := strings.Count(g.stderr.String(), "cannot open the admin listener"); n != 1 {
		t.Errorf("the busy address is logged %d times, want once", n)
	}
}

func TestServeReloadsWhenTheFileChanges(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, "providers.yaml")
	writeFile(t, file, oneProvider)
	g := start(t, folder)
	writeFile(t, file, strings.Replace(oneProvider, "openai:", "renamed:", 1))
	g.logged(t, `(providers reloaded)`)
	if got, want := get(t, g.address, "/providers"), `["renamed"]`; !strings.Contains(got, want) {
		t.Errorf("/providers = %s, want %s", got, want)
	}
	writeFile(t, file, "version: 2\n")
	g.logged(t, `(reload failed)`)
	if got, want := get(t, g.address, "/providers"), `["renamed"]`; !strings.Contains(got, want) {
		t.Errorf("/providers after a broken edit = %s, want the last good ones: %s", got, want)
	}
}

func TestServeReloadsOnDemand(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, "providers.yaml")
	writeFile(t, file, oneProvider)
	g := start(t, folder)
	writeFile(t, file, strings.Replace(oneProvider, "openai:", "renamed:", 1))
	response, err := http.Post("http://"+g.admin+"/-/reload", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("reload = %s, want 200", response.Status)
	}
	if got, want := get(t, g.address, "/providers"), `["renamed"]`; !strings.Contains(got, want) {
		t.Errorf("/providers = %s, want %s", got, want)
	}
}

func get(t *testing.T, address, path string) string {
	t.Helper()
	response, err := http.Get("http://" + address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestServeLetsOpenExchangesFinishBeforeItEnds(t *testing.T) {
	t.Parallel()
	folder, release := held(t)
	g := start(t, folder)
	response := ask(t, g.address)
	g.stop()
	g.logged(t, `(shutting down)`)
	awaitRefused(t, g.address)
	release()
	body, err := io.ReadAll(response.Body)
	if err != nil || string(body) != sseAnswer {
		t.Errorf("body = %q (%v), want the whole answer", body, err)
	}
	if code := g.exit(t); code != exitOK {
		t.Errorf("exit code = %d, want %d", code, exitOK)
	}
	if got := g.stdout.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, `"end":"complete"`) {
		t.Errorf("records = %q, want one that is complete", got)
	}
}

func TestServeAcceptsConnectionsUntilTheDelayIsOver(t *testing.T) {
	t.Parallel()
	folder := provider(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	process, stderr, address := startProcess(t, folder, io.Discard, "--drain-delay=1h")
	send(t, process, syscall.SIGTERM)
	await(t, stderr, `(shutting down)`)
	awaitStatus(t, "http://"+address+"/-/ready", http.StatusServiceUnavailable)
	if got := ask(t, address).StatusCode; got != http.StatusTeapot {
		t.Errorf("status = %d, want the provider's %d while the gateway is not ready", got, http.StatusTeapot)
	}
	send(t, process, syscall.SIGTERM)
	if err := process.Wait(); err != nil {
		t.Errorf("the process ended with %v, want that a second signal ends the delay:\n%s", err, stderr.String())
	}
}

// awaitStatus waits until the URL, on a new connection each time, answers with the status.
func awaitStatus(t *testing.T, url string, want int) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	got := 0
	for deadline := time.Now().Add(20 * time.Second); got != want && time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		got = statusOf(t, client, http.MethodGet, url)
	}
	if got != want {
		t.Errorf("GET %s = %d, want %d", url, got, want)
	}
}

// awaitRefused waits until nobody listens there any more.
func awaitRefused(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		connection, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		connection.Close()
	}
	t.Fatalf("%s still accepts connections", address)
}

func TestServeEndsWhatDoesNotFinishInTimeAsShutdown(t *testing.T) {
	t.Parallel()
	folder, _ := held(t)
	g := start(t, folder, "--drain-timeout=50ms")
	response := ask(t, g.address)
	g.stop()
	if _, err := io.ReadAll(response.Body); err == nil {
		t.Error("the answer ended cleanly, want a broken one")
	}
	if code := g.exit(t); code != exitOK {
		t.Errorf("exit code = %d, want %d", code, exitOK)
	}
	if got := g.stdout.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, `"end":"shutdown"`) {
		t.Errorf("records = %q, want one that ended as shutdown", got)
	}
}

// startProcess runs the program as a process of its own, on a free port and without admin listener.
func startProcess(t *testing.T, folder string, stdout io.Writer, args ...string) (process *exec.Cmd, stderr *buffer, address string) {
	t.Helper()
	process = exec.Command(os.Args[0], append([]string{"--listen=127.0.0.1:0", "--admin=off"}, args...)...)
	process.Env = []string{"TEST_RUN_MAIN=1"}
	process.Dir = folder
	stderr = new(buffer)
	process.Stdout, process.Stderr = stdout, stderr
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait() // its working folder is removed next
	})
	return process, stderr, await(t, stderr, `msg="the gateway is listening" address=(\S+)`)
}

func TestSecondSignalEndsOpenExchanges(t *testing.T) {
	t.Parallel()
	folder, _ := held(t)
	var stdout buffer
	process, stderr, address := startProcess(t, folder, &stdout)
	ask(t, address)
	send(t, process, syscall.SIGTERM)
	await(t, stderr, `(shutting down)`)
	send(t, process, syscall.SIGTERM)
	if err := process.Wait(); err != nil {
		t.Errorf("the process ended with %v, want exit code 0:\n%s", err, stderr.String())
	}
	if got := stdout.String(); !strings.Contains(got, `"end":"shutdown"`) {
		t.Errorf("records = %q, want one that ended as shutdown", got)
	}
}

func TestHangupReloadsAndReopensRecords(t *testing.T) {
	t.Parallel()
	folder := provider(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
	file, records := filepath.Join(folder, "providers.yaml"), filepath.Join(folder, "records")
	process, stderr, address := startProcess(t, folder, io.Discard, "--records="+records)
	if err := os.Rename(records, records+".1"); err != nil {
		t.Fatal(err)
	}
	writeFile(t, file, readFile(t, file)+"  added: {upstream: 'https://added.example'}\n")
	send(t, process, syscall.SIGHUP)
	await(t, stderr, `(providers reloaded)`)
	if got := get(t, address, "/providers"); !strings.Contains(got, `"added"`) {
		t.Errorf("/providers = %s, want the added one", got)
	}
	ask(t, address)
	send(t, process, syscall.SIGTERM)
	if err := process.Wait(); err != nil {
		t.Errorf("the process ended with %v, want exit code 0", err)
	}
	if got := readFile(t, records); strings.Count(got, "\n") != 1 {
		t.Errorf("the new records file holds %q, want one record", got)
	}
}

func TestClosedRecordsPipeDoesNotEndTheGateway(t *testing.T) {
	t.Parallel()
	folder := provider(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	process, stderr, address := startProcess(t, folder, writer)
	writer.Close()
	reader.Close()
	for range 3 {
		ask(t, address)
	}
	send(t, process, syscall.SIGTERM)
	if err := process.Wait(); err != nil {
		t.Errorf("the process ended with %v, want exit code 0", err)
	}
	if got := stderr.String(); !strings.Contains(got, "records were lost") || !strings.Contains(got, "lost=3") {
		t.Errorf("the log holds no word of 3 lost records:\n%s", got)
	}
}

func TestOutputIsPlainWhereNoTerminalIs(t *testing.T) {
	t.Parallel()
	process := exec.Command(os.Args[0], "check", "builtin")
	process.Env = []string{"TEST_RUN_MAIN=1"}
	out, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	if err := process.Wait(); err != nil || strings.Contains(line, "\x1b") {
		t.Errorf("check through a pipe = %q (%v), want no escape sequence", line, err)
	}
}

func send(t *testing.T, process *exec.Cmd, s syscall.Signal) {
	t.Helper()
	if err := process.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}
