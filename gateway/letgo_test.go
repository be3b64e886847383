package gateway

import (
	"io"
	"net/http"
	"runtime"
	"testing"
	"time"

	"windhover/config"
)

// A snapshot holds compiled rules and templates of every provider; what a reload has replaced must not pile up.
func TestReplacedSnapshotLivesAsLongAsItsLastExchange(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	next := load(t, leadingTo("127.0.0.1:1")+"  other:\n    upstream: http://127.0.0.1:2\n")
	up := startBefore(t, http1, func(w http.ResponseWriter, r *http.Request) {
		sendEvents(w, "data: 1\n\n")
		<-release
	})
	up.options.Load = func() (*config.File, error) { return next, nil }
	gone := make(chan struct{})
	runtime.AddCleanup(up.snapshot.Load(), func(struct{}) { close(gone) }, struct{}{})

	res, err := newClient(t, http1).Get(up.url + "/up/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := up.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := up.Providers(); len(got) != 2 {
		t.Fatalf("providers = %v, want those of the new file", got)
	}
	runtime.GC()
	select {
	case <-gone:
		t.Error("the old snapshot is gone while an exchange is served with it")
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "data: 1\n\n" {
		t.Errorf("body = %q, %v, want the event", body, err)
	}
	up.one(t)
	for deadline := time.Now().Add(5 * time.Second); ; {
		runtime.GC()
		select {
		case <-gone:
			return
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatal("the old snapshot stays")
		}
	}
}
