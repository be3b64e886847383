//go:build unix

package main

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"windhover/gateway/ledger"
	"windhover/gateway/ledger/postgres"
	"windhover/gateway/ledger/sqlite"
	"windhover/gateway/usage"
)

// What breaks the ledger must not show to clients, and must not lose a record: each test here runs the whole program under
// load, breaks one thing, mends it, and compares the ledger with what the provider has answered.
//
// They take a minute, and some need root; WINDHOVER_CHAOS asks for them, and says how often the gateway is killed. .ci/chaos sets it.
const chaosVariable = "WINDHOVER_CHAOS"

// chaosRate is how many requests come in a second.
const chaosRate = 500

// nobody is the user that the gateway runs as, where the tests run as root: to root, nothing is read-only.
const nobody = 65534

// chaos is a gateway under load.
type chaos struct {
	folder  string // working folder
	data    string
	args    []string
	binary  string
	process *exec.Cmd
	stderr  *buffer
	answers atomic.Int64 // that the provider gave to the gateway
	direct  string       // the provider's own address
	address atomic.Pointer[string]
	client  *http.Client

	mu      sync.Mutex
	sent    int
	results []result
	load    sync.WaitGroup
}

// result is what became of a request.
type result struct {
	n      int
	direct bool // it went to the provider, past the gateway
	phase  string
	ended  time.Time
	took   time.Duration
	failed string
}

// newChaos prepares a gateway in a folder that everybody may use, and does not start it.
func newChaos(t *testing.T, args ...string) *chaos {
	t.Helper()
	if os.Getenv(chaosVariable) == "" {
		t.Skip(chaosVariable + " is not set; .ci/chaos sets it")
	}
	folder, err := os.MkdirTemp("", "chaos")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	c := &chaos{folder: folder, data: filepath.Join(folder, "data"), args: args, binary: filepath.Join(folder, "windhover")}
	c.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 512}, Timeout: 30 * time.Second}
	t.Cleanup(c.client.CloseIdleConnections)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"model":"gpt-5","usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}`)
		if !strings.HasPrefix(r.URL.Path, "/direct/") {
			c.answers.Add(1)
		}
	}))
	t.Cleanup(upstream.Close)
	c.direct = upstream.URL
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(folder, "providers.yaml"), providersAt(upstream.URL))
	for _, err := range []error{
		os.WriteFile(c.binary, program, 0o755),
		os.Mkdir(c.data, 0o755),
		os.Chmod(folder, 0o755),
		os.Chmod(filepath.Join(folder, "providers.yaml"), 0o644),
		c.give(c.data),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// give makes a file the gateway's own.
func (c *chaos) give(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return os.Chown(path, nobody, nobody)
}

// start starts the gateway, and the load with the first one.
func (c *chaos) start(t *testing.T) {
	t.Helper()
	c.process = exec.Command(c.binary, append([]string{"--listen=127.0.0.1:0", "--admin=off", "--records=none", "--providers=providers.yaml"}, c.args...)...)
	c.process.Env = []string{"TEST_RUN_MAIN=1"}
	c.process.Dir = c.folder
	c.stderr = new(buffer)
	c.process.Stderr = c.stderr
	if os.Geteuid() == 0 {
		c.process.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	process, stderr := c.process, c.stderr
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
		if t.Failed() {
			t.Logf("the gateway's log:\n%s", stderr)
		}
	})
	address := await(t, stderr, `msg="the gateway is listening" address=(\S+)`)
	c.address.Store(&address)
}

// run sends requests at an even rate until end, whatever becomes of those that are open. What is sent is counted under
// the phase.
func (c *chaos) run(phase string, d time.Duration) {
	began := time.Now()
	for i := 0; time.Since(began) < d; i++ {
		time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / chaosRate)))
		c.mu.Lock()
		c.sent++
		n := c.sent
		c.mu.Unlock()
		url := "http://" + *c.address.Load() + "/openai/v1/chat/completions/" + strconv.Itoa(n)
		c.load.Go(func() { c.request(result{n: n, phase: phase}, url) })
		if i%4 == 0 { // to tell what the machine does from what the gateway does
			c.load.Go(func() { c.request(result{phase: phase, direct: true}, c.direct+"/direct/") })
		}
	}
}

func (c *chaos) request(r result, url string) {
	began := time.Now()
	r.failed = c.ask(url)
	r.ended = time.Now()
	r.took = r.ended.Sub(began)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.results = append(c.results, r)
}

// ask is what was wrong with the answer; empty: nothing.
func (c *chaos) ask(url string) string {
	response, err := c.client.Post(url, "application/json", strings.NewReader(`{"model":"gpt-5"}`))
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	if _, err := io.ReadAll(response.Body); err != nil {
		return err.Error()
	}
	if response.StatusCode != http.StatusOK {
		return response.Status
	}
	return ""
}

// kept are the ledger's records by the number of their request: how often each is there.
func kept(t *testing.T, r ledger.Reader) (records map[int]int, err error) {
	t.Helper()
	records = map[int]int{}
	err = r.Scan(t.Context(), ledger.Filter{}, ledger.Cursor{}, func(r *usage.Record) bool {
		n, err := strconv.Atoi(r.Path[strings.LastIndexByte(r.Path, '/')+1:])
		if err != nil {
			t.Errorf("record of %s, which nobody asked for", r.Path)
		}
		records[n]++
		return true
	})
	return records, err
}

func (c *chaos) keptInFile(t *testing.T) (map[int]int, error) {
	t.Helper()
	r, err := sqlite.OpenReader(t.Context(), filepath.Join(c.data, ledgerFile))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return kept(t, r)
}

// settle waits until the ledger has every record, stops the gateway, and compares for good.
func (c *chaos) settle(t *testing.T, read func(*testing.T) (map[int]int, error)) {
	t.Helper()
	c.load.Wait()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if records, err := read(t); err == nil && len(records) >= c.sent {
			break
		}
	}
	send(t, c.process, syscall.SIGTERM)
	if err := c.process.Wait(); err != nil {
		t.Errorf("the gateway ended with %v, want exit code 0", err)
	}
	records, err := read(t)
	if err != nil {
		t.Fatal(err)
	}
	rows, duplicates := 0, 0
	for _, times := range records {
		rows += times
		duplicates += times - 1
	}
	failed := 0
	for _, r := range c.results {
		if r.failed != "" {
			failed++
			t.Logf("request %d: %s", r.n, r.failed)
		}
	}
	t.Logf("%s: %d requests, %d failed; the provider answered %d, the ledger has %d records, %d duplicates", t.Name(), c.sent, failed, c.answers.Load(), rows, duplicates)
	if failed != 0 || int64(rows) != c.answers.Load() || rows != c.sent || duplicates != 0 {
		t.Errorf("%d failed, %d answers, %d records, %d duplicates; want none failed, and one record of each of %d requests", failed, c.answers.Load(), rows, duplicates, c.sent)
	}
	c.compare(t)
	if log := c.stderr.String(); strings.Contains(log, "lines that are no records") {
		t.Errorf("a segment was torn, though nothing was killed:\n%s", log)
	}
	if left, err := filepath.Glob(filepath.Join(c.data, "spool", "*.jsonl")); err != nil || len(left) > 0 {
		t.Errorf("segments %q are left in the spool (%v), want none", left, err)
	}
}

// The phases: what is broken, and what is not.
const (
	whole  = "whole"
	broken = "broken"
)

// compare compares what the gateway adds to the latencies in the two phases.
func (c *chaos) compare(t *testing.T) {
	t.Helper()
	for _, q := range []float64{.5, .99} {
		was, direct := c.quantile(whole, false, q), c.quantile(whole, true, q)
		is, directly := c.quantile(broken, false, q), c.quantile(broken, true, q)
		t.Logf("%s: p%.0f %v (provider alone: %v) while it is whole, %v (%v) while it is broken", t.Name(), 100*q, was, direct, is, directly)
		switch most := 3*max(was, directly) + 200*time.Millisecond; {
		case directly > busy:
			t.Logf("%s: the machine was too busy to judge the latencies", t.Name())
		case is > most:
			t.Errorf("p%.0f is %v while the ledger is broken, want less than %v", 100*q, is, most)
		}
	}
}

// busy is how long the provider takes alone when the machine stops everything for tenths of a second, as one with other
// work does. The gateway has more to do, and then takes a multiple of it; what waits for a ledger takes seconds.
const busy = 50 * time.Millisecond

// quantile is of the latencies in a phase, of requests through the gateway or past it.
func (c *chaos) quantile(phase string, direct bool, q float64) time.Duration {
	var took []time.Duration
	for _, r := range c.results {
		if r.phase == phase && r.direct == direct {
			took = append(took, r.took)
		}
	}
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[int(float64(len(took)-1)*q)].Round(10 * time.Microsecond)
}

// logged waits for a line of the gateway's log.
func (c *chaos) logged(t *testing.T, pattern string) { t.Helper(); await(t, c.stderr, pattern) }

const (
	logsWriting  = `(the ledger is being written)`
	logsSpooling = `(the ledger cannot be written|the ledger's database takes no records)`
	logsAgain    = `(msg="the ledger is being written" before=spooling)`
)

func TestChaosReadOnly(t *testing.T) {
	c := newChaos(t)
	store, err := sqlite.Open(t.Context(), filepath.Join(c.data, ledgerFile), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	spool := filepath.Join(c.data, "spool")
	lock := filepath.Join(c.data, "ledger.lock")
	writeFile(t, lock, "")
	for _, err := range []error{
		os.Mkdir(spool, 0o755), c.give(spool), c.give(lock), c.give(filepath.Join(c.data, ledgerFile)),
		os.Chmod(filepath.Join(c.data, ledgerFile), 0o444), os.Chmod(c.data, 0o555),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	c.start(t)
	c.run(broken, 4*time.Second)
	c.logged(t, logsSpooling)
	for _, err := range []error{os.Chmod(c.data, 0o755), os.Chmod(filepath.Join(c.data, ledgerFile), 0o644)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	c.logged(t, logsAgain)
	c.run(whole, 2*time.Second)
	c.settle(t, c.keptInFile)
}

func TestChaosDiskFull(t *testing.T) {
	c := newChaos(t)
	size := func(options string) error {
		return exec.Command("mount", "-t", "tmpfs", "-o", options, "none", c.data).Run()
	}
	if err := size("size=2m,mode=0777"); err != nil {
		t.Logf("NOT RUN: %s needs a small tmpfs, and may not mount here: %v", t.Name(), err)
		return
	}
	t.Cleanup(func() {
		_ = c.process.Process.Kill()
		_ = c.process.Wait()
		if err := exec.Command("umount", c.data).Run(); err != nil {
			t.Errorf("umount %s: %v", c.data, err)
		}
	})
	c.start(t)
	c.run(whole, 1*time.Second)
	c.logged(t, logsWriting)
	full := time.Now()
	for !strings.Contains(c.stderr.String(), "the ledger's spool cannot be written") && time.Since(full) < 20*time.Second {
		c.run(broken, 500*time.Millisecond)
	}
	c.run(broken, 3*time.Second) // of which only memory has the records
	c.logged(t, `(the ledger's spool cannot be written)`)
	if err := size("remount,size=64m"); err != nil {
		t.Fatal(err)
	}
	c.logged(t, logsAgain)
	c.run(whole, 2*time.Second)
	c.settle(t, c.keptInFile)
}

func TestChaosLocked(t *testing.T) {
	c := newChaos(t)
	c.start(t)
	c.logged(t, logsWriting)
	c.run(whole, 2*time.Second)
	unlock := lockLedger(t, c.data)
	c.run(broken, 7*time.Second)
	unlock()
	c.logged(t, logsAgain)
	c.settle(t, c.keptInFile)
}

// A lock that is let go just before the store gives up makes every commit take five seconds, and none fail.
func TestChaosSlow(t *testing.T) {
	c := newChaos(t)
	c.start(t)
	c.logged(t, logsWriting)
	c.run(whole, 2*time.Second)
	for range 2 {
		unlock := lockLedger(t, c.data)
		c.run(broken, 4800*time.Millisecond)
		unlock()
		time.Sleep(20 * time.Millisecond)
	}
	c.settle(t, c.keptInFile)
}

func TestChaosCorruptAtStart(t *testing.T) {
	c := newChaos(t)
	file := filepath.Join(c.data, ledgerFile)
	if err := errors.Join(os.WriteFile(file, bytes.Repeat([]byte("no ledger "), 10_000), 0o644), c.give(file)); err != nil {
		t.Fatal(err)
	}
	c.start(t)
	c.run(broken, 3*time.Second)
	c.logged(t, `(the file is corrupt, or no ledger; move it away)`)
	if err := os.Rename(file, file+".corrupt"); err != nil {
		t.Fatal(err)
	}
	c.run(broken, time.Second)
	c.logged(t, logsAgain)
	c.run(whole, 2*time.Second)
	c.settle(t, c.keptInFile)
}

// A PostgreSQL that stops as in a crash, and comes back: nothing reaches it meanwhile, and nothing is lost.
func TestChaosPostgres(t *testing.T) {
	if os.Getenv(chaosVariable) == "" {
		t.Skip(chaosVariable + " is not set; .ci/chaos sets it")
	}
	folder, err := os.MkdirTemp("", "chaos-postgres")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	server := func(command string) (string, error) {
		out, err := exec.Command(filepath.Join("..", "..", ".ci", "postgres"), command, folder).Output()
		return strings.TrimSpace(string(out)), err
	}
	url, err := server("start")
	if err != nil {
		t.Logf("NOT RUN: %s: PostgreSQL cannot be started: %v", t.Name(), err)
		return
	}
	t.Cleanup(func() { _, _ = server("stop") })
	c := newChaos(t, "--database="+url)
	c.start(t)
	c.logged(t, logsWriting)
	c.run(whole, 2*time.Second)
	stopped := make(chan error, 1)
	go func() { _, err := server("stop"); stopped <- err }()
	c.run(broken, 5*time.Second)
	c.logged(t, logsSpooling)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	go func() { _, err := server("start"); stopped <- err }()
	c.run(broken, 3*time.Second)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	c.logged(t, logsAgain)
	c.settle(t, func(t *testing.T) (map[int]int, error) {
		s, err := postgres.Open(t.Context(), url, postgres.Options{})
		if err != nil {
			return nil, err
		}
		defer s.Close()
		return kept(t, s)
	})
}

// window is how old a record may be that a killed gateway loses, on a machine that gives every goroutine its turn at once.
const window = 100 * time.Millisecond

func TestChaosKill(t *testing.T) {
	c := newChaos(t)
	rounds, err := strconv.Atoi(os.Getenv(chaosVariable))
	if err != nil || rounds < 1 {
		t.Fatalf("%s is %q, want how often the gateway is killed", chaosVariable, os.Getenv(chaosVariable))
	}
	var kills []kill
	for range rounds {
		c.start(t)
		done := make(chan time.Time, 1)
		time.AfterFunc(500*time.Millisecond+rand.N(1500*time.Millisecond), func() {
			now := time.Now()
			_ = c.process.Process.Kill()
			_ = c.process.Wait()
			done <- now
		})
		for running := true; running; {
			c.run(broken, 20*time.Millisecond)
			select {
			case at := <-done:
				kills = append(kills, kill{at, c.sent})
				running = false
			default:
			}
		}
		c.load.Wait()
	}
	c.start(t)
	c.logged(t, logsWriting)
	send(t, c.process, syscall.SIGTERM)
	if err := c.process.Wait(); err != nil {
		t.Errorf("the gateway ended with %v, want exit code 0", err)
	}
	records, err := c.keptInFile(t)
	if err != nil {
		t.Fatal(err)
	}
	c.judgeKills(t, records, kills)
}

// kill is when the gateway was killed, and the last request that it was sent.
type kill struct {
	at   time.Time
	last int
}

func (c *chaos) judgeKills(t *testing.T, records map[int]int, kills []kill) {
	t.Helper()
	answered, lost, duplicates := 0, 0, 0
	var oldest time.Duration
	for _, times := range records {
		duplicates += times - 1
	}
	for _, r := range c.results {
		if r.failed != "" || r.direct { // the gateway was gone, or went
			continue
		}
		answered++
		if records[r.n] > 0 {
			continue
		}
		lost++
		round := slices.IndexFunc(kills, func(k kill) bool { return r.n <= k.last })
		oldest = max(oldest, kills[round].at.Sub(r.ended))
	}
	t.Logf("%s: killed %d times; %d answers, %d records, %d lost, the oldest %v before the kill; %d duplicates",
		t.Name(), len(kills), answered, len(records), lost, oldest.Round(time.Millisecond), duplicates)
	if most := window + c.quantile(broken, false, .99); oldest > most || duplicates != 0 {
		t.Errorf("the oldest record that was lost was %v old, %d duplicates; want none older than %v, and no duplicate", oldest, duplicates, most)
	}
	if int64(len(records)) > c.answers.Load() {
		t.Errorf("%d records of %d answers", len(records), c.answers.Load())
	}
	if left, err := filepath.Glob(filepath.Join(c.data, "spool", "*.jsonl")); err != nil || len(left) > 0 {
		t.Errorf("segments %q are left in the spool (%v), want none", left, err)
	}
}
