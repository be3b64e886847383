package main

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"windhover/config"
	"windhover/gateway"
)

func (p program) testCommand() *cobra.Command {
	var o testOptions
	cmd := &cobra.Command{
		Use:   "test DIR…",
		Short: "Replay recorded answers through the rules",
		Long: "Test reads recorded answers as the gateway would and prints where the usage differs from what is expected: each as a\n" +
			"whole, one byte at a time, in pieces of random sizes, and compressed.\n" +
			"A case is a folder with request.http and response.http, raw messages as curl -i shows them, and usage.json, the\n" +
			"expected fields; DIR is a case or a tree of them. A case's provider is the name of the folder above it.",
		Example: "  windhover test testdata/replay\n  windhover test --providers providers.yaml --provider openai testdata/replay/openai\n  windhover test --coverage testdata/replay",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("test needs a folder of cases, as in windhover test testdata/replay")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			settings, err := p.settings(cmd)
			if err != nil {
				return err
			}
			if !cmd.Flags().Changed("seed") {
				o.seed = rand.Uint64()
			}
			o.providers = settings.Providers
			return p.test(o, args)
		},
	}
	config.AddFlags(cmd.Flags(), "config", "providers")
	cmd.Flags().StringVar(&o.provider, "provider", "", "`NAME` of the provider of all cases, in place of the folder's name")
	cmd.Flags().BoolVar(&o.coverage, "coverage", false, "name the rules that no case has used")
	cmd.Flags().BoolVar(&o.update, "update", false, "write into usage.json what was read where it differs")
	cmd.Flags().Uint64Var(&o.seed, "seed", 0, "`NUMBER` that the random sizes are drawn from, as a failure names it; another one every time by default")
	return cmd
}

// testOptions say how cases are replayed.
type testOptions struct {
	providers string // the providers file
	provider  string // of all cases; empty: the name of the folder above each
	coverage  bool   // name the rules that were not used
	update    bool   // write usage.json anew where it differs
	seed      uint64 // of the random sizes
}

// test replays the cases of all folders, each once.
func (p program) test(o testOptions, dirs []string) error {
	file, snapshot, err := compile(p.providersPath(o.providers), p.loadOptions(""), servingNobody())
	if err != nil {
		return err
	}
	if o.provider != "" {
		if err := checkProvider(file, o.provider); err != nil {
			return err
		}
	}
	cases, err := findAllCases(dirs)
	if err != nil {
		return err
	}
	if len(cases) == 0 {
		return errors.New("there is no case in " + strings.Join(dirs, ", ") + ": a case is a folder that holds " + responseFile)
	}
	r := report{program: p, coverage: newCoverage()}
	for i, dir := range cases {
		provider := o.provider
		if provider == "" {
			provider = providerOf(dir)
		}
		r.add(p.judge(snapshot, &r, replaying{dir: dir, provider: provider, turn: i, testOptions: o}))
	}
	r.print(o.coverage)
	if r.failed() > 0 {
		return errSaid
	}
	return nil
}

// replaying is the replay of one case.
type replaying struct {
	testOptions
	dir, provider string
	turn          int // counts the cases
}

// verdict is what came of a case.
type verdict struct {
	dir, provider string
	err           error        // the case cannot be read
	differences   []difference // from what is expected
	unequal       []string     // what reading the body in another way changes
	updated       bool         // the differences stand in usage.json now
}

func (v verdict) passed() bool {
	return v.err == nil && len(v.unequal) == 0 && (v.updated || len(v.differences) == 0)
}

// judge replays a case in every way.
func (p program) judge(snapshot *gateway.Snapshot, r *report, x replaying) verdict {
	v := verdict{dir: x.dir, provider: x.provider}
	c, err := readCase(snapshot, x.provider, filesOf(x.dir))
	if err != nil {
		v.err = err
		return v
	}
	want, err := readExpected(filepath.Join(x.dir, usageFile))
	if err != nil && !(x.update && errors.Is(err, fs.ErrNotExist)) {
		v.err = err
		return v
	}
	whole, tracer := c.whole()
	r.coverage.add(x.provider, c.rules, tracer)
	v.differences = compareUsage(&whole, want)
	blame(v.differences, tracer)
	v.unequal = c.unequal(&whole, x.turn, x.seed)
	if x.update && (want == nil || len(v.differences) > 0) {
		v.err = updateExpected(x.dir, want, v.differences)
		v.updated = v.err == nil
	}
	return v
}
