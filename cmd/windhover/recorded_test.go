package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"windhover/gateway/usage"
)

// recordedFolders hold cases: the project's own, and the folder of recordings where there is one.
func recordedFolders() []string {
	folders := []string{filepath.Join("..", "..", "testdata", "replay")}
	if recordings := os.Getenv("WINDHOVER_RECORDINGS"); recordings != "" {
		folders = append(folders, recordings)
	}
	return folders
}

// Recorded answers come from a local upstream through the whole gateway: the client gets the recorded bytes, and the
// record says what the answer used.
func TestServeMetersRecordedAnswers(t *testing.T) {
	t.Parallel()
	g := start(t, provider(t, answerRecorded))
	for _, folder := range recordedFolders() {
		for _, name := range []string{"openai", "anthropic"} {
			cases, err := findCases(filepath.Join(folder, name))
			if err != nil {
				t.Fatal(err)
			}
			for _, dir := range cases {
				g.meterRecorded(t, name, dir)
			}
		}
	}
}

// answerRecorded answers as the case that the request's X-Case names.
func answerRecorded(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	m, err := readMessage(filepath.Join(r.Header.Get("X-Case"), responseFile))
	if err != nil {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	for key, values := range m.header {
		switch key {
		case "Connection", "Content-Length", "Transfer-Encoding", "Keep-Alive":
		default:
			w.Header()[key] = values
		}
	}
	status, _ := m.status()
	w.WriteHeader(status)
	_, _ = w.Write(m.body)
}

func (g *gatewayProcess) meterRecorded(t *testing.T, provider, dir string) {
	t.Helper()
	request, err := readMessage(filepath.Join(dir, requestFile))
	if err != nil {
		t.Fatal(err)
	}
	recorded, err := readMessage(filepath.Join(dir, responseFile))
	if err != nil {
		t.Fatal(err)
	}
	want, err := readExpected(filepath.Join(dir, usageFile))
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := recorded.status(); status == http.StatusSwitchingProtocols {
		return // a session, not an answer
	}
	id, body := g.sendRecorded(t, provider, dir, request)
	if !bytes.Equal(body, recorded.body) {
		t.Errorf("%s: %d bytes arrived, want the recorded %d", dir, len(body), len(recorded.body))
	}
	record := g.record(t, id)
	for field := usage.Field(0); field <= usage.ResponseID; field++ {
		value, listed := want[field]
		if got := record[field.String()]; (listed || counted(field)) && !same(got, value) {
			t.Errorf("%s: %s = %s in the record, want %s", dir, field, show(got), show(value))
		}
	}
}

// sendRecorded sends a recorded request through the gateway, and returns the request's id and the answer's body.
func (g *gatewayProcess) sendRecorded(t *testing.T, provider, dir string, request message) (id string, body []byte) {
	t.Helper()
	method, _, target, err := request.request()
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest(method, "http://"+g.address+"/"+provider+target, bytes.NewReader(request.body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Case", dir)
	r.Header.Set("Content-Type", request.header.Get("Content-Type"))
	response, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	if err != nil {
		t.Errorf("%s: read the answer: %v", dir, err)
	}
	return response.Header.Get("X-Windhover-Request-Id"), body
}

// record waits for the record of a request.
func (g *gatewayProcess) record(t *testing.T, id string) map[string]any {
	t.Helper()
	line := await(t, g.stdout, `(\{[^\n]*"request_id":"`+id+`".*\})\n`)
	decoder := json.NewDecoder(strings.NewReader(line))
	decoder.UseNumber()
	var record map[string]any
	if err := decoder.Decode(&record); err != nil {
		t.Fatalf("record %s: %v", line, err)
	}
	return record
}
