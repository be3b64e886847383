package sqlite

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// What can be wrong with a file, in words for whoever runs the gateway. Errors of this package wrap them.
var (
	ErrCorrupt  = errors.New("the file is corrupt, or no ledger; move it away, with the -wal and -shm files beside it, and a new one is begun")
	ErrFull     = errors.New("the disk is full; free some space")
	ErrLocked   = errors.New("another program holds the file")
	ErrReadOnly = errors.New("the file or its folder cannot be written to; give the gateway's user the right to, or mount it for writing")
	ErrDisk     = errors.New("the disk cannot be read or written")
	ErrNoAccess = errors.New("the file cannot be opened; its folder must be there, and open to the gateway's user")
)

// explain says what is wrong in front of what SQLite says.
func explain(err error) error {
	if err == nil {
		return nil
	}
	switch primary(err) {
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	case lib.SQLITE_FULL:
		return fmt.Errorf("%w: %w", ErrFull, err)
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return fmt.Errorf("%w: %w", ErrLocked, err)
	case lib.SQLITE_READONLY:
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	case lib.SQLITE_IOERR:
		return fmt.Errorf("%w: %w", ErrDisk, err)
	case lib.SQLITE_CANTOPEN:
		return fmt.Errorf("%w: %w", ErrNoAccess, err)
	}
	return err
}

// primary is SQLite's result code, less its details; 0 if the error is none of SQLite's.
func primary(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

// noShared reports whether the file beside the ledger that its readers and its writer share could not be opened.
func noShared(err error) bool {
	code := primary(err)
	return code == lib.SQLITE_CANTOPEN || code == lib.SQLITE_READONLY
}
