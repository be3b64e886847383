package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (p program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print what this program was built from",
		Example: "  windhover version",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			info, ok := debug.ReadBuildInfo()
			if !ok {
				info = &debug.BuildInfo{}
			}
			fmt.Fprintln(p.stdout, versionLine(info))
			return nil
		},
	}
}

// versionLine is the module's version, the commit where the build knows it, and the Go version.
func versionLine(info *debug.BuildInfo) string {
	version := info.Main.Version
	if version == "" || version == "(devel)" {
		version = "(development)"
	}
	line := "windhover " + version
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if revision := settings["vcs.revision"]; revision != "" {
		line += ", commit " + revision
	}
	if settings["vcs.modified"] == "true" {
		line += ", modified"
	}
	return line + ", " + info.GoVersion
}
