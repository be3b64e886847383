package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"windhover/config"
	"windhover/gateway"
)

func (p program) checkCommand() *cobra.Command {
	var noSecrets bool
	var kept string
	cmd := &cobra.Command{
		Use:   "check [FILE|DIR]",
		Short: "Check a providers file and print every problem in it",
		Long: "Check loads and compiles a providers file as serve would, and prints every problem as\n" +
			"FILE:LINE:COL: path: message. Without FILE it is the one that serve would use. A provider that holds a credential\n" +
			"needs access unless --listen is an address that only this machine can reach.\n\n" +
			"With --ledger it warns of the models that a gateway's ledger holds and that the file has no price for. It takes the\n" +
			"gateway's --data or, if the ledger is a PostgreSQL, its --database.",
		Example: "  windhover check\n  windhover check providers.yaml\n  windhover check --no-secrets providers.yaml   # where the secrets are not, as in CI\n" +
			"  windhover check --ledger data\n  windhover check --ledger ${file:/etc/windhover/database}",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			settings, err := p.settings(cmd)
			if err != nil {
				return err
			}
			options := p.loadOptions(settings.Prices)
			options.NoSecrets = noSecrets
			meant := gateway.CompileOptions{Loopback: isLocal(settings.Listen)}
			return p.check(cmd.Context(), checking{p.providersPath(firstOr(args, settings.Providers)), options, meant, kept})
		},
	}
	config.AddFlags(cmd.Flags(), "config", "listen", "providers", "prices")
	cmd.Flags().StringVar(&kept, "ledger", "", "`DIR|URL` where a gateway keeps its ledger: its --data, or its --database")
	cmd.Flags().BoolVar(&noSecrets, "no-secrets", false, "take every ${…} reference as set")
	return cmd
}

// checking is what is checked.
type checking struct {
	path    string // of the providers file
	options config.Options
	meant   gateway.CompileOptions
	ledger  string // a data folder, or a database; empty: none
}

func (p program) check(ctx context.Context, x checking) error {
	file, snapshot, err := compile(x.path, x.options, x.meant)
	if err != nil {
		return err
	}
	if len(file.Providers) == 0 {
		fmt.Fprintf(p.stderr, "%s: warning: there is no provider; every request would be refused\n", nameOf(x.path))
	}
	if x.ledger != "" {
		if err := p.warnOfUnpriced(ctx, snapshot, x.ledger); err != nil {
			return err
		}
	}
	p.warnOfPrices(file, snapshot)
	all, own := snapshot.Prices().Count()
	prices := plural(all, "price")
	if own > 0 {
		prices += fmt.Sprintf(" (%d of its own)", own)
	}
	fmt.Fprintf(p.stdout, "%s: %s, %s, %s, revision %s\n", nameOf(x.path), p.green("ok"), plural(len(file.Providers), "provider"), prices, file.Revision)
	return nil
}

// warnOfPrices names prices that no answer is charged by. They are no mistake in a file that several gateways share.
func (p program) warnOfPrices(file *config.File, snapshot *gateway.Snapshot) {
	var known []string
	for name := range file.Providers {
		known = append(known, snapshot.Pricing(name))
	}
	slices.Sort(known)
	for _, key := range slices.Sorted(maps.Keys(file.Prices)) {
		name, _ := config.CutPriceKey(key)
		if !slices.Contains(known, name) {
			fmt.Fprintf(p.stderr, "%s: warning: prices.%s: no provider is priced as %s%s\n", file.Prices[key][0].Pos, key, name, didYouMean(name, known))
		}
	}
}

// plural is a number of things whose plural ends in s, as in 2 providers.
func plural(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

func firstOr(args []string, otherwise string) string {
	if len(args) > 0 {
		return args[0]
	}
	return otherwise
}

// nameOf is a providers file as messages call it.
func nameOf(path string) string {
	if path == "" {
		return builtinProviders
	}
	return path
}
