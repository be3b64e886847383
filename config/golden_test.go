package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

const badFolder = "../testdata/config/bad"

// testOptions are the surroundings that the files under testdata are written for.
func testOptions() Options {
	return Options{
		Builtin: []byte("version: 1\n" +
			"defaults: {timeouts: {connect: 10s}, request: {headers: {remove: [Via, X-Real-Ip]}}}\n" +
			"providers: {openai: {upstream: https://api.openai.com, usage: openai}}\n" +
			"usage: {openai: [{fields: {model: first(\"model\")}}]}\n"),
		LookupEnv: func(name string) (string, bool) {
			value, ok := map[string]string{"KEY": "hunter2", "EMPTY": "", "TWO_LINES": "hunter2\nhunter3"}[name]
			return value, ok
		},
	}
}

// Every file or folder under bad is one mistake, and the .txt beside it is all that is said about it.
func TestBadFilesAreExplained(t *testing.T) {
	t.Parallel()
	items, err := os.ReadDir(badFolder)
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range items {
		name, ext := strings.TrimSuffix(item.Name(), filepath.Ext(item.Name())), filepath.Ext(item.Name())
		if ext == ".txt" || ext == ".part" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compareProblems(t, item.Name(), filepath.Join(badFolder, name+".txt"))
		})
	}
}

func compareProblems(t *testing.T, name, golden string) {
	t.Helper()
	file, err := Load(filepath.Join(badFolder, name), testOptions())
	if file == nil || len(file.Paths) == 0 || len(file.Revision) != 12 {
		t.Errorf("Load(%s) = %+v, want a File with Paths and Revision", name, file)
	}
	if err == nil {
		t.Fatalf("Load(%s) finds no problem", name)
	}
	got := strings.ReplaceAll(err.Error(), badFolder+"/", "") + "\n"
	if strings.Contains(got, "hunter") {
		t.Errorf("Load(%s) shows a secret:\n%s", name, got)
	}
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
		t.Errorf("Load(%s) says\n%swant\n%s", name, got, want)
	}
}
