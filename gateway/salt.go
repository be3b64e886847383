package gateway

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	saltFile = "identity.salt" // in the data folder
	saltSize = 32              // bytes, written as hex digits
	minSalt  = 16              // characters of one that somebody has written there
)

func newSalt() []byte {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // cannot fail
	return hex.AppendEncode(nil, salt)
}

// keptSalt is the salt that a folder keeps, for as long as its records are to be told apart. The first gateway that asks makes it.
func keptSalt(folder string) ([]byte, error) {
	salt, err := readSalt(folder)
	if !errors.Is(err, fs.ErrNotExist) {
		return salt, err
	}
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return nil, err
	}
	if err := writeSalt(folder, newSalt()); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return readSalt(folder)
}

func readSalt(folder string) ([]byte, error) {
	path := filepath.Join(folder, saltFile)
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	salt := bytes.TrimSpace(content)
	if len(salt) < minSalt {
		return nil, fmt.Errorf("%s holds %d characters, %d are the least; remove it, and a new one is made", path, len(salt), minSalt)
	}
	return salt, nil
}

// writeSalt makes the file whole or not at all. Unlike a rename, a link fails where another gateway was first, so that all
// of them end with the same salt.
func writeSalt(folder string, salt []byte) error {
	f, err := os.CreateTemp(folder, saltFile+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(salt, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), filepath.Join(folder, saltFile))
}
