package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

// gateway is a running one.
type gateway struct {
	url     string // of the public listener
	metrics string // host:port of the one for metrics
	process *exec.Cmd
}

// startGateway starts the program with one provider pointed at the upstream, and learns from its log where it listens.
func startGateway(ctx context.Context, program, work, upstream string) (*gateway, error) {
	file := filepath.Join(work, "providers.yaml")
	content := "version: 1\nextends: builtin\nproviders:\n  openai: {upstream: '" + upstream + "', usage: openai}\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		return nil, err
	}
	process := exec.CommandContext(ctx, program, "serve", "--listen=127.0.0.1:0", "--admin=off", "--metrics=127.0.0.1:0", "--records=none", "--providers", file)
	process.Dir = work
	process.Env = []string{"PATH=" + os.Getenv("PATH")}
	log, err := process.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := process.Start(); err != nil {
		return nil, fmt.Errorf("start the gateway: %w", err)
	}
	g := &gateway{process: process}
	listening := regexp.MustCompile(`msg="the (gateway is listening|metrics listener is open)" address=(\S+)`)
	lines, said := bufio.NewReader(log), ""
	for g.url == "" || g.metrics == "" {
		line, err := lines.ReadString('\n')
		said += line
		if err != nil {
			g.stop()
			return nil, fmt.Errorf("the gateway does not start: %s", said)
		}
		switch found := listening.FindStringSubmatch(line); {
		case found == nil:
		case found[1] == "gateway is listening":
			g.url = "http://" + found[2]
		default:
			g.metrics = found[2]
		}
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	return g, nil
}

func (g *gateway) stop() { stop(g.process) }

// stop ends a process of ours.
func stop(process *exec.Cmd) {
	_ = process.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(10*time.Second, func() { _ = process.Process.Kill() })
	defer timer.Stop()
	_ = process.Wait()
}

// freeAddress is one where nobody listens at the moment.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
