//go:build unix && !aix && !illumos && !solaris

package ledger

import (
	"errors"
	"os"
	"syscall"
)

// flock locks an open file until it is closed, if nobody else has. On a file system that has no locks, everything is free.
func flock(f *os.File) (free bool, err error) {
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return false, nil
	case errors.Is(err, syscall.ENOSYS), errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOLCK):
		return true, nil
	}
	return err == nil, err
}
