package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"windhover/config"
)

const (
	// socketMode lets the socket's owner and group connect.
	socketMode = 0o660

	// probeTimeout bounds the question whether anybody serves a socket.
	probeTimeout = time.Second
)

// listenUnix opens a unix socket. One that a killed gateway has left behind is replaced; closing the listener removes it.
func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("%s is a file and no socket; remove it, or choose another path", path)
	}
	if abandoned(ctx, path) {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("remove an abandoned socket: %w", err)
		}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, socketMode); err != nil {
		return nil, errors.Join(fmt.Errorf("let the socket's group connect: %w", err), listener.Close())
	}
	return listener, nil
}

// abandoned reports whether a socket has nobody who listens. Any other answer than a refusal may come from one that is busy.
func abandoned(ctx context.Context, path string) bool {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	connection, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err == nil {
		_ = connection.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// addressOf is a listener's address as the settings write it.
func addressOf(listener net.Listener) string {
	address := listener.Addr()
	if address.Network() == "unix" {
		return config.UnixPrefix + address.String()
	}
	return address.String()
}

// networkOf is an address of the settings as package net takes it.
func networkOf(address string) (network, name string) {
	if path, unix := strings.CutPrefix(address, config.UnixPrefix); unix {
		return "unix", path
	}
	return "tcp", address
}
