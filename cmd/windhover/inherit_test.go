package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// passed is a listening TCP socket to hand to another process.
func passed(t *testing.T) (file *os.File, address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	file, err = listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file, listener.Addr().String()
}

// startActivated runs the program as systemd does with socket activation. The shell is there to know the process's own id.
func startActivated(t *testing.T, names string, sockets ...*os.File) (*exec.Cmd, *buffer) {
	t.Helper()
	process := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, os.Args[0], "--providers=builtin", "--records=none")
	process.Env = []string{"TEST_RUN_MAIN=1", "LISTEN_FDS=" + strconv.Itoa(len(sockets)), "LISTEN_FDNAMES=" + names}
	process.ExtraFiles = sockets
	process.Dir = t.TempDir()
	stderr := new(buffer)
	process.Stderr = stderr
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait() // its working folder is removed next
	})
	return process, stderr
}

func TestInheritedSocketsTakeTheSettingsPlace(t *testing.T) {
	t.Parallel()
	admin, adminAddress := passed(t)
	public, publicAddress := passed(t)
	process, stderr := startActivated(t, "admin:public", admin, public)
	if got := await(t, stderr, `msg="the gateway is listening" address=(\S+)`); got != publicAddress {
		t.Errorf("the gateway is listening on %s, want %s", got, publicAddress)
	}
	if got := await(t, stderr, `msg="the admin listener is open" address=(\S+)`); got != adminAddress {
		t.Errorf("the admin listener is open on %s, want %s", got, adminAddress)
	}
	if got := statusOf(t, http.DefaultClient, "POST", "http://"+adminAddress+"/-/reload"); got != http.StatusOK {
		t.Errorf("reload = %d, want %d", got, http.StatusOK)
	}
	send(t, process, syscall.SIGTERM)
	if err := process.Wait(); err != nil {
		t.Errorf("the process ended with %v, want exit code 0:\n%s", err, stderr.String())
	}
}

func TestRestartOnAnInheritedSocketRefusesNobody(t *testing.T) {
	t.Parallel()
	socket, address := passed(t)
	first, stderr := startActivated(t, "windhover.socket", socket)
	await(t, stderr, `(the gateway is listening)`)
	send(t, first, syscall.SIGTERM)
	if err := first.Wait(); err != nil {
		t.Fatal(err)
	}
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatalf("connecting between two processes: %v, want that it waits for the next one", err)
	}
	defer connection.Close()
	_, _ = io.WriteString(connection, "GET /-/ready HTTP/1.1\r\nHost: gateway\r\n\r\n")
	startActivated(t, "windhover.socket", socket)
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("answer = %v (%v), want 200 from the next process", response, err)
	}
}

func TestInheritedSocketsAreNamedByTheirListener(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		names string
		want  string
	}{
		{"", "public, , "},
		{"windhover.socket", "public, , "},
		{"public:admin", "public, admin, "},
		{"admin:public:x", "admin, public, x"},
		{"a:b:c:d", "public, b, c"},
	} {
		var got []string
		for i := range 3 {
			got = append(got, socketName(i, strings.Split(c.names, ":")))
		}
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("names of %q = %q, want %q", c.names, text, c.want)
		}
	}
}

func TestInheritedSocketsThatCannotBeUsedAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ names, want string }{
		{"public:other", `windhover: socket 2 that systemd has passed is named "other"; name it public or admin (FileDescriptorName=)`},
		{"public:public", "windhover: systemd has passed two sockets for the public listener; there can be one"},
	} {
		a, _ := passed(t)
		b, _ := passed(t)
		process, stderr := startActivated(t, c.names, a, b)
		if err := process.Wait(); err == nil || stderr.String() != c.want+"\n" {
			t.Errorf("serve with sockets %s = %v, %s, want %s", c.names, err, stderr.String(), c.want)
		}
	}
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	process, stderr := startActivated(t, "", file)
	const want = "windhover: use socket 1 that systemd has passed: file file+net public: getsockopt: socket operation on non-socket\n"
	if err := process.Wait(); err == nil || stderr.String() != want {
		t.Errorf("serve with a file = %v, %s, want %s", err, stderr.String(), want)
	}
}

func TestSocketsOfAnotherProcessAreNotOurs(t *testing.T) {
	t.Parallel()
	for _, environ := range [][]string{nil, {"LISTEN_PID=1", "LISTEN_FDS=1"}, {"LISTEN_FDS=1"}} {
		if got, err := (program{environ: environ}).inheritSockets(); got != nil || err != nil {
			t.Errorf("inheritSockets with %q = %v, %v, want none", environ, got, err)
		}
	}
	environ := []string{"LISTEN_PID=" + strconv.Itoa(os.Getpid()), "LISTEN_FDS=one"}
	const want = `read LISTEN_FDS: strconv.Atoi: parsing "one": invalid syntax`
	if _, err := (program{environ: environ}).inheritSockets(); err == nil || err.Error() != want {
		t.Errorf("inheritSockets with %q = %v, want %s", environ, err, want)
	}
}
