package gateway

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"windhover/config"
)

var update = flag.Bool("update", false, "write the golden files anew")

const meaningFolder = "../testdata/config/bad-meaning"

// Every file here is well formed, and says something that cannot be meant. The .txt beside it is all that is said about it.
func TestBadMeaningIsExplained(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(meaningFolder, "*.yaml"))
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v, want 20 at least", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			compareMeaning(t, file, strings.TrimSuffix(file, ".yaml")+".txt")
		})
	}
}

func compareMeaning(t *testing.T, file, golden string) {
	t.Helper()
	f, err := config.Load(file, config.Options{})
	if err != nil {
		t.Fatalf("Load finds a problem of form: %v", err)
	}
	_, err = Compile(f, CompileOptions{})
	var problems config.Problems
	if !errors.As(err, &problems) {
		t.Fatalf("Compile = %v, want problems", err)
	}
	got := strings.ReplaceAll(problems.Error(), meaningFolder+"/", "") + "\n"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("Compile says\n%swant\n%s", got, want)
	}
}
