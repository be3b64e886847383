package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// target is one proxy.
type target struct {
	name    string
	url     string // what the provider's paths follow
	process *exec.Cmd
}

// bench is the upstream, the proxies, and what was measured.
type bench struct {
	work     string
	time     time.Duration
	secure   bool // the upstream has TLS
	upstream *exec.Cmd
	targets  []*target
	results  map[key][]sample
}

// start starts everything, each on a free port of this machine.
func (b *bench) start(gateway string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	upstream, err := freeAddress()
	if err != nil {
		return err
	}
	at, certificate := "http://"+upstream, ""
	if b.secure {
		at, certificate = "https://"+upstream, filepath.Join(b.work, "upstream.pem")
		os.Setenv("SSL_CERT_FILE", certificate) // for all that are started
	}
	if b.upstream, err = startProgram(self, "upstream", upstream, certificate); err != nil {
		return err
	}
	if err := waitForUpstream(upstream); err != nil {
		return err
	}
	return errors.Join(
		b.nginx(at),
		b.add("ReverseProxy", func(address string) []string { return []string{self, "reverse-proxy", address, at} }),
		b.add("windhover", b.gateway(gateway, at, "usage: openai", filepath.Join(b.work, "data"))),
		b.add("windhover, no ledger", b.gateway(gateway, at, "usage: openai", "none")),
		b.add("windhover, no metering", b.gateway(gateway, at, "stream_usage: off", "none")),
	)
}

func (b *bench) add(name string, command func(address string) []string) error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	args := command(address)
	process, err := startProgram(args[0], args[1:]...)
	if err != nil {
		return err
	}
	t := &target{name, "http://" + address + "/openai", process}
	b.targets = append(b.targets, t)
	if err := waitFor(t.url + "/?size=1"); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// gateway is the command that runs it with one provider.
func (b *bench) gateway(program, upstream, reads, data string) func(string) []string {
	return func(address string) []string {
		file := filepath.Join(b.work, "providers-"+address+".yaml")
		text := "version: 1\nextends: builtin\nproviders:\n  openai:\n    upstream: " + upstream + "\n    " + reads + "\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			panic(err)
		}
		return []string{program, "serve", "--listen", address, "--admin", "off", "--providers", file, "--records", "none", "--data", data, "--log-level", "error"}
	}
}

// nginx takes part where it is installed.
func (b *bench) nginx(upstream string) error {
	program, err := exec.LookPath("nginx")
	if err != nil {
		return nil
	}
	return b.add("nginx", func(address string) []string {
		file := filepath.Join(b.work, "nginx.conf")
		scheme, at, _ := strings.Cut(upstream, "://")
		if err := os.WriteFile(file, fmt.Appendf(nil, nginxConfig, at, address, scheme), 0o600); err != nil {
			panic(err)
		}
		return []string{program, "-p", b.work, "-e", "stderr", "-c", file}
	})
}

const nginxConfig = `daemon off;
worker_processes 2;
pid nginx.pid;
error_log stderr crit;
events { worker_connections 19900; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  upstream mock { server %s; keepalive 1024; keepalive_requests 1000000000; }
  server {
    listen %s backlog=4096;
    client_max_body_size 0;
    location /openai/ {
      proxy_pass %s://mock/;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }
  }
}
`

func startProgram(name string, args ...string) (*exec.Cmd, error) {
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return cmd, nil
}

// stop ends all programs, and waits for their end.
func (b *bench) stop() {
	programs := []*exec.Cmd{b.upstream}
	for _, t := range b.targets {
		programs = append(programs, t.process)
	}
	for _, p := range programs {
		if p != nil {
			_ = p.Process.Signal(syscall.SIGTERM) // where the script runs in the background, an interrupt is ignored
			_ = p.Wait()
		}
	}
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// waitForUpstream waits until something listens there.
func waitForUpstream(address string) error {
	for range 200 {
		if c, err := net.Dial("tcp", address); err == nil {
			return c.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	return errors.New("the upstream does not answer")
}

func waitFor(url string) error {
	var err error
	for range 200 {
		var res *http.Response
		if res, err = http.Get(url); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
			err = errors.New(res.Status)
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("does not answer: %w", err)
}
