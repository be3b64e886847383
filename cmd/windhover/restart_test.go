package main

import (
	"context"
	"encoding/json"
	"fmt"
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

	"github.com/coder/websocket"
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

// Streams of all lengths and WebSockets are open when the process is told to stop: what can finish in time does, what cannot is
// told so, and each has its record.
func TestStopUnderLoadFinishesOrTellsEveryone(t *testing.T) {
	t.Parallel()
	const streams, sockets = 200, 20
	upstream := http.NewServeMux()
	upstream.HandleFunc("/socket", func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		_ = c.Write(r.Context(), websocket.MessageText, []byte("hello"))
		_, _, _ = c.Read(context.Background())
	})
	upstream.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		lasts, _ := time.ParseDuration(r.URL.Query().Get("lasts"))
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, sseAnswer[:20])
		w.(http.Flusher).Flush()
		select {
		case <-time.After(lasts):
			_, _ = io.WriteString(w, sseAnswer[20:])
		case <-r.Context().Done():
		}
	})
	folder := provider(t, upstream.ServeHTTP)
	records := filepath.Join(folder, "records")
	process, stderr, address := startProcess(t, folder, io.Discard, "--records="+records, "--drain-timeout=4s")

	outcomes := make(chan string, streams+sockets)
	var begun sync.WaitGroup
	begun.Add(streams + sockets)
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 0}}
	for i := range streams {
		go func() {
			lasts := 500*time.Millisecond + time.Duration(i)*10*time.Millisecond // up to 2.5 s
			late := i%10 == 0
			if late {
				lasts = time.Minute
			}
			response, err := client.Post("http://"+address+"/openai/v1/chat/completions?lasts="+lasts.String(), "application/json", strings.NewReader(`{"stream":true}`))
			begun.Done()
			if err != nil {
				outcomes <- err.Error()
				return
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			switch {
			case late && err != nil:
				outcomes <- "told"
			case !late && err == nil && string(body) == sseAnswer:
				outcomes <- "finished"
			default:
				outcomes <- fmt.Sprintf("stream of %v: %q (%v)", lasts, body, err)
			}
		}()
	}
	for range sockets {
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			c, _, err := websocket.Dial(ctx, "ws://"+address+"/openai/socket", nil)
			if err == nil {
				_, _, err = c.Read(ctx)
			}
			begun.Done()
			if err != nil {
				outcomes <- err.Error()
				return
			}
			_, _, err = c.Read(ctx)
			if websocket.CloseStatus(err) == websocket.StatusGoingAway {
				outcomes <- "told"
				return
			}
			outcomes <- fmt.Sprint("WebSocket: ", err)
		}()
	}
	begun.Wait()
	send(t, process, syscall.SIGTERM)
	await(t, stderr, `(shutting down)`)
	counts := map[string]int{}
	for range streams + sockets {
		counts[<-outcomes]++
	}
	if err := process.Wait(); err != nil {
		t.Errorf("the process ended with %v, want exit code 0", err)
	}
	if counts["finished"] != streams*9/10 || counts["told"] != streams/10+sockets {
		t.Errorf("outcomes = %v, want %d finished, %d told", counts, streams*9/10, streams/10+sockets)
	}
	ends := map[string]int{}
	for line := range strings.Lines(readFile(t, records)) {
		var record struct {
			End        string
			Checkpoint bool
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatal(err)
		}
		ends[record.End]++
	}
	if ends["complete"] != streams*9/10 || ends["shutdown"] != streams/10+sockets || len(ends) != 2 {
		t.Errorf("records = %v, want %d complete, %d shutdown", ends, streams*9/10, streams/10+sockets)
	}
}
