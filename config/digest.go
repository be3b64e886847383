package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// Digest is the SHA-256 over the contents of the files at paths, in hex. Of a folder its fragments count. Neither the order of
// the paths nor naming one twice makes a difference; a file that cannot be read counts as such.
func Digest(paths []string) string {
	sum := sha256.New()
	for _, file := range filesOf(paths) {
		fmt.Fprintf(sum, "%d %s ", len(file), file)
		content := sha256.New()
		if err := copyFile(content, file); err == nil {
			sum.Write(content.Sum(nil))
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// copyFile copies nothing but regular files: reading a pipe would take from its real reader, or wait for ever.
func copyFile(dst io.Writer, name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return nil
	}
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(dst, file)
	return err
}

// filesOf is the paths with each folder replaced by its fragments, sorted, each once.
func filesOf(paths []string) []string {
	var files []string
	for _, path := range paths {
		if !isFolder(path) {
			files = append(files, filepath.Clean(path))
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			continue // it vanished just now
		}
		for _, entry := range entries {
			if isFragment(path, entry.Name()) {
				files = append(files, filepath.Join(path, entry.Name()))
			}
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
