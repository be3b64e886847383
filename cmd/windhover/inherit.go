package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"windhover/config"
)

// The names of the listeners. Those of the public and the admin listener may be inherited, named so in systemd's
// FileDescriptorName=.
const (
	publicSocket  = "public"
	adminSocket   = "admin"
	metricsSocket = "metrics"
)

// firstInherited is the file descriptor of the first inherited socket (SD_LISTEN_FDS_START).
const firstInherited = 3

// inherited are listening sockets that systemd has opened for this process, by name. Each takes the place of the address in
// the settings, so that a restart refuses nobody, and a port below 1024 needs no privileges.
// https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html
type inherited map[string]net.Listener

// inheritSockets is empty where systemd has passed none, or has passed them to another process.
func (p program) inheritSockets() (inherited, error) {
	if pid, _ := p.lookupEnv("LISTEN_PID"); pid != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	count, _ := p.lookupEnv("LISTEN_FDS")
	n, err := strconv.Atoi(count)
	if err != nil {
		return nil, fmt.Errorf("read LISTEN_FDS: %w", err)
	}
	listed, _ := p.lookupEnv("LISTEN_FDNAMES")
	names := strings.Split(listed, ":")
	sockets := inherited{}
	for i := range n {
		if err := sockets.take(i, socketName(i, names)); err != nil {
			return nil, errors.Join(err, sockets.close())
		}
	}
	return sockets, nil
}

// socketName is what inherited socket i is for. The first one need not say it: systemd names a socket after its unit.
func socketName(i int, names []string) string {
	name := ""
	if i < len(names) {
		name = names[i]
	}
	if i == 0 && name != adminSocket {
		return publicSocket
	}
	return name
}

func (s inherited) take(i int, name string) error {
	if name != publicSocket && name != adminSocket {
		return fmt.Errorf("socket %d that systemd has passed is named %q; name it public or admin (FileDescriptorName=)", i+1, name)
	}
	if s[name] != nil {
		return fmt.Errorf("systemd has passed two sockets for the %s listener; there can be one", name)
	}
	file := os.NewFile(uintptr(firstInherited+i), name)
	defer file.Close() // the listener has a descriptor of its own
	listener, err := net.FileListener(file)
	if err != nil {
		return fmt.Errorf("use socket %d that systemd has passed: %w", i+1, err)
	}
	s[name] = listener
	return nil
}

func (s inherited) close() error {
	var errs []error
	for _, listener := range s {
		errs = append(errs, listener.Close())
	}
	return errors.Join(errs...)
}

// replace puts the addresses of inherited sockets in the place of those in the settings.
func (s inherited) replace(settings *config.Settings) {
	if listener := s[publicSocket]; listener != nil {
		settings.Listen = addressOf(listener)
	}
	if listener := s[adminSocket]; listener != nil {
		settings.Admin = addressOf(listener)
	}
}

// listen is the inherited socket of that name, or else opens the address, alone or with others of this machine.
func (s inherited) listen(ctx context.Context, name, address string, shared bool) (net.Listener, error) {
	if listener := s[name]; listener != nil {
		return listener, nil
	}
	network, path := networkOf(address)
	if network == "unix" {
		return listenUnix(ctx, path)
	}
	c := new(net.ListenConfig)
	if shared {
		c.Control = reusePort
	}
	return c.Listen(ctx, network, address)
}
