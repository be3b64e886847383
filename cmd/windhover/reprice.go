package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"windhover/config"
	"windhover/gateway/ledger"
	"windhover/gateway/ledger/postgres"
	"windhover/gateway/ledger/sqlite"
	"windhover/gateway/ledger/usageapi"
)

// repriceOptions say what is computed anew, as the usage API takes it.
type repriceOptions struct {
	Since  string `json:"since"`
	Until  string `json:"until"`
	DryRun bool   `json:"dry_run"`
}

func (p program) repriceCommand() *cobra.Command {
	var o repriceOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "reprice --since TIME",
		Short: "Compute the costs of the past anew with today's prices",
		Long: "Reprice charges what the ledger has recorded with the prices that are in use now, each record by its own time, and\n" +
			"shows the difference by model. If a gateway runs, it is asked to do so, over its admin listener, with the prices that\n" +
			"it has loaded; otherwise the ledger is changed here, with those of the providers file. Running it again changes\n" +
			"nothing more, and one that broke off goes on.\n\n" +
			"A time is a date (its beginning, in UTC), as in 2026-11-24, an RFC 3339 time in any zone, or how long ago it was, as\n" +
			"in 24h or 7d. What began at --until is not in the range.",
		Example: "  windhover reprice --since 7d --dry-run\n  windhover reprice --since 2026-11-01 --until 2026-12-01",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := p.settings(cmd)
			if err != nil {
				return err
			}
			report, err := p.reprice(cmd.Context(), settings, o)
			switch {
			case err != nil:
				return err
			case asJSON:
				return p.printJSON(report)
			}
			p.printRepricing(report)
			return nil
		},
	}
	config.AddFlags(cmd.Flags(), "config", "providers", "prices", "data", "database", "admin", "admin-token", "admin-tls-cert", "admin-tls-key")
	cmd.Flags().StringVar(&o.Since, "since", "", "`TIME` from when on; there is no default")
	cmd.Flags().StringVar(&o.Until, "until", "now", "`TIME` until when")
	cmd.Flags().BoolVar(&o.DryRun, "dry-run", false, "only show what would change")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, as /api/usage/reprice answers")
	return cmd
}

// reprice asks the gateway that runs, or does it itself where none does.
func (p program) reprice(ctx context.Context, s config.Settings, o repriceOptions) (*usageapi.RepricingReport, error) {
	if o.Since == "" {
		return nil, usageError{errors.New("reprice needs --since, as in windhover reprice --since 7d --dry-run")}
	}
	body, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	filter, _, err := usageapi.ParseRepricing(body, time.Now())
	if err != nil {
		return nil, usageError{asFlag(err)}
	}
	if s.Admin != "" {
		report, err := askToReprice(ctx, s, body)
		if !errors.Is(err, errNoGateway) {
			return report, err
		}
	}
	return p.repriceHere(ctx, s, filter, o.DryRun)
}

// errNoGateway says that nobody listens where an admin listener would.
var errNoGateway = errors.New("no gateway answers")

// askToReprice has the gateway that runs do it.
func askToReprice(ctx context.Context, s config.Settings, body []byte) (*usageapi.RepricingReport, error) {
	response, err := askAdmin(ctx, s, http.MethodPost, "/api/usage/reprice", string(body))
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) {
		return nil, errNoGateway
	}
	if err != nil {
		return nil, fmt.Errorf("ask the gateway on %s: %w", s.Admin, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("read the gateway's answer: %w; what it has changed stays, and running this again goes on", err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the gateway on %s refuses: %s", s.Admin, refusal(response, answer))
	}
	report := new(usageapi.RepricingReport)
	if err := json.Unmarshal(answer, report); err != nil {
		return nil, fmt.Errorf("read the gateway's answer: %w", err)
	}
	return report, nil
}

// refusal is why a gateway refuses, in its own words if it has some.
func refusal(response *http.Response, answer []byte) string {
	var failure struct{ Error struct{ Message string } }
	if json.Unmarshal(answer, &failure) == nil && failure.Error.Message != "" {
		return failure.Error.Message
	}
	return response.Status
}

// repriceHere changes the ledger in this process, as the only one that writes it.
func (p program) repriceHere(ctx context.Context, s config.Settings, f ledger.Filter, dryRun bool) (*usageapi.RepricingReport, error) {
	_, snapshot, err := compile(p.providersPath(s.Providers), p.loadOptions(s.Prices), servingNobody())
	if err != nil {
		return nil, err
	}
	store, done, err := p.openWriter(ctx, s)
	if err != nil {
		return nil, err
	}
	defer done()
	repriced, err := ledger.Repricer{
		Reader:  func() (ledger.Reader, error) { return store, nil },
		Reprice: store.Reprice,
		Charge:  snapshot.Charge,
		DryRun:  dryRun,
	}.Run(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("%w; what was changed stays, and running this again goes on", err)
	}
	report := usageapi.NewRepricingReport(f, dryRun, repriced)
	return &report, nil
}

// openWriter opens the ledger that the settings name for writing: a database as one of those that may, a file as the only one.
func (p program) openWriter(ctx context.Context, s config.Settings) (store ledger.Store, done func(), err error) {
	if url := s.Database.Reveal(); url != "" {
		store, err := postgres.Open(ctx, url, postgres.Options{})
		if err != nil {
			return nil, nil, err
		}
		return store, func() { _ = store.Close() }, nil
	}
	file, err := p.ledgerFile(s)
	if err != nil {
		return nil, nil, err
	}
	unlock, err := ledger.Lock(p.dataFolder(s))
	switch {
	case errors.Is(err, ledger.ErrLocked) && s.Admin == "":
		return nil, nil, fmt.Errorf("%w, and --admin is off; say there where its admin listener is, or stop the process", err)
	case errors.Is(err, ledger.ErrLocked):
		return nil, nil, fmt.Errorf("%w, and its admin listener is not at %s; name it with --admin, or stop the process", err, s.Admin)
	case err != nil:
		return nil, nil, err
	}
	sole, err := sqlite.Open(ctx, file, sqlite.Options{})
	if err != nil {
		unlock()
		return nil, nil, err
	}
	return sole, func() { _ = sole.Close(); unlock() }, nil
}

// printRepricing prints what has changed, or would, by model.
func (p program) printRepricing(r *usageapi.RepricingReport) {
	fmt.Fprintf(p.stdout, "%s to %s UTC\n\n", clock(r.From), clock(r.To))
	if len(r.Models) == 0 {
		fmt.Fprintln(p.stdout, "nothing was recorded that costs anything")
		return
	}
	decimals := 2
	for _, m := range r.Models {
		decimals = max(decimals, ledger.USDDecimals(m.BeforeNanoUSD), ledger.USDDecimals(m.AfterNanoUSD))
	}
	t := &table{texts: 2}
	t.add("provider", "model", "records", "changed", "before, USD", "after, USD", "difference", "unpriced before", "after")
	for _, m := range r.Models {
		t.add(append([]string{shown(m.Provider), shown(m.Model)}, repricedCells(m.RepricedSum, decimals)...)...)
	}
	t.add(append([]string{"total", ""}, repricedCells(r.Total, decimals)...)...)
	t.write(p.stdout)
	switch {
	case r.Total.Changed == 0:
		fmt.Fprint(p.stdout, "\nnothing differs from today's prices\n")
	case r.DryRun:
		fmt.Fprint(p.stdout, "\nnothing was changed; without --dry-run it is\n")
	default:
		fmt.Fprintf(p.stdout, "\n%s of %s records changed\n", thousands(r.Total.Changed), thousands(r.Total.Records))
	}
}

func repricedCells(s usageapi.RepricedSum, decimals int) []string {
	sign := ""
	if s.DifferenceNanoUSD > 0 {
		sign = "+"
	}
	return []string{
		thousands(s.Records), thousands(s.Changed), costCell(s.BeforeNanoUSD, s.UnpricedBefore, decimals), costCell(s.AfterNanoUSD, s.UnpricedAfter, decimals),
		sign + ledger.FixedUSD(s.DifferenceNanoUSD, decimals), thousands(s.UnpricedBefore), thousands(s.UnpricedAfter),
	}
}
