package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// gateway is a running one, with one provider pointed at the upstream.
type gateway struct {
	url     string
	process *exec.Cmd
	records string // the file
	logged  chan []byte
}

// record is a line of the records file. Numbers are float64, times are RFC 3339 in UTC.
type record map[string]any

// startGateway starts the program on a port of its own. Its file extends the built-in one, in which the provider stays as it
// is shipped, but for the host.
func (t trial) startGateway(c client, upstream string) (*gateway, error) {
	folder, err := os.MkdirTemp(t.work, "gateway-")
	if err != nil {
		return nil, err
	}
	entry, err := t.shippedEntry(c.provider, upstream)
	if err != nil {
		return nil, err
	}
	scheme := "http"
	args := []string{"serve", "--listen", "127.0.0.1:0", "--admin", "off", "--log-format", "text"}
	if c.secure {
		scheme = "https"
		entry += "    tls: {ca_file: " + t.certificate.certFile + "}\n"
		args = append(args, "--tls-cert", t.certificate.certFile, "--tls-key", t.certificate.keyFile)
	}
	file := filepath.Join(folder, "providers.yaml")
	if err := os.WriteFile(file, []byte("version: 1\nextends: builtin\nproviders:\n"+entry), 0o600); err != nil {
		return nil, err
	}
	g := &gateway{records: filepath.Join(folder, "records.jsonl"), logged: make(chan []byte, 1)}
	g.process = exec.Command(t.gateway, append(args, "--providers", file, "--records", g.records)...)
	g.process.Dir = folder
	g.process.Env = []string{"PATH=" + os.Getenv("PATH")}
	address, err := g.start()
	g.url = scheme + "://" + address
	return g, err
}

// start runs the process, and learns from its log where it listens.
func (g *gateway) start() (address string, err error) {
	log, err := g.process.StderrPipe()
	if err != nil {
		return "", err
	}
	if err := g.process.Start(); err != nil {
		return "", fmt.Errorf("start the gateway: %w", err)
	}
	listening := regexp.MustCompile(`msg="the gateway is listening" address=(\S+)`)
	lines := bufio.NewReader(log)
	var said bytes.Buffer
	for {
		line, err := lines.ReadString('\n')
		said.WriteString(line)
		if found := listening.FindStringSubmatch(line); found != nil {
			address = found[1]
			break
		}
		if err != nil {
			_ = g.process.Wait()
			return "", fmt.Errorf("the gateway does not start: %s", &said)
		}
	}
	go func() {
		rest, _ := io.ReadAll(lines)
		g.logged <- rest
	}()
	return address, nil
}

// maxStop is how long the gateway may take to finish what is open.
const maxStop = 10 * time.Second

// stop ends the gateway as an operator would, and returns its records in the order in which the requests began.
func (g *gateway) stop() ([]record, error) {
	if err := g.process.Process.Signal(syscall.SIGTERM); err != nil {
		return nil, err
	}
	late := time.AfterFunc(maxStop, func() { _ = g.process.Process.Kill() })
	log := <-g.logged
	err := g.process.Wait()
	if !late.Stop() {
		return nil, errors.New("the gateway does not stop")
	}
	if err != nil {
		return nil, fmt.Errorf("the gateway: %w\n%s", err, log)
	}
	data, err := os.ReadFile(g.records)
	if err != nil {
		return nil, err
	}
	var records []record
	for line := range bytes.Lines(data) {
		var one record
		if err := json.Unmarshal(line, &one); err != nil {
			return nil, fmt.Errorf("record %s: %w", line, err)
		}
		records = append(records, one)
	}
	slices.SortStableFunc(records, func(a, b record) int { return a.time().Compare(b.time()) })
	return records, nil
}

func (r record) time() time.Time {
	text, _ := r["time"].(string)
	at, _ := time.Parse(time.RFC3339Nano, text)
	return at
}

// shippedEntry is the provider's part of the shipped file, with another upstream.
func (t trial) shippedEntry(provider, upstream string) (string, error) {
	data, err := os.ReadFile(t.providers)
	if err != nil {
		return "", err
	}
	_, after, found := strings.Cut(string(data), "\n  "+provider+":")
	if !found {
		return "", fmt.Errorf("%s has no provider %s", t.providers, provider)
	}
	lines := strings.Split(after, "\n")
	entry := "  " + provider + ":\n"
	for _, line := range lines[1:] {
		if !strings.HasPrefix(line, "    ") {
			break
		}
		if strings.HasPrefix(line, "    upstream: ") {
			line = "    upstream: " + upstream
		}
		entry += line + "\n"
	}
	return entry, nil
}
