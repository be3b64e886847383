package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"windhover/config"
	"windhover/gateway"
)

func (p program) recordCommand() *cobra.Command {
	var o recordOptions
	cmd := &cobra.Command{
		Use:   "record --provider NAME DIR",
		Short: "Write each exchange with a provider as a case for test",
		Long: "Record serves as the gateway does, and writes each exchange with the provider into a folder of its own below\n" +
			"DIR/NAME: the request, the answer, and what the gateway read from it. Windhover test replays them.\n\n" +
			"Secrets are left out, and every letter and digit of a text becomes an x, so that a case can be shown to others. Look\n" +
			"at it all the same. Streams are not asked for usage in the client's name, and WebSocket sessions are not recorded.",
		Example: "  windhover record --provider openai cases\n  windhover record --provider openai --keep-text --listen 127.0.0.1:8080 cases",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("record needs one folder for the cases, as in windhover record --provider openai cases")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			settings, err := p.settings(cmd)
			if err != nil {
				return err
			}
			o.dir = args[0]
			return p.record(cmd.Context(), settings, o)
		},
	}
	config.AddFlags(cmd.Flags(), "config", "providers", "prices", "log-level", "log-format", "drain-timeout")
	cmd.Flags().StringVar(&o.provider, "provider", "", "`NAME` of the provider whose exchanges are written")
	cmd.Flags().StringVar(&o.listen, "listen", "127.0.0.1:5501", "`ADDR` where clients find it")
	cmd.Flags().BoolVar(&o.keepText, "keep-text", false, "leave texts as they are; secrets are left out all the same")
	_ = cmd.MarkFlagRequired("provider")
	return cmd
}

// recordOptions say what is recorded.
type recordOptions struct {
	provider string
	listen   string
	dir      string
	keepText bool
}

// record serves until ctx ends or a signal says so, and writes what passes.
func (p program) record(ctx context.Context, s config.Settings, o recordOptions) error {
	file, snapshot, err := compile(p.providersPath(s.Providers), p.loadOptions(s.Prices), servingNobody())
	if err != nil {
		return err
	}
	if err := checkProvider(file, o.provider); err != nil {
		return err
	}
	if !isLocal(o.listen) {
		return usageError{fmt.Errorf("--listen %s: others could reach this address, and be recorded; listen on 127.0.0.1", o.listen)}
	}
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return fmt.Errorf("make the folder of cases: %w", err)
	}
	signals := takeSignals(ctx)
	defer signals.release()
	logs := newLogWriter(p.stderr)
	defer logs.Close()
	logger := newLogger(logs, s)

	r := newRecorder(snapshot, o, p)
	g, err := gateway.New(file, gateway.Options{Logger: logger, Sink: r.take, Loopback: true, KeepStreams: true})
	if err != nil {
		return err
	}
	r.next = g
	listener, err := listenPublic(ctx, inherited{}, config.Settings{Listen: o.listen})
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "recording http://%s/%s; Ctrl-C ends it\n", listener.Addr(), o.provider)
	return serveClients(signals, listener, newServer(r, nil, logger), draining{gateway: g, timeout: s.DrainTimeout, logger: logger})
}

// didYouMean is the end of a message about a name that is not known.
func didYouMean(name string, known []string) string {
	if near := config.Nearest(name, known); near != "" {
		return "; did you mean " + near + "?"
	}
	return ""
}
