package main

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"windhover"
	"windhover/config"
)

const oneProvider = "version: 1\nproviders:\n  openai: {upstream: 'https://api.openai.com'}\n"

func TestCheckSaysWhatItHasRead(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, "providers.yaml")
	writeFile(t, file, oneProvider)
	for _, args := range [][]string{{"check", file}, {"check"}, {"check", "--providers", file}} {
		got := runIn(t, folder, nil, args...)
		if got.code != exitOK || !strings.HasPrefix(got.stdout, file+": ok, 1 provider, 552 prices, revision ") || got.stderr != "" {
			t.Errorf("%q: %+v, want ok", args, got)
		}
	}
	for _, args := range [][]string{{"check", "builtin"}, {"check", "--providers", "builtin"}} {
		got := runIn(t, folder, nil, args...)
		if got.code != exitOK || !strings.HasPrefix(got.stdout, "builtin: ok, 55 providers, 552 prices, revision ") || got.stderr != "" {
			t.Errorf("%q: %+v, want ok", args, got)
		}
	}
}

func TestCheckWarnsOfAFileWithoutProviders(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "providers.yaml")
	writeFile(t, file, "version: 1\n")
	got := run(t, "check", file)
	if want := file + ": warning: there is no provider; every request would be refused\n"; got.code != exitOK || got.stderr != want || !strings.HasPrefix(got.stdout, file+": ok, 0 providers, ") {
		t.Errorf("check = %+v, want ok and %q", got, want)
	}
}

func TestCheckPrintsEveryProblem(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "bad.yaml")
	writeFile(t, file, "version: 1\nproviders:\n  openai:\n    upstraem: https://api.openai.com\n    upstream: https://api.openai.com\n    usage: opnai\nusage:\n  openai:\n    - fields: {model: 'first(\"model\")'}\n")
	got := run(t, "check", file)
	want := outcome{exitFailed, "", file + ":4:5: providers.openai: unknown key upstraem; did you mean upstream?\n" +
		file + ":6:12: providers.openai.usage: unknown rule set opnai; did you mean openai?\n"}
	if got != want {
		t.Errorf("check = %+v\nwant %+v", got, want)
	}
}

// Whoever reaches the gateway could use the credential; on loopback that is this machine alone.
func TestCheckJudgesCredentialsByTheListener(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "providers.yaml")
	writeFile(t, file, "version: 1\nproviders:\n  openai:\n    upstream: https://api.openai.com\n    request: {headers: {set: {Authorization: 'Bearer ${OPENAI_KEY:-hunter2}'}}}\n")
	for _, listen := range []string{"127.0.0.1:5501", "[::1]:5501", "localhost:5501", "unix:/run/windhover.sock"} {
		if got := run(t, "check", "--listen", listen, file); got.code != exitOK {
			t.Errorf("check --listen %s = %+v, want ok", listen, got)
		}
	}
	want := outcome{exitFailed, "", file + ":5:46: providers.openai.request.headers.set.Authorization: openai holds a credential that everybody who reaches the gateway could use; " +
		"give it access: {tokens: ['${file:PATH}']}, or listen on this machine alone, as with --listen 127.0.0.1:5501\n"}
	for _, args := range [][]string{{"check", file}, {"check", "--listen", "10.0.0.1:5501", file}, {"serve", "--providers", file, "--listen", "0.0.0.0:0"}} {
		if got := run(t, args...); got != want {
			t.Errorf("%q = %+v\nwant %+v", args, got, want)
		}
	}
}

func TestCheckWithoutSecretsTakesReferencesAsSet(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "providers.yaml")
	writeFile(t, file, "version: 1\nproviders:\n  openai:\n    upstream: https://api.openai.com/${PATH_OF_OPENAI}\n")
	if got := run(t, "check", "--no-secrets", file); got.code != exitOK {
		t.Errorf("check --no-secrets = %+v, want ok", got)
	}
	got := run(t, "check", file)
	if got.code != exitFailed || !strings.Contains(got.stderr, "PATH_OF_OPENAI is not set") {
		t.Errorf("check = %+v, want the missing variable", got)
	}
	if got := runIn(t, t.TempDir(), []string{"PATH_OF_OPENAI=v1"}, "check", file); got.code != exitOK {
		t.Errorf("check with the variable = %+v, want ok", got)
	}
}

func TestExplainPrintsWhatWouldBeSent(t *testing.T) {
	t.Parallel()
	got := run(t, "explain", "POST", "/openai/v1/chat/completions?a=b&c")
	var e struct {
		Provider, Method, URL string
		Rules                 []string
	}
	if err := json.Unmarshal([]byte(got.stdout), &e); err != nil || got.code != exitOK {
		t.Fatalf("explain = %+v (%v), want JSON", got, err)
	}
	if e.Provider != "openai" || e.Method != "POST" || e.URL != "https://api.openai.com/v1/chat/completions?a=b&c" || len(e.Rules) == 0 {
		t.Errorf("explain = %+v, want the provider, the whole URL and the rules", e)
	}
}

func TestExplainSaysWhyARequestWouldBeRefused(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/opnai/v1/chat/completions": "did you mean openai?",
		"/health":                    "/health is a page of the gateway's own and leads to no provider",
		"/":                          "/ is a page of the gateway's own and leads to no provider",
	} {
		got := run(t, "explain", "POST", path)
		if got.code != exitFailed || got.stdout != "" || !strings.Contains(got.stderr, want) {
			t.Errorf("explain of %s = %+v, want %q", path, got, want)
		}
	}
}

func TestSchemaIsTheShippedOne(t *testing.T) {
	t.Parallel()
	if got := run(t, "schema"); got != (outcome{exitOK, string(windhover.Schema), ""}) {
		t.Errorf("schema = %+v, want the embedded schema", got)
	}
}

func TestVersionSaysWhatItWasBuiltFrom(t *testing.T) {
	t.Parallel()
	if got := run(t, "version"); got.code != exitOK || !strings.HasPrefix(got.stdout, "windhover ") {
		t.Errorf("version = %+v, want a line", got)
	}
	for want, info := range map[string]*debug.BuildInfo{
		"windhover v1.2.0, go1.26": {GoVersion: "go1.26", Main: debug.Module{Version: "v1.2.0"}},
		"windhover (development), commit abc, modified, go1.26": {
			GoVersion: "go1.26",
			Main:      debug.Module{Version: "(devel)"},
			Settings:  []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"}},
		},
	} {
		if got := versionLine(info); got != want {
			t.Errorf("versionLine() = %q, want %q", got, want)
		}
	}
}

func TestHealthAsksTheListenAddress(t *testing.T) {
	t.Parallel()
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/-/ready" {
			t.Errorf("path = %q, want /-/ready", r.URL.Path)
		}
		w.WriteHeader(status)
	}))
	defer server.Close()
	address := server.Listener.Addr().String()
	environ := []string{"WINDHOVER_LISTEN=" + address, "HTTP_PROXY=http://127.0.0.1:1"}

	if got := runIn(t, t.TempDir(), environ, "health"); got != (outcome{exitOK, "ready\n", ""}) {
		t.Errorf("health = %+v, want ready", got)
	}
	status = http.StatusServiceUnavailable
	want := outcome{exitFailed, "", "windhover: the gateway on " + address + " is not ready: 503 Service Unavailable\n"}
	if got := runIn(t, t.TempDir(), environ, "health"); got != want {
		t.Errorf("health while draining = %+v, want %+v", got, want)
	}
	server.Close()
	if got := runIn(t, t.TempDir(), environ, "health"); got.code != exitFailed || !strings.Contains(got.stderr, "connection refused") {
		t.Errorf("health without a gateway = %+v, want a refused connection", got)
	}
}

func TestReachableReplacesWhatStandsForEveryInterface(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]string{
		":5501":          "127.0.0.1:5501",
		"0.0.0.0:5501":   "127.0.0.1:5501",
		"[::]:5501":      "[::1]:5501",
		"10.0.0.1:5501":  "10.0.0.1:5501",
		"localhost:5501": "localhost:5501",
		"[fe80::1]:5501": "[fe80::1]:5501",
	} {
		if got := reachable(listen); got != want {
			t.Errorf("reachable(%q) = %q, want %q", listen, got, want)
		}
	}
}

func TestClientAddressIsWhatAClientOnThisMachineWrites(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		network, address string
		settings         config.Settings
		want             string
	}{
		{"tcp", "127.0.0.1:0", config.Settings{}, "http://127.0.0.1:PORT"},
		{"tcp", ":0", config.Settings{}, "http://localhost:PORT"},
		{"tcp", "0.0.0.0:0", config.Settings{TLSCert: "tls.crt"}, "https://localhost:PORT"},
		{"tcp", "127.0.0.1:0", config.Settings{PublicURL: "https://ai.example.com/llm"}, "https://ai.example.com/llm"},
		{"unix", socketPath(t), config.Settings{}, "unix:PATH"},
	} {
		listener, err := net.Listen(c.network, c.address)
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		_, port, _ := net.SplitHostPort(listener.Addr().String())
		want := strings.NewReplacer("PORT", port, "PATH", c.address).Replace(c.want)
		if got := clientAddress(c.settings, listener); got != want {
			t.Errorf("clientAddress(%+v) on %s = %s, want %s", c.settings, c.address, got, want)
		}
	}
}

func TestCheckAdminRefusesWhatOthersCanReach(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		address        string
		hasToken, open bool
		refused        bool
	}{
		{"", false, false, false},
		{"127.0.0.1:5502", false, false, false},
		{"[::1]:5502", false, false, false},
		{"localhost:5502", false, false, false},
		{":5502", false, false, true},
		{"0.0.0.0:5502", false, false, true},
		{"10.0.0.1:5502", false, false, true},
		{"gateway.internal:5502", false, false, true},
		{"unix:/run/windhover-admin.sock", false, false, false},
		{":5502", true, false, false},
		{":5502", false, true, false},
	} {
		if err := checkAdmin(c.address, c.hasToken, c.open); (err != nil) != c.refused {
			t.Errorf("checkAdmin(%q, %v, %v) = %v, want refused: %v", c.address, c.hasToken, c.open, err, c.refused)
		}
	}
}

func TestColourIsForTerminalsOnly(t *testing.T) {
	t.Parallel()
	if got := (program{}).red("FAIL"); got != "FAIL" {
		t.Errorf("red without colour = %q, want %q", got, "FAIL")
	}
	if got, want := (program{colour: true}).red("FAIL"), "\x1b[31mFAIL\x1b[0m"; got != want {
		t.Errorf("red = %q, want %q", got, want)
	}
}

// busyAddress is an address that is taken as long as the test runs, or until free is called.
func busyAddress(t *testing.T) (address string, free func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String(), func() { listener.Close() }
}
