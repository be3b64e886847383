package main

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// socketPath is a path short enough for a socket, which the folder of a test with a long name may not be.
func socketPath(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "windhover")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	return filepath.Join(folder, "s")
}

// through is a client whose every connection is to the socket.
func through(t *testing.T, path string) *http.Client {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func statusOf(t *testing.T, client *http.Client, method, url string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

func TestServeListensOnASocketAndRemovesItAtTheEnd(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	folder := provider(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	g := start(t, folder, "--listen=unix:"+path, "--admin=off")
	if g.address != "unix:"+path {
		t.Errorf("address = %s, want unix:%s", g.address, path)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != socketMode {
		t.Errorf("mode of the socket = %v (%v), want %o", info.Mode(), err, socketMode)
	}
	if got := statusOf(t, through(t, path), "POST", "http://gateway/openai/v1/chat/completions"); got != http.StatusTeapot {
		t.Errorf("status = %d, want the provider's %d", got, http.StatusTeapot)
	}
	if got := run(t, "health", "--listen=unix:"+path); got != (outcome{exitOK, "ready\n", ""}) {
		t.Errorf("health = %+v, want ready", got)
	}
	g.stop()
	g.exit(t)
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the socket after the end: %v, want that it is gone", err)
	}
	if got := g.stdout.String(); strings.Contains(got, `"client"`) {
		t.Errorf("record = %s, want no client: a socket's peer has no address", got)
	}
}

func TestAdminSocketNeedsNoToken(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	g := start(t, t.TempDir(), "--admin=unix:"+path)
	if got := g.logged(t, `msg="the admin listener is open" address=(\S+)`); got != "unix:"+path {
		t.Errorf("admin address = %s, want unix:%s", got, path)
	}
	if got := statusOf(t, through(t, path), "POST", "http://localhost/-/reload"); got != http.StatusOK {
		t.Errorf("reload = %d, want %d", got, http.StatusOK)
	}
}

func TestAbandonedSocketIsReplaced(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	killed, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	killed.SetUnlinkOnClose(false)
	killed.Close()
	listener, err := listenUnix(t.Context(), path)
	if err != nil {
		t.Fatalf("listenUnix() = %v, want the socket in place of the abandoned one", err)
	}
	listener.Close()
}

func TestSocketInUseIsLeftAlone(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	other, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	got := run(t, "--listen=unix:"+path, "--admin=off", "--providers=builtin")
	want := outcome{exitFailed, "", "windhover: listen on unix:" + path + ": the address is in use by another program; stop that, or choose another with --listen\n"}
	if got != want {
		t.Errorf("serve = %+v, want %+v", got, want)
	}
	connection, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("the other program's socket: %v, want that it still listens", err)
	}
	connection.Close()
}

func TestFileInASocketsPlaceIsLeftAlone(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	writeFile(t, path, "mine")
	got := run(t, "--listen=unix:"+path, "--admin=off", "--providers=builtin")
	want := outcome{exitFailed, "", "windhover: listen: " + path + " is a file and no socket; remove it, or choose another path\n"}
	if got != want {
		t.Errorf("serve = %+v, want %+v", got, want)
	}
	if got := readFile(t, path); got != "mine" {
		t.Errorf("the file = %q, want it as it was", got)
	}
}
