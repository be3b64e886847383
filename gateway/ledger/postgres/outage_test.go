package postgres

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// cluster is a server of the test's own, which it may stop.
type cluster struct{ folder string }

func (c cluster) run(t *testing.T, command string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute) // the test's own has ended when it cleans up
	defer cancel()
	cmd := exec.CommandContext(ctx, "../../../.ci/postgres", command, c.folder)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf(".ci/postgres %s: %v\n%s", command, err, said.String())
	}
	return strings.TrimSpace(string(out))
}

// The server is killed again and again while two gateways write; what fails is written again, as a spool does. In the end every
// record is there once.
func TestOutageLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	server(t)
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb"); len(found) == 0 {
		t.Skip("no server of Debian's is installed here that the test could stop")
	}
	folder, err := os.MkdirTemp("", "windhover") // and not t.TempDir, which only this user can enter: a server does not run as root
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	c := cluster{folder}
	url := c.run(t, "start")
	t.Cleanup(func() { c.run(t, "stop") })

	const gateways, size = 2, 4000
	all := records(0, size)
	failures := make(chan int, gateways)
	written := make(chan struct{}, size)
	for n := range gateways {
		s := open(t, url)
		go func() {
			failed := 0
			defer func() { failures <- failed }()
			for batch := range slices.Chunk(all[n*size/4:size*3/4+n*size/4], 20) { // half of them go to both
				for s.Write(t.Context(), batch) != nil {
					failed++
					select {
					case <-time.After(20 * time.Millisecond):
					case <-t.Context().Done():
						return
					}
				}
				written <- struct{}{}
			}
		}()
	}
	for range 3 {
		for range 20 { // batches: the next outage comes in mid-load
			<-written
		}
		c.run(t, "stop")
		time.Sleep(50 * time.Millisecond) // an outage takes a while; nothing waits for its end
		c.run(t, "start")
	}
	failed := 0
	for range gateways {
		failed += <-failures
	}
	if failed == 0 {
		t.Error("no write failed, so there was no outage")
	}
	t.Logf("%d writes failed and were repeated", failed)
	s := open(t, url)
	if n := scalar(t, s.db, "SELECT count(*) FROM records"); n != size {
		t.Errorf("%d records, want %d", n, size)
	}
	agree(t, s, all)
}
