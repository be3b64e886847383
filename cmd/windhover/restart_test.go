package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// startOnSocket runs the program on an inherited socket, with the providers file and the records file of a folder.
func startOnSocket(t *testing.T, folder, records string, socket *os.File) *exec.Cmd {
	t.Helper()
	process := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, os.Args[0],
		"--providers="+filepath.Join(folder, "providers.yaml"), "--records="+records, "--admin=off")
	process.Env = []string{"TEST_RUN_MAIN=1", "LISTEN_FDS=1"}
	process.ExtraFiles = []*os.File{socket}
	process.Dir = folder
	stderr := new(buffer)
	process.Stderr = stderr
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = process.Process.Kill() })
	await(t, stderr, `(the gateway is listening)`)
	return process
}

// Each new process serves beside the old one, on the same socket, before the old one is told to stop: no client sees it.
func TestRestartUnderLoadFailsNoRequest(t *testing.T) {
	t.Parallel()
	folder := provider(t, func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(2 * time.Millisecond)
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, sseAnswer)
	})
	socket, address := passed(t)
	var processes []*exec.Cmd
	begin := func(generation int) {
		processes = append(processes, startOnSocket(t, folder, filepath.Join(folder, "records-"+strconv.Itoa(generation)), socket))
	}
	begin(0)

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	ctx, stop := context.WithCancel(t.Context())
	var asked, failed atomic.Int64
	var load sync.WaitGroup
	for range 8 {
		load.Go(func() {
			for ctx.Err() == nil {
				asked.Add(1)
				response, err := client.Post("http://"+address+"/openai/v1/chat/completions", "application/json", strings.NewReader(`{"stream":true}`))
				if err != nil {
					failed.Add(1)
					t.Errorf("request %d: %v", asked.Load(), err)
					continue
				}
				body, err := io.ReadAll(response.Body)
				response.Body.Close()
				if err != nil || response.StatusCode != http.StatusOK || string(body) != sseAnswer {
					failed.Add(1)
					t.Errorf("request %d: %d %q (%v)", asked.Load(), response.StatusCode, body, err)
				}
			}
		})
	}
	const restarts = 3
	for generation := 1; generation <= restarts; generation++ {
		before := asked.Load()
		for deadline := time.Now().Add(20 * time.Second); asked.Load() < before+100 && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		begin(generation)
		old := processes[generation-1]
		send(t, old, syscall.SIGTERM)
		if err := old.Wait(); err != nil {
			t.Errorf("process %d ended with %v", generation-1, err)
		}
	}
	stop()
	load.Wait()
	send(t, processes[restarts], syscall.SIGTERM)
	if err := processes[restarts].Wait(); err != nil {
		t.Errorf("the last process ended with %v", err)
	}
	recorded := 0
	for generation := range processes {
		recorded += strings.Count(readFile(t, filepath.Join(folder, "records-"+strconv.Itoa(generation))), `"end":"complete"`)
	}
	if int64(recorded) != asked.Load() || asked.Load() < 100*restarts {
		t.Errorf("%d requests, %d records, %d failures over %d restarts", asked.Load(), recorded, failed.Load(), restarts)
	}
	t.Logf("%d requests over %d restarts, %d failed", asked.Load(), restarts, failed.Load())
}
