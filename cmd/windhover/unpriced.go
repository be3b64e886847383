package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"windhover/config"
	"windhover/gateway"
	"windhover/gateway/ledger"
)

// maxUnpriced is how many models without a price are named: clients choose what they ask for.
const maxUnpriced = 20

// unpriced is a model of the ledger that there is no price for.
type unpriced struct {
	pricing, model string // which the key of an entry of prices is made of
	sums           ledger.Sums
}

// warnOfUnpriced names the models that the ledger in a place holds and that the file has no price for, those that were used most first.
func (p program) warnOfUnpriced(ctx context.Context, s *gateway.Snapshot, place string) error {
	kept, err := config.LedgerAt(place, p.environ)
	if err != nil {
		return usageError{fmt.Errorf("--ledger: %w", err)}
	}
	if kept.Database.Reveal() != "" {
		place = "the database" // its URL may hold a password
	}
	found, err := p.findUnpriced(ctx, s, kept, place)
	if err != nil {
		return err
	}
	for i, x := range found {
		if i == maxUnpriced {
			fmt.Fprintf(p.stderr, "%s: warning: %s more have no price\n", place, plural(len(found)-i, "model"))
			break
		}
		p.warnOf(x, place)
	}
	return nil
}

func (p program) warnOf(x unpriced, place string) {
	used := fmt.Sprintf("%s with %s input and %s output tokens", plural(int(x.sums[ledger.Attempts]), "attempt"), thousands(x.sums[ledger.InputTokens]), thousands(x.sums[ledger.OutputTokens]))
	if x.model == "" {
		fmt.Fprintf(p.stderr, "%s: warning: %s name no model of %s, and cannot be charged\n", place, used, shown(x.pricing))
		return
	}
	key := x.pricing + "/" + x.model
	fmt.Fprintf(p.stderr, "%s: warning: %s has no price: what %s cost is not known. Give it one, in USD per million tokens:\n", place, shown(key), used)
	fmt.Fprintf(p.stderr, "  prices:\n    %s: {input: …, output: …}\n", yamlKey(key))
}

func (p program) findUnpriced(ctx context.Context, s *gateway.Snapshot, kept config.Settings, place string) ([]unpriced, error) {
	reader, err := p.openReader(ctx, kept)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	answer, err := reader.Sum(ctx, ledger.Question{GroupBy: []ledger.Dimension{ledger.ByProvider, ledger.ByModel}, MaxRows: maxLedgerModels})
	if errors.Is(err, ledger.ErrTooManyRows) {
		return nil, fmt.Errorf("the ledger in %s has more than %s models", place, thousands(maxLedgerModels))
	}
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	var found []unpriced
	for _, row := range answer.Rows {
		pricing, model := s.Pricing(row.Group[0]), row.Group[1]
		if costs(row.Sums) && s.Prices().WithoutPrice(pricing, model) {
			found = append(found, unpriced{pricing, model, row.Sums})
		}
	}
	slices.SortStableFunc(found, func(a, b unpriced) int { return cmp.Compare(b.sums[ledger.Attempts], a.sums[ledger.Attempts]) })
	return found, nil
}

// maxLedgerModels bounds how many models are read from a ledger. Each is a name that some client has chosen.
const maxLedgerModels = 100_000

// costs reports whether there is anything to charge.
func costs(s ledger.Sums) bool {
	for _, m := range ledger.Measures() {
		switch m {
		case ledger.Requests, ledger.Attempts, ledger.Failures, ledger.Missing, ledger.Partial, ledger.BytesIn, ledger.BytesOut,
			ledger.DurationMicros, ledger.FirstByteMicros, ledger.Answered:
		default:
			if s[m] != 0 {
				return true
			}
		}
	}
	return false
}

// yamlKey is a text as a key in YAML, in quotes where it needs some.
func yamlKey(text string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._/-@+", r)
	}
	if strings.IndexFunc(text, func(r rune) bool { return !plain(r) }) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(shown(text), "'", "''") + "'"
}
