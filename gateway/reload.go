package gateway

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"windhover/config"
)

// loadFailure is a load attempt that changed nothing. It is never written after it is stored.
type loadFailure struct {
	time     time.Time
	problems []string // each as it is printed: FILE:LINE:COL: path: message
	mended   bool     // a later attempt succeeded
}

// Paths are the files that the newest load attempt read or looked for: a change to one of them calls for Reload.
func (g *Gateway) Paths() []string {
	g.reloading.Lock()
	defer g.reloading.Unlock()
	return g.paths
}

// Reload loads and compiles the file again, and swaps it in whole, or not at all: on any error the last good one stays.
// The error is config.Problems, or that of reading the file. An exchange that is open keeps the snapshot it began with.
// That nothing has changed is logged: whoever asks for a reload looks for what came of it.
func (g *Gateway) Reload() error { return g.reload(slog.LevelInfo) }

// Refresh is Reload on a watcher's hint: it may be wrong, and that nothing has changed is then no news.
func (g *Gateway) Refresh() error { return g.reload(slog.LevelDebug) }

func (g *Gateway) reload(unchanged slog.Level) error {
	if g.options.Load == nil {
		return errors.New("reload: this gateway was given no file to load again")
	}
	g.reloading.Lock()
	defer g.reloading.Unlock()
	s, err := g.load()
	if err != nil {
		g.keep(err)
	} else {
		g.swap(s, unchanged)
	}
	g.options.Reloaded(g.Revision(), err)
	return err
}

// load is a snapshot of the file as it is now. It looks for every problem, also in what a broken file still says.
func (g *Gateway) load() (*Snapshot, error) {
	f, err := g.options.Load()
	if f != nil {
		g.paths = f.Paths
	}
	var problems config.Problems
	switch {
	case err == nil:
		return Compile(f, g.options.compile())
	case f == nil || !errors.As(err, &problems):
		return nil, err
	}
	var more config.Problems
	if _, err := Compile(f, g.options.compile()); errors.As(err, &more) {
		problems = append(problems, more...)
	}
	return nil, problems.Err()
}

// swap puts a snapshot in the place of the one in use, unless both say the same, which is logged at the level unchanged.
func (g *Gateway) swap(s *Snapshot, unchanged slog.Level) {
	before := g.snapshot.Load()
	changes := changesBetween(before.file, s.file)
	mended := g.mend()
	switch {
	case s.Revision != before.Revision || len(changes) > 0:
		g.use(s)
		g.log.Info("providers reloaded", append([]any{"revision", s.Revision, "was", before.Revision, "providers", len(s.names)}, changes...)...)
	case mended:
		g.log.Info("the problems of the last reload are mended, and nothing else has changed", "revision", s.Revision)
	default:
		g.log.Log(context.Background(), unchanged, "reload: nothing has changed", "revision", s.Revision)
	}
}

// use makes the snapshot the one that requests begin with.
func (g *Gateway) use(s *Snapshot) {
	s.since = time.Now()
	g.transports.connect(s)
	g.breakers.connect(s)
	g.snapshot.Store(s)
	if !g.draining.Load() {
		g.checks.use(s)
	}
}

// keep remembers why the snapshot in use stays, and logs it once, however often the same file is tried.
func (g *Gateway) keep(err error) {
	failed := &loadFailure{time: time.Now(), problems: strings.Split(err.Error(), "\n")}
	before := g.failure.Swap(failed)
	if before != nil && !before.mended && slices.Equal(before.problems, failed.problems) {
		return
	}
	g.log.Error("reload failed, the last good providers stay in use", "revision", g.Revision(), "problems", err.Error())
}

// mend says of the last failure that it is over. It reports whether there was one.
func (g *Gateway) mend() bool {
	failed := g.failure.Load()
	if failed == nil || failed.mended {
		return false
	}
	g.failure.Store(&loadFailure{time: failed.time, problems: failed.problems, mended: true})
	return true
}
