package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// providersNamed is a providers file with one provider of that name.
func providersNamed(name string) string {
	return fmt.Sprintf("version: 1\nproviders:\n  %s: {upstream: 'https://%s.example'}\n", name, name)
}

// awaitProviders waits until the gateway has these providers and no others.
func (g *gatewayProcess) awaitProviders(t *testing.T, names ...string) {
	t.Helper()
	want := `["` + strings.Join(names, `","`) + "\"]\n"
	got := ""
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if got = get(t, g.address, "/providers"); got == want {
			return
		}
	}
	t.Errorf("providers = %s, want %s:\n%s", got, want, g.stderr.String())
}

func mustDo(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// publish swaps the content of a mounted ConfigMap as the kubelet does: the file is a symlink to ..data/providers.yaml, and
// ..data one to the newest revision's folder.
func publish(t *testing.T, folder, revision, text string) {
	t.Helper()
	data := filepath.Join(folder, "..data")
	old, _ := os.Readlink(data)
	mustDo(t, os.Mkdir(filepath.Join(folder, revision), 0o700))
	writeFile(t, filepath.Join(folder, revision, "providers.yaml"), text)
	mustDo(t, os.Symlink(revision, data+"_tmp"), os.Rename(data+"_tmp", data))
	if old == "" {
		mustDo(t, os.Symlink("..data/providers.yaml", filepath.Join(folder, "providers.yaml")))
		return
	}
	mustDo(t, os.RemoveAll(filepath.Join(folder, old)))
}

func TestServeTakesUpEveryWayOfEditing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		edit func(t *testing.T, folder, file string) // ends with the provider `edited`
	}{
		{"rename over", func(t *testing.T, folder, file string) {
			writeFile(t, file+".new", providersNamed("edited"))
			mustDo(t, os.Rename(file+".new", file))
		}},
		{"vim", func(t *testing.T, folder, file string) {
			mustDo(t, os.Rename(file, file+"~"))
			writeFile(t, file, providersNamed("edited"))
			mustDo(t, os.Chmod(file, 0o600), os.Remove(file+"~"))
		}},
		{"truncate and slow write", func(t *testing.T, folder, file string) {
			f, err := os.Create(file)
			mustDo(t, err)
			for _, line := range strings.SplitAfter(providersNamed("edited"), "\n") {
				time.Sleep(300 * time.Millisecond) // longer than the watcher waits: it reads halves of it
				_, err := io.WriteString(f, line)
				mustDo(t, err)
			}
			mustDo(t, f.Close())
		}},
		{"delete and create", func(t *testing.T, folder, file string) {
			mustDo(t, os.Remove(file))
			time.Sleep(400 * time.Millisecond)
			writeFile(t, file, providersNamed("edited"))
		}},
		{"folder replaced", func(t *testing.T, folder, file string) {
			next := folder + ".next"
			mustDo(t, os.Mkdir(next, 0o700))
			writeFile(t, filepath.Join(next, "providers.yaml"), providersNamed("edited"))
			mustDo(t, os.Rename(folder, folder+".old"), os.Rename(next, folder))
		}},
		{"broken, then mended", func(t *testing.T, folder, file string) {
			writeFile(t, file, "version: 1\nproviders: {")
			time.Sleep(400 * time.Millisecond)
			writeFile(t, file, providersNamed("edited"))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			folder := filepath.Join(t.TempDir(), "etc")
			mustDo(t, os.Mkdir(folder, 0o700))
			file := filepath.Join(folder, "providers.yaml")
			writeFile(t, file, providersNamed("first"))
			g := start(t, t.TempDir(), "--providers="+file)
			g.awaitProviders(t, "first")
			c.edit(t, folder, file)
			g.awaitProviders(t, "edited")
		})
	}
}

func TestServeTakesUpConfigMapSwaps(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	publish(t, folder, "..r0", providersNamed("r0"))
	g := start(t, folder)
	for i := 1; i < 6; i += 2 {
		publish(t, folder, fmt.Sprintf("..r%d", i), providersNamed(fmt.Sprintf("r%d", i)))
		time.Sleep(20 * time.Millisecond)
		publish(t, folder, fmt.Sprintf("..r%d", i+1), providersNamed(fmt.Sprintf("r%d", i+1)))
		g.awaitProviders(t, fmt.Sprintf("r%d", i+1))
	}
}

func TestServeTakesUpFragmentsThatComeAndGo(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	writeFile(t, filepath.Join(folder, "a.yaml"), providersNamed("a"))
	g := start(t, t.TempDir(), "--providers="+folder)
	writeFile(t, filepath.Join(folder, "b.yaml"), "providers:\n  b: {upstream: 'https://b.example'}\n")
	g.awaitProviders(t, "a", "b")
	mustDo(t, os.Remove(filepath.Join(folder, "b.yaml")))
	g.awaitProviders(t, "a")
}

func TestServeTakesUpAFileThatIsExtended(t *testing.T) {
	t.Parallel()
	folder, elsewhere := t.TempDir(), t.TempDir()
	base := filepath.Join(elsewhere, "base.yaml")
	writeFile(t, base, providersNamed("first"))
	writeFile(t, filepath.Join(folder, "providers.yaml"), "version: 1\nextends: "+base+"\n")
	g := start(t, folder)
	g.awaitProviders(t, "first")
	writeFile(t, base, providersNamed("edited"))
	g.awaitProviders(t, "edited")
}

func TestServeTakesUpARotatedSecret(t *testing.T) {
	t.Parallel()
	keys := make(chan string, 1000)
	folder := provider(t, func(w http.ResponseWriter, r *http.Request) {
		keys <- r.Header.Get("Authorization")
		_, _ = io.WriteString(w, "{}")
	})
	file, secret := filepath.Join(folder, "providers.yaml"), filepath.Join(t.TempDir(), "key")
	writeFile(t, secret, "canary-old")
	writeFile(t, file, strings.Replace(readFile(t, file), "usage: openai}", "usage: openai, access: {tokens: canary-token}, request: {headers: {set: {Authorization: 'Bearer ${file:"+secret+"}'}}}}", 1))
	g := start(t, folder)
	key := func() string {
		t.Helper()
		request, err := http.NewRequest("POST", "http://"+g.address+"/openai/v1/chat/completions", strings.NewReader("{}"))
		mustDo(t, err)
		request.Header.Set("X-Windhover-Key", "canary-token")
		response, err := http.DefaultClient.Do(request)
		mustDo(t, err)
		response.Body.Close()
		return <-keys
	}
	if got, want := key(), "Bearer canary-old"; got != want {
		t.Errorf("Authorization = %s, want %s", got, want)
	}
	writeFile(t, secret+".new", "canary-new")
	mustDo(t, os.Rename(secret+".new", secret))
	g.logged(t, `providers_changed=(openai)`)
	if got, want := key(), "Bearer canary-new"; got != want {
		t.Errorf("Authorization after the rotation = %s, want %s", got, want)
	}
	for _, text := range []string{g.stderr.String(), get(t, g.admin, "/config"), get(t, g.address, "/")} {
		if strings.Contains(text, "canary") {
			t.Errorf("a secret can be read in:\n%s", text)
		}
	}
}

func TestServeDoesNotReloadWhatWasOnlyTouched(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, "providers.yaml")
	writeFile(t, file, providersNamed("first"))
	g := start(t, folder, "--log-level=debug")
	now := time.Now()
	writeFile(t, file, providersNamed("first"))
	mustDo(t, os.Chtimes(file, now, now))
	time.Sleep(400 * time.Millisecond) // more than the watcher waits
	if got := g.stderr.String(); strings.Contains(got, "reload") {
		t.Errorf("the log speaks of a reload:\n%s", got)
	}
	response, err := http.Post("http://"+g.admin+"/-/reload", "", nil)
	mustDo(t, err)
	response.Body.Close()
	g.logged(t, `level=INFO msg="reload: (nothing has changed)"`)
}
