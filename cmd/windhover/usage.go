package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"windhover/config"
	"windhover/gateway/ledger"
	"windhover/gateway/ledger/postgres"
	"windhover/gateway/ledger/sqlite"
	"windhover/gateway/ledger/usageapi"
)

// usageOptions say what is asked of the ledger, and how it is printed.
type usageOptions struct {
	since, until                   string
	by                             string
	providers, models, keys, codes []string
	labels                         []string // NAME=VALUE
	json, csv                      bool
}

func (p program) usageCommand() *cobra.Command {
	var o usageOptions
	cmd := &cobra.Command{
		Use:   "usage",
		Short: "Show what was used, and what it cost",
		Long: "Usage adds up what the ledger has recorded: the same sums as /api/usage of the admin listener, of which --json is\n" +
			"the answer. It reads the ledger itself, beside a gateway that runs or without one.\n\n" +
			"A time is a date (its beginning, in UTC), as in 2026-11-24, an RFC 3339 time in any zone, or how long ago it was, as\n" +
			"in 24h or 7d. What began at --until is not in the range. A flag that chooses may be repeated, or hold a list.",
		Example: "  windhover usage --since 24h --by model\n  windhover usage --since 2026-11-01 --until 2026-12-01 --by day,label:team\n" +
			"  windhover usage --since 7d --provider openai --status 429,500 --by hour --json",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := p.settings(cmd)
			if err != nil {
				return err
			}
			if o.json && o.csv {
				return usageError{errors.New("--json and --csv are two forms; choose one of them")}
			}
			question, err := o.question(time.Now())
			if err != nil {
				return usageError{err}
			}
			return p.usage(cmd.Context(), settings, question, o)
		},
	}
	config.AddFlags(cmd.Flags(), "config", "data", "database")
	cmd.Flags().StringVar(&o.since, "since", "24h", "`TIME` from when on")
	cmd.Flags().StringVar(&o.until, "until", "now", "`TIME` until when")
	cmd.Flags().StringVar(&o.by, "by", "", "`DIMENSION,…` to group by: up to four of provider, model, key, status, hour, day and label:NAME")
	cmd.Flags().StringArrayVar(&o.providers, "provider", nil, "only this provider (`NAME`)")
	cmd.Flags().StringArrayVar(&o.models, "model", nil, "only this model (`NAME`): the one that answered, or else the one that was asked for")
	cmd.Flags().StringArrayVar(&o.keys, "key", nil, "only what came with this `KEY`, a salted hash of the client's credential")
	cmd.Flags().StringArrayVar(&o.codes, "status", nil, "only answers with this status (`CODE`); 0: there was none")
	cmd.Flags().StringArrayVar(&o.labels, "label", nil, "only what has this label, `NAME=VALUE`")
	cmd.Flags().BoolVar(&o.json, "json", false, "print JSON, as /api/usage answers")
	cmd.Flags().BoolVar(&o.csv, "csv", false, "print CSV, all measures of each group")
	return cmd
}

// question is what the flags ask. The error names the flag that is wrong.
func (o usageOptions) question(now time.Time) (ledger.Question, error) {
	values := url.Values{"since": {o.since}, "until": {o.until}, "group_by": {o.by}}
	for name, list := range map[string][]string{"provider": o.providers, "model": o.models, "key": o.keys, "status": o.codes} {
		if len(list) > 0 {
			values[name] = list
		}
	}
	for _, label := range o.labels {
		name, value, found := strings.Cut(label, "=")
		if !found || name == "" {
			return ledger.Question{}, fmt.Errorf("--label: %q is no label; write it as in team=search", label)
		}
		values.Add("label."+name, value)
	}
	q, err := usageapi.ParseQuestion(values, now)
	return q, asFlag(err)
}

// asFlag makes an error about a parameter of the API one about the flag that stands for it.
func asFlag(err error) error {
	var parameter *usageapi.ParameterError
	if !errors.As(err, &parameter) {
		return err
	}
	name := parameter.Name
	switch {
	case name == "group_by":
		name = "by"
	case strings.HasPrefix(name, "label."):
		name = "label"
	}
	return fmt.Errorf("--%s: %s", name, parameter.Problem)
}

func (p program) usage(ctx context.Context, s config.Settings, q ledger.Question, o usageOptions) error {
	reader, err := p.openReader(ctx, s)
	if err != nil {
		return err
	}
	defer reader.Close()
	answer, err := reader.Sum(ctx, q)
	if errors.Is(err, ledger.ErrTooManyRows) {
		return fmt.Errorf("the answer would have more than %s rows; group by less, choose a shorter range, or choose fewer records", thousands(int64(q.MaxRows)))
	}
	if err != nil {
		return fmt.Errorf("read the ledger: %w", err)
	}
	report := usageapi.NewReport(q, answer)
	switch {
	case o.json:
		return p.printJSON(report)
	case o.csv:
		_, err := p.stdout.Write(report.CSV())
		return err
	}
	p.printUsage(report, s)
	return nil
}

// openReader opens the ledger that the settings name, to be read beside whoever writes it.
func (p program) openReader(ctx context.Context, s config.Settings) (ledger.ReadCloser, error) {
	if url := s.Database.Reveal(); url != "" {
		return postgres.Open(ctx, url, postgres.Options{})
	}
	file, err := p.ledgerFile(s)
	if err != nil {
		return nil, err
	}
	return sqlite.OpenReader(ctx, file)
}

// ledgerFile is the file of the ledger that the settings name. It has to be there.
func (p program) ledgerFile(s config.Settings) (string, error) {
	folder := p.dataFolder(s)
	if folder == "" {
		return "", usageError{errors.New("--data is none, so that nothing is kept; name the folder that the gateway keeps its ledger in")}
	}
	file := filepath.Join(folder, ledgerFile)
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no ledger in %s; name the folder that the gateway keeps it in, its --data", s.Data)
	}
	return file, nil
}
