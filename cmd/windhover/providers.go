package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"windhover"
	"windhover/config"
	"windhover/gateway"
)

const (
	builtinProviders = "builtin"
	providersFile    = "providers.yaml"
)

// providersPath is the providers file that the settings mean; empty: the built-in one.
func (p program) providersPath(named string) string {
	if named == builtinProviders {
		return ""
	}
	if named != "" {
		return named
	}
	path := filepath.Join(p.folder, providersFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return path // whatever else is wrong with it, loading it says so
}

// loadOptions is how every command reads a providers file, and the file of prices that is laid over it, if there is one.
func (p program) loadOptions(prices string) config.Options {
	return config.Options{Builtin: windhover.Providers, Prices: prices, LookupEnv: p.lookupEnv}
}

func (p program) lookupEnv(name string) (string, bool) {
	for _, entry := range p.environ {
		if n, value, ok := strings.Cut(entry, "="); ok && n == name {
			return value, true
		}
	}
	return "", false
}

// compile loads and compiles a providers file as serve does. Its error holds the problems of both.
func compile(path string, o config.Options, meant gateway.CompileOptions) (*config.File, *gateway.Snapshot, error) {
	file, err := config.Load(path, o)
	if file == nil {
		return nil, nil, err
	}
	snapshot, meaning := gateway.Compile(file, meant)
	return file, snapshot, joinProblems(err, meaning)
}

// checkProvider is an error if the file has no provider of that name, in whatever case.
func checkProvider(file *config.File, name string) error {
	known := slices.Sorted(maps.Keys(file.Providers))
	if slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, name) }) {
		return nil
	}
	return fmt.Errorf("the providers file has no provider %s%s", name, didYouMean(name, known))
}

// servingNobody is how a file is compiled by commands that send nothing: no client is let in that should not be.
func servingNobody() gateway.CompileOptions { return gateway.CompileOptions{Loopback: true} }

// joinProblems is the problems of both errors, sorted as one; any other error comes first and alone.
func joinProblems(errs ...error) error {
	var all config.Problems
	for _, err := range errs {
		var problems config.Problems
		switch {
		case errors.As(err, &problems):
			all = append(all, problems...)
		case err != nil:
			return err
		}
	}
	return all.Err()
}
