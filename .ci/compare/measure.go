package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// scenario is one kind of load.
type scenario struct {
	name    string
	query   string
	clients int
	rate    int // requests a second in all; 0: each client asks again as soon as it has its answer
	pieces  bool
	streams bool // every client holds one stream open, and what passes is counted
	apart   bool // only where it is asked for by name
}

func scenarios() []scenario {
	return []scenario{
		{name: "1KB", query: "size=1024", clients: 32},
		{name: "16KB", query: "size=16384", clients: 32},
		{name: "1MB", query: "size=1048576", clients: 8},
		{name: "events", query: "events=100", clients: 16, pieces: true},
		{name: "500/s", query: "size=1024", clients: 32, rate: 500},
		{name: "1000-streams", query: "events=100000&gap=100ms", clients: 1000, pieces: true, streams: true},
		{name: "5000-streams", query: "events=100000&gap=1s", clients: 5000, pieces: true, streams: true, apart: true},
		{name: "9000-streams", query: "events=100000&gap=2s", clients: 9000, pieces: true, streams: true, apart: true},
		{name: "15000-streams", query: "events=100000&gap=3s", clients: 15000, pieces: true, streams: true, apart: true},
	}
}

// key is a row of a table.
type key struct{ scenario, target string }

// sample is one measurement.
type sample struct {
	cpu    time.Duration // of the proxy, for a request or a piece
	memory int64         // bytes resident at the end
	growth int64         // by how much that is more than before
	errors int64
}

// measure runs a scenario on every target, with another one first in each round.
func (b *bench) measure(s scenario, round int) error {
	for i := range b.targets {
		t := b.targets[(i+round)%len(b.targets)]
		result, err := b.load(s, t)
		if err != nil {
			return err
		}
		k := key{s.name, t.name}
		b.results[k] = append(b.results[k], result)
		fmt.Fprintf(os.Stderr, "round %d  %-14s %-24s %8.1f us  %d errors\n", round+1, s.name, t.name, float64(result.cpu)/1e3, result.errors)
	}
	return nil
}

// load is the clients of a scenario. What came while they began does not count.
func (b *bench) load(s scenario, t *target) (sample, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	empty := memoryOf(t.process.Process.Pid)
	var done, failed atomic.Int64
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: s.clients, DisableCompression: true}}
	defer client.CloseIdleConnections()
	var all sync.WaitGroup
	for range s.clients {
		all.Go(func() {
			for ctx.Err() == nil {
				began := time.Now()
				if err := ask(ctx, client, s, t.url, &done); err != nil && ctx.Err() == nil {
					failed.Add(1)
				}
				if s.rate > 0 {
					time.Sleep(time.Until(began.Add(time.Duration(s.clients) * time.Second / time.Duration(s.rate))))
				}
			}
		})
	}
	time.Sleep(b.time / 4)
	if s.streams {
		time.Sleep(2*time.Second + time.Duration(s.clients)*time.Millisecond) // until all are open
	}
	before, count := cpuOf(t.process.Process.Pid), done.Load()
	time.Sleep(b.time)
	after, n := cpuOf(t.process.Process.Pid), done.Load()-count
	memory := memoryOf(t.process.Process.Pid)
	cancel()
	all.Wait()
	if n == 0 {
		return sample{}, fmt.Errorf("%s, %s: nothing came", s.name, t.name)
	}
	return sample{(after - before) / time.Duration(n), memory, memory - empty, failed.Load()}, nil
}

const request = `{"model":"gpt-5","messages":[{"role":"system","content":"You answer briefly."},{"role":"user","content":"`

// ask sends one request and counts it, or each piece of its answer.
func ask(ctx context.Context, client *http.Client, s scenario, url string, done *atomic.Int64) error {
	body := strings.NewReader(request + strings.Repeat("x", 500) + `"}]}`)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/chat/completions?"+s.query, body)
	if err != nil {
		return err
	}
	r.Header = http.Header{"Authorization": {"Bearer sk-0123456789"}, "Content-Type": {"application/json"}, "Accept": {"application/json"}, "User-Agent": {"compare"}}
	res, err := client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", res.StatusCode)
	}
	if !s.pieces {
		_, err = io.Copy(io.Discard, res.Body)
		done.Add(1)
		return err
	}
	lines := bufio.NewReader(res.Body)
	for {
		line, err := lines.ReadSlice('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if len(line) > 1 {
			done.Add(1)
		}
	}
}

// cpuOf is the CPU time of a process and its children so far, exact to the nanosecond: the clock of another process has its
// number in its own (clock_getcpuclockid(3)).
func cpuOf(pid int) time.Duration {
	var total time.Duration
	for _, p := range append(childrenOf(pid), pid) {
		var at syscall.Timespec
		_, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(^p<<3|2), uintptr(unsafe.Pointer(&at)), 0)
		if errno == 0 {
			total += time.Duration(at.Nano())
		}
	}
	return total
}

func childrenOf(pid int) []int {
	var children []int
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range files {
		text, _ := os.ReadFile(file)
		for _, field := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				children = append(children, child)
			}
		}
	}
	return children
}

// memoryOf is what a process and its children have resident, in bytes.
func memoryOf(pid int) int64 {
	var pages int64
	for _, p := range append(childrenOf(pid), pid) {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p))
		if fields := strings.Fields(string(text)); len(fields) > 1 {
			n, _ := strconv.ParseInt(fields[1], 10, 64)
			pages += n
		}
	}
	return pages * int64(os.Getpagesize())
}
