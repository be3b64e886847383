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
	answers atomic.Int64 // that the provider gave
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
		c.answers.Add(1)
	}))
	t.Cleanup(upstream.Close)
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
		c.load.Go(func() { c.request(n, phase) })
	}
}

func (c *chaos) request(n int, phase string) {
	began := time.Now()
	failed := c.ask(n)
	ended := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.results = append(c.results, result{n, phase, ended, ended.Sub(began), failed})
}

// ask is what was wrong with the answer; empty: nothing.
func (c *chaos) ask(n int) string {
	response, err := c.client.Post("http://"+*c.address.Load()+"/openai/v1/chat/completions/"+strconv.Itoa(n), "application/json", strings.NewReader(`{"model":"gpt-5"}`))
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
	if left, err := filepath.Glob(filepath.Join(c.data, "spool", "*.jsonl")); err != nil || len(left) > 0 {
		t.Errorf("segments %q are left in the spool (%v), want none", left, err)
	}
}

// The phases: what is broken, and what is not.
const (
	whole  = "whole"
	broken = "broken"
)

// compare compares the latencies of the two phases. On a machine with other work the difference says little unless it is large.
func (c *chaos) compare(t *testing.T) {
	t.Helper()
	p50, p99 := c.quantile(whole, .5), c.quantile(whole, .99)
	brokenP50, brokenP99 := c.quantile(broken, .5), c.quantile(broken, .99)
	t.Logf("%s: p50 %v and p99 %v while it is whole, %v and %v while it is broken", t.Name(), p50, p99, brokenP50, brokenP99)
	if brokenP50 > 3*p50+5*time.Millisecond || brokenP99 > 3*p99+50*time.Millisecond {
		t.Errorf("requests take longer while the ledger is broken: p50 %v, p99 %v; want about %v, %v", brokenP50, brokenP99, p50, p99)
	}
}

func (c *chaos) quantile(phase string, q float64) time.Duration {
	var took []time.Duration
	for _, r := range c.results {
		if r.phase == phase {
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
	logsSpooling = `(the ledger cannot be written)`
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

// window is how old a record may be that a killed gateway loses: documented as a tenth of a second, with what a busy machine
// takes to give every goroutine its turn.
const window = 100 * time.Millisecond

func TestChaosKill(t *testing.T) {
	c := newChaos(t)
	rounds, err := strconv.Atoi(os.Getenv(chaosVariable))
	if err != nil || rounds < 1 {
		t.Fatalf("%s is %q, want how often the gateway is killed", chaosVariable, os.Getenv(chaosVariable))
	}
	var kills []time.Time
	for range rounds {
		c.start(t)
		kill := time.AfterFunc(500*time.Millisecond+rand.N(1500*time.Millisecond), func() { _ = c.process.Process.Kill() })
		done := make(chan struct{})
		go func() { _ = c.process.Wait(); kills = append(kills, time.Now()); close(done) }()
		for running := true; running; {
			c.run(broken, 20*time.Millisecond)
			select {
			case <-done:
				running = false
			default:
			}
		}
		kill.Stop()
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

func (c *chaos) judgeKills(t *testing.T, records map[int]int, kills []time.Time) {
	t.Helper()
	answered, lost, duplicates := 0, 0, 0
	var oldest time.Duration
	for _, times := range records {
		duplicates += times - 1
	}
	for _, r := range c.results {
		if r.failed != "" { // the gateway was gone, or went
			continue
		}
		answered++
		if records[r.n] > 0 {
			continue
		}
		lost++
		for _, killed := range kills {
			if !killed.Before(r.ended) {
				oldest = max(oldest, killed.Sub(r.ended))
				break
			}
		}
	}
	t.Logf("%s: killed %d times; %d answers, %d records, %d lost, the oldest %v before the kill; %d duplicates",
		t.Name(), len(kills), answered, len(records), lost, oldest.Round(time.Millisecond), duplicates)
	if oldest > window || duplicates != 0 {
		t.Errorf("the oldest record that was lost was %v old, %d duplicates; want none older than %v, and no duplicate", oldest, duplicates, window)
	}
	if int64(len(records)) > c.answers.Load() {
		t.Errorf("%d records of %d answers", len(records), c.answers.Load())
	}
	if left, err := filepath.Glob(filepath.Join(c.data, "spool", "*.jsonl")); err != nil || len(left) > 0 {
		t.Errorf("segments %q are left in the spool (%v), want none", left, err)
	}
}
