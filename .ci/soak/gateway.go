package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// gateway is a running one.
type gateway struct {
	url, admin string
	folder     string
	upstream   string
	process    *exec.Cmd
	reloads    int
}

// startGateway runs the program before the upstream.
func startGateway(binary, upstream string) (*gateway, error) {
	folder, err := os.MkdirTemp("", "soak")
	if err != nil {
		return nil, err
	}
	g := &gateway{folder: folder, upstream: upstream}
	if err := g.writeProviders(); err != nil {
		return nil, err
	}
	g.process = exec.Command(binary, "--listen=127.0.0.1:0", "--admin=127.0.0.1:0", "--providers="+g.providers(), "--records="+filepath.Join(folder, "records"))
	g.process.Dir = folder
	log, err := g.process.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := g.process.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(log)
	for (g.url == "" || g.admin == "") && lines.Scan() {
		line := lines.Text()
		if found := regexp.MustCompile(`msg="the gateway is listening" address=(\S+)`).FindStringSubmatch(line); found != nil {
			g.url = "http://" + found[1]
		}
		if found := regexp.MustCompile(`msg="the admin listener is open" address=(\S+)`).FindStringSubmatch(line); found != nil {
			g.admin = "http://" + found[1]
		}
	}
	if g.admin == "" {
		return nil, fmt.Errorf("the gateway does not start: %v", g.process.Wait())
	}
	go func() { _, _ = io.Copy(io.Discard, log) }()
	return g, nil
}

func (g *gateway) providers() string { return filepath.Join(g.folder, "providers.yaml") }

// writeProviders writes a file that differs from the one before.
func (g *gateway) writeProviders() error {
	text := "version: 1\nextends: builtin\ndefaults: {timeouts: {idle_connection: 5s}}\nproviders:\n  soak:\n    upstream: " + g.upstream +
		"\n    usage: openai\n    request: {headers: {set: {X-Generation: '" + strconv.Itoa(g.reloads) + "'}}}\n"
	return os.WriteFile(g.providers(), []byte(text), 0o600)
}

// reloadEachSecond changes the file and has it loaded.
func (g *gateway) reloadEachSecond(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		g.reloads++
		if err := g.writeProviders(); err != nil {
			panic(err)
		}
		if res, err := http.Post(g.admin+"/-/reload", "", nil); err == nil {
			res.Body.Close()
		}
	}
}

// goroutines is how many the gateway has.
func (g *gateway) goroutines() (int, error) {
	res, err := http.Get(g.admin + "/metrics")
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	found := regexp.MustCompile(`(?m)^go_goroutines (\d+)`).FindSubmatch(text)
	if found == nil {
		return 0, fmt.Errorf("/metrics has no go_goroutines")
	}
	return strconv.Atoi(string(found[1]))
}

// settle waits until the gateway has let go of what it can, and says how many goroutines are left.
func (g *gateway) settle(baseline int) (n int, err error) {
	for deadline := time.Now().Add(40 * time.Second); time.Now().Before(deadline); time.Sleep(time.Second) {
		if n, err = g.goroutines(); err != nil || n <= baseline+slack {
			return n, err
		}
	}
	return n, nil
}

// stop ends the gateway in order, and counts its records. Each must be JSON, and none may be there twice.
func (g *gateway) stop() (records, checked int, err error) {
	if err := g.process.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, 0, err
	}
	if err := g.process.Wait(); err != nil {
		return 0, 0, fmt.Errorf("the gateway ended with %w", err)
	}
	text, err := os.ReadFile(filepath.Join(g.folder, "records"))
	if err != nil {
		return 0, 0, err
	}
	seen := map[string]bool{}
	for line := range bytes.Lines(text) {
		var record struct {
			ID    string
			Final bool
		}
		if err := json.Unmarshal(line, &record); err != nil || seen[record.ID] {
			return 0, 0, fmt.Errorf("record %q (%v) is broken, or there twice", line, err)
		}
		seen[record.ID] = true
		if record.Final {
			records++
		}
	}
	return records, len(seen), nil
}

func (g *gateway) kill() {
	_ = g.process.Process.Kill()
	_ = os.RemoveAll(g.folder)
}

// sample is the memory of the gateway at a time.
type sample struct {
	at  time.Duration
	mib float64
}

// watchMemory looks at the gateway's memory each second until ctx ends.
func (g *gateway) watchMemory(ctx context.Context) []sample {
	var samples []sample
	began := time.Now()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var once sync.Once
	for {
		select {
		case <-ctx.Done():
			return samples
		case <-tick.C:
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.process.Process.Pid))
		if err != nil {
			once.Do(func() { fmt.Fprintln(os.Stderr, "soak: no memory is read:", err) })
			continue
		}
		for line := range strings.Lines(string(status)) {
			var kib float64
			if n, _ := fmt.Sscanf(line, "VmRSS: %f kB", &kib); n == 1 {
				samples = append(samples, sample{time.Since(began), kib / 1024})
			}
		}
	}
}

// trend is the middle of the second and of the last third of the samples, and the slope between them in MiB a minute: the first
// third is when the load comes.
func trend(samples []sample) (first, last, slope float64) {
	n := len(samples) / 3
	if n == 0 {
		return 0, 0, 0
	}
	mean := func(part []sample) (mib, minutes float64) {
		for _, s := range part {
			mib += s.mib / float64(len(part))
			minutes += s.at.Minutes() / float64(len(part))
		}
		return mib, minutes
	}
	first, from := mean(samples[n : 2*n])
	last, to := mean(samples[2*n:])
	return first, last, (last - first) / (to - from)
}
