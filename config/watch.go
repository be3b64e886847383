package config

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	defaultQuiet = 150 * time.Millisecond
	defaultPoll  = 10 * time.Second

	// longestWait bounds how long a folder that never comes to rest (somebody logs into it) can put off a check, in Quiets.
	longestWait = 10
)

// Watcher calls back when the content of files changed, however that came about: rewritten in place, renamed over, swapped
// behind a symlink as Kubernetes does with a ConfigMap, deleted and created anew, or gone together with its folder for a while.
//
// It watches folders, not files: a watch on a file is lost with the first rename. What the events say differs between
// systems and is not looked at: any of them is only a hint to compare contents once the folder came to rest. A poll finds
// what brings no event at all: a folder that was replaced, the target of a symlink elsewhere, network file systems.
type Watcher struct {
	// Paths are the files and folders to watch; of a folder its *.yaml count. It is asked anew for every comparison,
	// because a changed file may name others.
	Paths func() []string
	// Changed is called from Run, one call at a time, and is expected to read all of Paths.
	Changed func()
	// Loaded is the Digest of what is in use, taken before it was read: an edit while it was being read is then seen
	// as a change. Empty: the state at the first comparison.
	Loaded string
	// Quiet is how long nothing may happen before contents are compared; 0: 150 ms.
	Quiet time.Duration
	// Poll is how often they are compared without an event; 0: 10 s.
	Poll time.Duration
	// Logger is told when the system has no events to give, or when a file can be replaced without any. Never nil.
	Logger *slog.Logger

	notify    func() (*fsnotify.Watcher, error) // nil, outside tests: fsnotify.NewWatcher
	mountInfo string                            // empty, outside tests: mountInfoFile
}

// Run watches until ctx ends. Nothing makes it fail: where the system gives no events, the poll does all the work.
func (w *Watcher) Run(ctx context.Context) {
	w.warnOfMounts()
	folders := w.watchFolders()
	defer folders.Close()

	poll := time.NewTicker(cmp.Or(w.Poll, defaultPoll))
	defer poll.Stop()
	quiet := newQuiet(cmp.Or(w.Quiet, defaultQuiet))
	defer quiet.Stop()

	folders.Follow(w.Paths())
	quiet.Hint() // for edits from before the first watch stood
	for {
		select {
		case <-ctx.Done():
			return
		case <-folders.Events():
			quiet.Hint()
		case err := <-folders.Errors():
			w.Logger.Debug("file events were lost", "error", err)
			quiet.Hint()
		case <-poll.C:
			folders.Follow(w.Paths())
			if Digest(w.Paths()) != w.Loaded {
				quiet.Hint() // somebody may be in the middle of writing
			}
		case <-quiet.C():
			quiet.Done()
			folders.Follow(w.Paths())
			w.compare()
		}
	}
}

// warnOfMounts says which files cannot be seen to change, and what to do about it.
func (w *Watcher) warnOfMounts() {
	mountinfo, err := os.ReadFile(cmp.Or(w.mountInfo, mountInfoFile))
	if err != nil {
		return // this system has none
	}
	if files := mountedFiles(string(mountinfo), w.Paths()); len(files) > 0 {
		w.Logger.Warn("a file is mounted by itself (a ConfigMap with subPath, a single file bound into a container), so that a new one in its place is never seen; mount the folder that it is in",
			"files", strings.Join(files, " "))
	}
}

// compare calls Changed if the contents differ from those that were loaded last. The digest is taken before the call: what
// is written while the callback reads makes the next comparison differ. One reload too many costs milliseconds, one too
// few loses an edit.
func (w *Watcher) compare() {
	digest := Digest(w.Paths())
	if digest == w.Loaded {
		return
	}
	first := w.Loaded == ""
	w.Loaded = digest
	if !first {
		w.Changed()
	}
}

// quiet is a timer that runs out when no hint came for a while, or when hints did not stop coming for too long.
type quiet struct {
	timer *time.Timer
	wait  time.Duration
	since time.Time // of the first hint that is not done; zero: there is none
}

func newQuiet(wait time.Duration) *quiet {
	timer := time.NewTimer(wait)
	timer.Stop()
	return &quiet{timer: timer, wait: wait}
}

// Hint starts the wait again, unless it has been put off for too long already.
func (q *quiet) Hint() {
	if q.since.IsZero() {
		q.since = time.Now()
	}
	if time.Since(q.since) < longestWait*q.wait {
		q.timer.Reset(q.wait)
	}
}

func (q *quiet) C() <-chan time.Time { return q.timer.C }
func (q *quiet) Done()               { q.since = time.Time{} }
func (q *quiet) Stop()               { q.timer.Stop() }

// folderWatch keeps a watch on every folder in which a change to one of the paths can show.
type folderWatch struct {
	notify *fsnotify.Watcher // nil: this system gives no events
	logger *slog.Logger
	warned bool
}

func (w *Watcher) watchFolders() *folderWatch {
	newWatcher := w.notify
	if newWatcher == nil {
		newWatcher = fsnotify.NewWatcher
	}
	notify, err := newWatcher()
	if err != nil {
		w.Logger.Warn("cannot watch files for changes; they are only polled", "error", err)
		return &folderWatch{logger: w.Logger}
	}
	return &folderWatch{notify: notify, logger: w.Logger}
}

// Events never yields where there is no watch: a nil channel blocks for ever.
func (f *folderWatch) Events() <-chan fsnotify.Event {
	if f.notify == nil {
		return nil
	}
	return f.notify.Events
}

// Errors tell that events were lost.
func (f *folderWatch) Errors() <-chan error {
	if f.notify == nil {
		return nil
	}
	return f.notify.Errors
}

// Close ends all watches.
func (f *folderWatch) Close() {
	if f.notify != nil {
		_ = f.notify.Close()
	}
}

// Follow watches the folders of the paths and no others. A folder that is watched already is added again: that costs
// nothing, and finds the one that took a deleted or renamed folder's place.
func (f *folderWatch) Follow(paths []string) {
	if f.notify == nil {
		return
	}
	folders := foldersOf(paths)
	for _, old := range f.notify.WatchList() {
		if !slices.Contains(folders, old) {
			_ = f.notify.Remove(old)
		}
	}
	for _, folder := range folders {
		err := f.notify.Add(folder)
		if err == nil || errors.Is(err, fs.ErrNotExist) || f.warned {
			continue
		}
		f.warned = true
		f.logger.Warn("cannot watch a folder for changes; it is only polled", "folder", folder, "error", err)
	}
}

// foldersOf is the folders that hold the paths, their *.yaml where they are folders, and whatever these are symlinks to.
func foldersOf(paths []string) []string {
	var folders []string
	add := func(path string) {
		folders = append(folders, filepath.Dir(path))
		if target, err := filepath.EvalSymlinks(path); err == nil {
			folders = append(folders, filepath.Dir(target))
		}
	}
	for _, path := range paths {
		add(path)
		if isFolder(path) {
			folders = append(folders, filepath.Clean(path))
		}
	}
	for _, file := range filesOf(paths) {
		add(file)
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}
