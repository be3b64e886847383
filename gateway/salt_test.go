package gateway

import (
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func TestSaltIsKept(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "data") // is made
	first, err := keptSalt(folder)
	if err != nil || len(first) != 2*saltSize {
		t.Fatalf("keptSalt = %q, %v, want %d characters", first, err, 2*saltSize)
	}
	if again, err := keptSalt(folder); err != nil || string(again) != string(first) {
		t.Errorf("keptSalt = %q, %v, then %q", first, err, again)
	}
	info, err := os.Stat(filepath.Join(folder, saltFile))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode = %v, %v, want %v", info.Mode(), err, fs.FileMode(0o600))
	}
	if other, _ := keptSalt(t.TempDir()); string(other) == string(first) {
		t.Error("two folders have one salt")
	}
}

func TestGatewaysThatStartTogetherHaveOneSalt(t *testing.T) {
	t.Parallel()
	for range 20 {
		folder := t.TempDir()
		salts := make([]string, 8)
		var all sync.WaitGroup
		for i := range salts {
			all.Go(func() {
				salt, err := keptSalt(folder)
				if err != nil {
					t.Error(err)
				}
				salts[i] = string(salt)
			})
		}
		all.Wait()
		for _, salt := range salts {
			if salt != salts[0] || salt == "" {
				t.Fatalf("salts = %q, want one", salts)
			}
		}
		if files, err := os.ReadDir(folder); err != nil || len(files) != 1 {
			t.Fatalf("files = %v, %v, want %s alone", files, err, saltFile)
		}
	}
}

func TestSaltThatIsTooShortIsRefused(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, saltFile)
	if err := os.WriteFile(path, []byte("0123456789abcde\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := keptSalt(folder)
	if want := path + " holds 15 characters, 16 are the least; remove it, and a new one is made"; err == nil || err.Error() != want {
		t.Errorf("keptSalt: %v, want %s", err, want)
	}
}
