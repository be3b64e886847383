// Command windhover is a transparent streaming gateway in front of AI providers.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"windhover/config"
)

func main() {
	os.Exit(program{
		stdout:  os.Stdout,
		stderr:  os.Stderr,
		environ: os.Environ(),
		colour:  term.IsTerminal(int(os.Stdout.Fd())) && os.Getenv("NO_COLOR") == "",
	}.run(context.Background(), os.Args[1:]))
}

// program is the world that the commands see.
type program struct {
	stdout, stderr io.Writer
	environ        []string
	folder         string // the working folder, where files that nobody named are looked for; empty: the process's own
	colour         bool   // stdout is a terminal whose owner likes colours
}

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2 // the command was called wrongly: its arguments, or the settings
)

// run executes the command that args name and returns its exit code.
func (p program) run(ctx context.Context, args []string) int {
	called := false // all of cobra's own complaints come before
	root := p.rootCommand()
	root.PersistentPreRun = func(*cobra.Command, []string) { called = true }
	root.SetArgs(args)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	err := root.ExecuteContext(ctx)

	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errSaid):
		return exitFailed
	case !called || errors.As(err, &usage):
		p.complain(err)
		return exitUsage
	}
	p.complain(err)
	return exitFailed
}

// errSaid is the error of a command that has printed what is wrong.
var errSaid = errors.New("said already")

// usageError is one of the settings.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// complain prints an error on one line; problems stand on a line each and say themselves where they are.
func (p program) complain(err error) {
	var problems config.Problems
	if errors.As(err, &problems) {
		fmt.Fprintln(p.stderr, problems.Error())
		return
	}
	fmt.Fprintln(p.stderr, "windhover:", err)
}

func (p program) rootCommand() *cobra.Command {
	root := p.serveCommand()
	root.Use = "windhover"
	root.Short = "A transparent streaming gateway in front of AI providers"
	root.Long = "Windhover is a transparent streaming gateway in front of AI providers.\n\n" + root.Long
	root.Args = nil // so that a mistyped command is one, and no argument of serve
	root.SilenceErrors = true
	root.SilenceUsage = true
	root.AddCommand(
		p.serveCommand(),
		p.checkCommand(),
		p.testCommand(),
		p.explainCommand(),
		p.pricesCommand(),
		p.recordCommand(),
		p.usageCommand(),
		p.repriceCommand(),
		p.healthCommand(),
		p.schemaCommand(),
		p.versionCommand(),
		p.completionCommand(),
	)
	explainHelp(root)
	for _, command := range append(root.Commands(), root) {
		if err := completeSettings(command); err != nil {
			panic(err) // our bug: a flag was given two completions
		}
	}
	return root
}

// explainHelp makes `windhover help` refuse a command that there is none of, as windhover itself does.
func explainHelp(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	help, _, _ := root.Find([]string{"help"})
	help.Example = "  windhover help\n  windhover help check"
	help.Args = func(_ *cobra.Command, args []string) error {
		_, _, err := root.Find(args)
		return err
	}
}

// settings reads the settings; a command has flags for those it uses.
func (p program) settings(cmd *cobra.Command) (config.Settings, error) {
	s, err := config.LoadSettings(cmd.Flags(), p.environ, p.folder)
	if err != nil {
		return s, usageError{err}
	}
	return s, nil
}
