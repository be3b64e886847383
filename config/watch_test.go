package config

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Long enough that the steps of one edit fall into one wait, short enough that a test takes no time.
const testQuiet = 100 * time.Millisecond

// watched is a running watcher; loads yields what its callback read from the file at each change.
type watched struct {
	loads chan string
	log   *log
	stop  context.CancelFunc
	done  chan struct{}
}

func watch(t *testing.T, poll time.Duration, paths ...string) *watched {
	t.Helper()
	return watchWith(t, Watcher{Quiet: testQuiet, Poll: poll}, paths...)
}

func watchWith(t *testing.T, w Watcher, paths ...string) *watched {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	x := &watched{loads: make(chan string, 100), log: new(log), stop: cancel, done: make(chan struct{})}
	w.Paths = func() []string { return paths }
	w.Changed = func() { x.loads <- contents(paths[0]) }
	w.Loaded = Digest(paths)
	w.Logger = slog.New(slog.NewTextHandler(x.log, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
	go func() {
		defer close(x.done)
		w.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-x.done })
	return x
}

// log can be read while it is written.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

func contents(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return "missing"
	}
	return string(data)
}

// expect waits until the callback has read want; what it read on the way there may be anything but empty or half a file.
func (x *watched) expect(t *testing.T, want string, onTheWay ...string) {
	t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		select {
		case got := <-x.loads:
			if got == want {
				return
			}
			if !slices.Contains(onTheWay, got) {
				t.Fatalf("the callback read %q, want %q", got, want)
			}
		case <-timeout:
			t.Fatalf("no callback read %q", want)
		}
	}
}

// expectNone gives a callback that should not come the time to come.
func (x *watched) expectNone(t *testing.T) {
	t.Helper()
	select {
	case got := <-x.loads:
		t.Fatalf("a callback came and read %q, want none", got)
	case <-time.After(5 * testQuiet):
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWatcherSeesRewriteInPlace(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "providers.yaml")
	write(t, path, "one")
	x := watch(t, time.Hour, path)
	write(t, path, "two")
	x.expect(t, "two")
}

func TestWatcherSeesRenameOver(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path, draft := filepath.Join(folder, "providers.yaml"), filepath.Join(folder, "draft")
	write(t, path, "one")
	x := watch(t, time.Hour, path)
	for _, text := range []string{"two", "three", "four"} {
		write(t, draft, text)
		must(t, os.Rename(draft, path))
		x.expect(t, text)
	}
}

func TestWatcherSeesRenameToBackupAndCreate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "providers.yaml")
	write(t, path, "one")
	x := watch(t, time.Hour, path)
	for _, text := range []string{"two", "three", "four"} {
		must(t, os.Rename(path, path+"~"))
		write(t, path, text)
		x.expect(t, text, "missing")
	}
}

// What vim does on :w with its defaults: it tries whether it may create files, keeps the old one as a backup, writes a new
// one, gives it the old one's mode, and removes the backup.
func TestWatcherSeesVimSave(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path, probe := filepath.Join(folder, "providers.yaml"), filepath.Join(folder, "4913")
	write(t, path, "one")
	x := watch(t, time.Hour, path)
	for i := range 10 {
		text := "save " + strconv.Itoa(i)
		write(t, probe, "")
		must(t, os.Remove(probe))
		must(t, os.Rename(path, path+"~"))
		write(t, path, text)
		must(t, os.Chmod(path, 0o640))
		must(t, os.Remove(path+"~"))
		x.expect(t, text, "missing", "")
	}
}

func TestWatcherReadsAfterTheLastOfSeveralWrites(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "providers.yaml")
	write(t, path, "one")
	x := watchWith(t, Watcher{Quiet: time.Second, Poll: time.Hour}, path)

	file, err := os.Create(path)
	must(t, err)
	for _, part := range []string{"tw", "o, wri", "tten in steps"} {
		time.Sleep(testQuiet)
		_, err := file.WriteString(part)
		must(t, err)
	}
	must(t, file.Close())
	x.expect(t, "two, written in steps")
	x.expectNone(t)
}

func TestWatcherIsSilentWhenTheContentIsTheSame(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "providers.yaml")
	write(t, path, "one")
	x := watch(t, testQuiet, path)
	now := time.Now()
	must(t, os.Chtimes(path, now, now))
	write(t, path, "one")
	write(t, filepath.Join(folder, "neighbour"), "of no interest")
	x.expectNone(t)
}

func TestWatcherSeesDeleteAndCreate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "providers.yaml")
	write(t, path, "one")
	x := watch(t, time.Hour, path)
	must(t, os.Remove(path))
	x.expect(t, "missing")
	write(t, path, "two")
	x.expect(t, "two")
}

func TestWatcherSurvivesAFolderThatVanishesAndReturns(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "etc")
	path := filepath.Join(folder, "providers.yaml")
	must(t, os.Mkdir(folder, 0o700))
	write(t, path, "one")
	x := watch(t, testQuiet, path)
	must(t, os.RemoveAll(folder))
	x.expect(t, "missing")
	must(t, os.Mkdir(folder, 0o700))
	write(t, path, "two")
	x.expect(t, "two")
	write(t, path, "three")
	x.expect(t, "three")
}

func TestWatcherFollowsAFolderThatWasReplaced(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	folder, next := filepath.Join(root, "etc"), filepath.Join(root, "next")
	path := filepath.Join(folder, "providers.yaml")
	must(t, os.Mkdir(folder, 0o700))
	must(t, os.Mkdir(next, 0o700))
	write(t, path, "one")
	write(t, filepath.Join(next, "providers.yaml"), "two")
	x := watch(t, testQuiet, path)
	must(t, os.Rename(folder, folder+".old"))
	must(t, os.Rename(next, folder))
	x.expect(t, "two", "missing")
	write(t, path, "three")
	x.expect(t, "three")
}

func TestWatcherSeesChangeBehindASymlink(t *testing.T) {
	t.Parallel()
	target, link := filepath.Join(t.TempDir(), "target"), filepath.Join(t.TempDir(), "providers.yaml")
	write(t, target, "one")
	must(t, os.Symlink(target, link))
	x := watch(t, time.Hour, link)
	write(t, target, "two")
	x.expect(t, "two")
}

// configMap is a mounted ConfigMap: providers.yaml -> ..data/providers.yaml, and ..data -> the newest revision's folder.
type configMap struct {
	folder   string
	revision int
}

// publish swaps in a new revision as the kubelet does: write it all, rename the symlink over, remove the old one.
func (m *configMap) publish(t *testing.T, text string) {
	t.Helper()
	old := m.name()
	m.revision++
	must(t, os.Mkdir(filepath.Join(m.folder, m.name()), 0o700))
	write(t, filepath.Join(m.folder, m.name(), "providers.yaml"), text)
	must(t, os.Symlink(m.name(), filepath.Join(m.folder, "..data_tmp")))
	must(t, os.Rename(filepath.Join(m.folder, "..data_tmp"), filepath.Join(m.folder, "..data")))
	must(t, os.RemoveAll(filepath.Join(m.folder, old)))
}

func (m *configMap) name() string { return "..2026_" + strings.Repeat("i", m.revision) }

func TestWatcherSeesConfigMapSwaps(t *testing.T) {
	t.Parallel()
	m := &configMap{folder: t.TempDir()}
	m.publish(t, "one")
	path := filepath.Join(m.folder, "providers.yaml")
	must(t, os.Symlink("..data/providers.yaml", path))
	x := watch(t, time.Hour, path)
	for i := range 10 {
		text := "revision " + strconv.Itoa(i)
		m.publish(t, text)
		x.expect(t, text)
	}
}

func TestWatcherEndsAtTheNewestOfTwoQuickSwaps(t *testing.T) {
	t.Parallel()
	m := &configMap{folder: t.TempDir()}
	m.publish(t, "one")
	path := filepath.Join(m.folder, "providers.yaml")
	must(t, os.Symlink("..data/providers.yaml", path))
	x := watch(t, time.Hour, path)
	for _, gap := range []time.Duration{0, 20 * time.Millisecond, 50 * time.Millisecond} {
		first, second := "before "+gap.String(), "after "+gap.String()
		m.publish(t, first)
		time.Sleep(gap)
		m.publish(t, second)
		x.expect(t, second, first)
	}
	x.expectNone(t)
}

func TestWatcherSeesARotatedSecret(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "providers.yaml")
	write(t, path, "one")
	mounted := &configMap{folder: t.TempDir()}
	mounted.publish(t, "old")
	secret := filepath.Join(mounted.folder, "key")
	must(t, os.Symlink("..data/providers.yaml", secret))
	x := watch(t, time.Hour, path, secret)
	mounted.publish(t, "new")
	x.expect(t, "one")
}

// A symlink that leads through another one, which is swapped in a folder that holds none of the paths.
func TestWatcherFindsASwapBehindASymlinkByThePoll(t *testing.T) {
	t.Parallel()
	folder, elsewhere := t.TempDir(), t.TempDir()
	path, between := filepath.Join(folder, "providers.yaml"), filepath.Join(elsewhere, "current")
	old, next := filepath.Join(t.TempDir(), "old"), filepath.Join(t.TempDir(), "next")
	write(t, old, "one")
	write(t, next, "two")
	must(t, os.Symlink(old, between))
	must(t, os.Symlink(between, path))
	x := watch(t, testQuiet, path)
	must(t, os.Symlink(next, between+".new"))
	must(t, os.Rename(between+".new", between))
	x.expect(t, "two")
}

func TestWatcherSeesTheFragmentsOfAFolder(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	fragment := filepath.Join(folder, "openai.yaml")
	write(t, fragment, "one")
	loads := make(chan []string, 100)
	w := &Watcher{
		Paths:   func() []string { return []string{folder} },
		Changed: func() { loads <- filesOf([]string{folder}) },
		Loaded:  Digest([]string{folder}),
		Quiet:   testQuiet,
		Logger:  slog.New(slog.DiscardHandler),
	}
	go w.Run(t.Context())

	write(t, filepath.Join(folder, "notes.txt"), "no fragment")
	write(t, filepath.Join(folder, ".#openai.yaml"), "an editor's lock is none either")
	other := filepath.Join(folder, "groq.yaml")
	write(t, other, "two")
	if got, want := <-loads, []string{other, fragment}; !slices.Equal(got, want) {
		t.Errorf("files = %v, want %v", got, want)
	}
	must(t, os.Remove(other))
	if got, want := <-loads, []string{fragment}; !slices.Equal(got, want) {
		t.Errorf("files = %v, want %v", got, want)
	}
}

func TestWatcherAsksForThePathsAgain(t *testing.T) {
	t.Parallel()
	path, extended := filepath.Join(t.TempDir(), "providers.yaml"), filepath.Join(t.TempDir(), "base.yaml")
	write(t, path, "one")
	write(t, extended, "base")
	loads := make(chan string, 100)
	w := &Watcher{
		Paths: func() []string {
			if contents(path) == "one" {
				return []string{path}
			}
			return []string{path, extended}
		},
		Changed: func() { loads <- contents(path) + " " + contents(extended) },
		Loaded:  Digest([]string{path}),
		Quiet:   testQuiet,
		Poll:    testQuiet,
		Logger:  slog.New(slog.DiscardHandler),
	}
	go w.Run(t.Context())

	write(t, path, "two")
	for got := range loads {
		if got == "two base" {
			break
		}
	}
	write(t, extended, "new")
	for got := range loads {
		if got == "two new" {
			break
		}
	}
}

func TestWatcherSeesAnEditFromBeforeItRan(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "providers.yaml")
	write(t, path, "one")
	loaded := Digest([]string{path})
	write(t, path, "two")
	loads := make(chan string, 1)
	w := &Watcher{
		Paths:   func() []string { return []string{path} },
		Changed: func() { loads <- contents(path) },
		Loaded:  loaded,
		Quiet:   testQuiet,
		Logger:  slog.New(slog.DiscardHandler),
	}
	go w.Run(t.Context())
	if got := <-loads; got != "two" {
		t.Errorf("the callback read %q, want %q", got, "two")
	}
}

func TestWatcherIsNotPutOffByABusyFolder(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "providers.yaml")
	write(t, path, "one")
	x := watch(t, time.Hour, path)
	write(t, path, "two")
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(testQuiet / 20):
				_ = os.WriteFile(filepath.Join(folder, "log"), []byte("line\n"), 0o600)
			}
		}
	}()
	x.expect(t, "two")
}

func TestWatcherPollsWhereThereAreNoEvents(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "providers.yaml")
	write(t, path, "one")
	exhausted := func() (*fsnotify.Watcher, error) { return nil, syscall.EMFILE } // fs.inotify.max_user_instances
	x := watchWith(t, Watcher{Quiet: testQuiet, Poll: testQuiet, notify: exhausted}, path)
	for _, text := range []string{"two", "three"} {
		write(t, path, text)
		x.expect(t, text)
	}
	if got, want := x.log.String(), "level=WARN msg=\"cannot watch files for changes; they are only polled\" error=\"too many open files\"\n"; got != want {
		t.Errorf("log = %s, want %s", got, want)
	}
}

func TestWatcherSaysThatAFileIsMountedByItself(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path, mountinfo := filepath.Join(folder, "providers.yaml"), filepath.Join(folder, "mountinfo")
	write(t, path, "one")
	write(t, mountinfo, "1028 1021 259:1 /volume-subpaths/2 "+resolved(path)+" ro,relatime - ext4 /dev/vda1 rw\n")
	x := watchWith(t, Watcher{Quiet: testQuiet, mountInfo: mountinfo}, path)
	write(t, path, "two") // in place, which is seen
	x.expect(t, "two")
	want := "level=WARN msg=\"a file is mounted by itself (a ConfigMap with subPath, a single file bound into a container), so that a new one in its place is never seen; mount the folder that it is in\" files=" + path + "\n"
	if got := x.log.String(); got != want {
		t.Errorf("log = %s, want %s", got, want)
	}
}

func TestWatcherEndsWithItsContext(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "providers.yaml")
	write(t, path, "one")
	x := watch(t, time.Hour, path)
	x.stop()
	select {
	case <-x.done:
	case <-time.After(10 * time.Second):
		t.Error("Run did not return when its context ended")
	}
}

func TestDigestIsOfContentsOnly(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	a, b := filepath.Join(folder, "a.yaml"), filepath.Join(folder, "b.yaml")
	write(t, a, "a")
	write(t, b, "b")
	want := Digest([]string{a, b})
	for _, paths := range [][]string{{b, a}, {a, b, a}, {folder}, {folder, a}} {
		if got := Digest(paths); got != want {
			t.Errorf("Digest(%v) = %s, want %s", paths, got, want)
		}
	}
	write(t, b, "")
	empty := Digest([]string{folder})
	must(t, os.Remove(b))
	if missing := Digest([]string{a, b}); missing == empty || missing == want {
		t.Errorf("Digest of a missing file = %s, want neither %s nor %s", missing, empty, want)
	}
}
