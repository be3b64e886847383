// Clients runs the providers' own client libraries against a local upstream, directly and through the gateway. What they
// give to their callers, and what they send, must be the same, and the gateway must make one true record of each request.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "clients:", err)
		stop()
		os.Exit(1)
	}
}

var errDiffers = errors.New("the gateway makes a difference")

func run(ctx context.Context) error {
	gateway := flag.String("gateway", "", "the gateway's `program`")
	providers := flag.String("providers", "../../providers.yaml", "the shipped `file`")
	replay := flag.String("replay", "../../testdata/replay", "the `folder` of the project's own cases")
	recordings := flag.String("recordings", "", "a `folder` of recorded cases, where there is one")
	python := flag.String("python", "python3", "the `program` that has the libraries for Python")
	npm := flag.String("npm", "node", "the `folder` node, or a copy of it, with the libraries for JavaScript")
	openaiGo := flag.String("openai-go", "", "the `program` built from the folder go")
	only := flag.String("only", "", "the `name` of the one client to run")
	flag.Parse()

	work, err := os.MkdirTemp("", "windhover-clients-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	certificate, err := newCertificate(work)
	if err != nil {
		return err
	}
	t := trial{*gateway, *providers, *replay, *recordings, work, certificate}
	passed, failed := 0, 0
	for _, c := range clients(*python, *npm, *openaiGo) {
		if *only != "" && *only != c.name {
			continue
		}
		r := t.run(ctx, c)
		for _, line := range r.lines {
			fmt.Printf("%s: %s\n", c.name, line)
		}
		fmt.Printf("%s: %d passed, %d failed\n", c.name, r.passed(), r.failed())
		passed += r.passed()
		failed += r.failed()
	}
	fmt.Printf("clients: %d passed, %d failed\n", passed, failed)
	if failed > 0 {
		return errDiffers
	}
	return ctx.Err()
}
