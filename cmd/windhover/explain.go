package main

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"windhover/config"
)

func (p program) explainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain METHOD PATH",
		Short: "Show what would be sent for a request",
		Long: "Explain prints as JSON what would be sent for a request: provider, upstream URL, headers set and removed, and the\n" +
			"rules that can apply. Nothing is sent. A request that would be refused is an error that says why.",
		Example: "  windhover explain POST /openai/v1/chat/completions",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			settings, err := p.settings(cmd)
			if err != nil {
				return err
			}
			return p.explain(settings.Providers, args[0], args[1])
		},
	}
	config.AddFlags(cmd.Flags(), "config", "providers")
	return cmd
}

func (p program) explain(providers, method, target string) error {
	_, snapshot, err := compile(p.providersPath(providers), p.loadOptions(), servingNobody())
	if err != nil {
		return err
	}
	explanation, err := snapshot.Explain(method, target)
	if err != nil {
		return err
	}
	out := json.NewEncoder(p.stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(explanation)
}
