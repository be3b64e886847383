package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// TestMain lets the test binary stand in for the program, for what only a process of its own can show: signals, pipes.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_RUN_MAIN") != "" {
		main()
	}
	os.Exit(m.Run())
}

// outcome is what a command has done.
type outcome struct {
	code           int
	stdout, stderr string
}

// run executes the program in an empty working folder.
func run(t *testing.T, args ...string) outcome {
	t.Helper()
	return runIn(t, t.TempDir(), nil, args...)
}

func runIn(t *testing.T, folder string, environ []string, args ...string) outcome {
	t.Helper()
	var stdout, stderr buffer
	code := program{stdout: &stdout, stderr: &stderr, environ: environ, folder: folder}.run(t.Context(), args)
	return outcome{code, stdout.String(), stderr.String()}
}

func TestMistakesInTheCallExitWithTwo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args   []string
		stderr string
	}{
		{[]string{"chekc"}, "windhover: unknown command \"chekc\" for \"windhover\"\n\nDid you mean this?\n\tcheck\n\n"},
		{[]string{"--lisen", ":1"}, "windhover: unknown flag: --lisen\n"},
		{[]string{"serve", "now"}, "windhover: unknown command \"now\" for \"windhover serve\"\n"},
		{[]string{"test"}, "windhover: test needs a folder of cases, as in windhover test testdata/replay\n"},
		{[]string{"record", "--provider", "openai"}, "windhover: record needs one folder for the cases, as in windhover record --provider openai cases\n"},
		{[]string{"completion"}, "windhover: completion needs one shell: bash, zsh, fish, powershell\n"},
		{[]string{"completion", "tcsh"}, "windhover: completion needs one shell: bash, zsh, fish, powershell\n"},
		{[]string{"help", "nope"}, "windhover: unknown command \"nope\" for \"windhover\"\n"},
		{[]string{"help", "chekc"}, "windhover: unknown command \"chekc\" for \"windhover\"\n\nDid you mean this?\n\tcheck\n\n"},
		{[]string{"explain", "POST"}, "windhover: explain needs METHOD and PATH, as in windhover explain POST /openai/v1/chat/completions\n"},
		{[]string{"explain", "/openai/v1/models"}, "windhover: explain needs METHOD and PATH, as in windhover explain POST /openai/v1/chat/completions\n"},
		{[]string{"explain", "POST", "/openai/v1", "--response", "case"}, "windhover: POST /openai/v1 is a request, and --response names an answer; explain one of them\n"},
		{[]string{"serve", "--listen", "5501"}, "--listen: 5501 is no address; write HOST:PORT, :PORT for every interface, or unix:/PATH\n"},
		{[]string{"--admin", ":5502"}, "windhover: the admin address :5502 can be reached from elsewhere; set --admin-token or --admin-client-ca, listen on 127.0.0.1, or give --admin-open if everybody there may\n"},
		{[]string{"--database=postgres://u:kestrel@h:port/x"}, "windhover: --database: its URL cannot be read; write it as postgres://user:password@host:5432/database?sslmode=verify-full, with %40 for an @ in the password, and so on\n"},
		{[]string{"--data=none", "--database=postgres://db/x"}, "windhover: --database needs a data folder, for the spool that records wait in while the database does not answer; name one with --data\n"},
	} {
		got := run(t, c.args...)
		if want := (outcome{exitUsage, "", c.stderr}); got != want {
			t.Errorf("%q: %+v, want %+v", c.args, got, want)
		}
	}
}

func TestEveryCommandHasHelpWithExamples(t *testing.T) {
	t.Parallel()
	eachCommand(t, func(c *cobra.Command) {
		got := run(t, append(path(c), "--help")...)
		if got.code != exitOK || !strings.Contains(got.stdout, "Examples:") || got.stderr != "" {
			t.Errorf("%s --help = %+v, want a help with examples", c.CommandPath(), got)
		}
	})
}

// Examples run as they stand in the help, from the top folder; those that serve get free ports and end at once.
func TestExamplesInHelpWork(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	ready := start(t, t.TempDir())
	data := filepath.Join(ledgerOfADay(t), "data")
	eachCommand(t, func(c *cobra.Command) {
		for line := range strings.Lines(c.Example) {
			example, _, _ := strings.Cut(line, "#")
			example, _, _ = strings.Cut(example, ">")
			args := strings.Fields(example)[1:]
			ctx := t.Context()
			switch {
			case c.Name() == "windhover" || c.Name() == "serve":
				ended, cancel := context.WithCancel(ctx)
				cancel()
				ctx = ended
				args = append(args, "--listen=127.0.0.1:0", "--admin=off", "--data="+t.TempDir())
			case c.Name() == "record":
				ended, cancel := context.WithCancel(ctx)
				cancel()
				ctx = ended
				args = append(args[:len(args)-1], t.TempDir(), "--listen=127.0.0.1:0")
			case c.Name() == "usage" || c.Name() == "reprice":
				args = append(args, "--data="+data)
				if c.Name() == "reprice" {
					args = append(args, "--admin=off")
				}
			case strings.Contains(line, "--ledger"):
				args[len(args)-1] = data
			case c.Name() == "health":
				args = append(args, "--listen="+ready.address)
			}
			var stdout, stderr buffer
			if code := (program{stdout: &stdout, stderr: &stderr}).run(ctx, args); code != exitOK {
				t.Errorf("%s exits with %d: %s%s", strings.TrimSpace(line), code, stdout.String(), stderr.String())
			}
		}
	})
}

func eachCommand(t *testing.T, f func(*cobra.Command)) {
	t.Helper()
	root := program{}.rootCommand()
	f(root)
	for _, c := range root.Commands() {
		f(c)
	}
}

// path is the command as arguments.
func path(c *cobra.Command) []string { return strings.Fields(c.CommandPath())[1:] }

// gatewayProcess is a running serve.
type gatewayProcess struct {
	address, admin string
	stdout, stderr *buffer
	stop           context.CancelFunc // what SIGTERM does
	code           chan int
}

// start serves on free ports, with the given further arguments.
func start(t *testing.T, folder string, args ...string) *gatewayProcess {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	g := &gatewayProcess{stdout: new(buffer), stderr: new(buffer), stop: stop, code: make(chan int, 1)}
	p := program{stdout: g.stdout, stderr: g.stderr, folder: folder}
	go func() { g.code <- p.run(ctx, append([]string{"--listen=127.0.0.1:0", "--admin=127.0.0.1:0"}, args...)) }()
	t.Cleanup(func() { stop(); g.exit(t) })
	g.address = g.logged(t, `msg="the gateway is listening" address=(\S+)`)
	if !strings.Contains(strings.Join(args, " "), "--admin") {
		g.admin = g.logged(t, `msg="the admin listener is open" address=(\S+)`)
	}
	return g
}

// logged waits for a line of the log and returns what the pattern's group matches.
func (g *gatewayProcess) logged(t *testing.T, pattern string) string {
	t.Helper()
	return await(t, g.stderr, pattern)
}

func await(t *testing.T, out *buffer, pattern string) string {
	t.Helper()
	expression := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if found := expression.FindStringSubmatch(out.String()); found != nil {
			return found[len(found)-1]
		}
	}
	t.Fatalf("nothing matches %s in:\n%s", pattern, out.String())
	return ""
}

// exit waits for the exit code; further calls return it again.
func (g *gatewayProcess) exit(t *testing.T) int {
	t.Helper()
	select {
	case code := <-g.code:
		g.code <- code
		return code
	case <-time.After(20 * time.Second):
		t.Errorf("serve does not end:\n%s", g.stderr.String())
		return -1
	}
}
