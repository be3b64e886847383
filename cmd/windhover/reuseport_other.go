//go:build !unix

package main

import (
	"errors"
	"syscall"
)

// reusePort is not to be had here.
func reusePort(_, _ string, _ syscall.RawConn) error {
	return errors.New("this system has no SO_REUSEPORT; leave --reuseport out")
}
