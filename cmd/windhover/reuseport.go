//go:build unix

package main

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// reusePort lets several sockets listen on one address: the kernel gives each new connection to one of them. When one is
// closed, connections that wait in its queue are reset, so that this is no way to restart; an inherited socket is.
func reusePort(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	})
	if err != nil {
		return err
	}
	return failed
}
