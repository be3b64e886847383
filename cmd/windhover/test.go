package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"windhover/config"
	"windhover/gateway"
)

func (p program) testCommand() *cobra.Command {
	var provider string
	cmd := &cobra.Command{
		Use:   "test DIR…",
		Short: "Replay recorded answers through the rules",
		Long: "Test reads recorded answers as the gateway would and prints where the usage differs from what is expected.\n" +
			"A case is a folder with request.http and response.http, raw messages as curl -i shows them, and usage.json, the\n" +
			"expected fields; DIR is a case or a tree of them. A case's provider is the name of the folder above it.",
		Example: "  windhover test testdata/replay\n  windhover test --providers providers.yaml --provider openai testdata/replay/openai",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			settings, err := p.settings(cmd)
			if err != nil {
				return err
			}
			return p.test(settings.Providers, provider, args)
		},
	}
	config.AddFlags(cmd.Flags(), "config", "providers")
	cmd.Flags().StringVar(&provider, "provider", "", "provider of all cases, in place of the folder's name")
	return cmd
}

// test replays the cases of all folders, each once.
func (p program) test(providers, provider string, dirs []string) error {
	_, snapshot, err := compile(p.providersPath(providers), p.loadOptions(), servingNobody())
	if err != nil {
		return err
	}
	passed, failed := 0, 0
	seen := map[string]bool{}
	for _, dir := range dirs {
		cases, err := findCases(dir)
		if err != nil {
			return err
		}
		for _, c := range cases {
			if seen[c] {
				continue
			}
			seen[c] = true
			if p.passes(snapshot, provider, c) {
				passed++
			} else {
				failed++
			}
		}
	}
	if len(seen) == 0 {
		return errors.New("there is no case in " + strings.Join(dirs, ", ") + ": a case is a folder that holds " + responseFile)
	}
	fmt.Fprintf(p.stdout, "%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		return errSaid
	}
	return nil
}

// passes replays one case and prints what differs on one line.
func (p program) passes(snapshot *gateway.Snapshot, provider, dir string) bool {
	if provider == "" {
		provider = providerOf(dir)
	}
	differences, err := replayCase(snapshot, provider, dir)
	if err != nil {
		fmt.Fprintf(p.stdout, "%s %s: %v\n", p.red("FAIL"), dir, err)
		return false
	}
	if len(differences) == 0 {
		return true
	}
	texts := make([]string, len(differences))
	for i, d := range differences {
		texts[i] = d.String()
	}
	fmt.Fprintf(p.stdout, "%s %s: %s\n", p.red("FAIL"), dir, strings.Join(texts, "; "))
	return false
}
