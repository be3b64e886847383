package main

import (
	"github.com/spf13/cobra"

	"windhover"
)

func (p program) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of providers.yaml",
		Long:    "Schema prints the JSON Schema of providers.yaml, with which editors complete and check the file.",
		Example: "  windhover schema > providers.schema.json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := p.stdout.Write(windhover.Schema)
			return err
		},
	}
}
