package ledger

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const lockName = "ledger.lock"

// ErrLocked says that another process writes the ledger.
var ErrLocked = errors.New("another process writes this ledger")

// Lock makes this process the one that writes the ledger in a data folder, until it is unlocked or the process ends. The
// error is ErrLocked if there is another one.
func Lock(folder string) (unlock func(), err error) {
	if err := os.MkdirAll(folder, folderMode); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(folder, lockName), os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, fmt.Errorf("open the ledger's lock: %w", err)
	}
	free, err := flock(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock the ledger: %w", err)
	}
	if !free {
		defer f.Close()
		return nil, heldBy(f)
	}
	if f.Truncate(0) == nil { // who holds it is for people alone
		_, _ = f.WriteString(strconv.Itoa(os.Getpid()) + "\n")
	}
	return func() { f.Close() }, nil
}

func heldBy(f *os.File) error {
	text, _ := io.ReadAll(io.LimitReader(f, 20))
	if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
		return fmt.Errorf("%w: the one with process ID %d", ErrLocked, pid)
	}
	return ErrLocked
}
