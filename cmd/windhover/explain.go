package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"windhover/config"
)

func (p program) explainCommand() *cobra.Command {
	var o readingOptions
	cmd := &cobra.Command{
		Use:   "explain METHOD PATH | explain --response FILE…",
		Short: "Show what would be sent for a request, or how an answer is read",
		Long: "Explain prints as JSON what would be sent for a request: provider, upstream URL, headers set and removed, and the\n" +
			"rules that can apply. Nothing is sent. A request that would be refused is an error that says why.\n\n" +
			"With --response it shows event by event which rule read which field from a recorded answer, and what it costs. FILE is the folder of a\n" +
			"case, or a raw message as curl -i shows it with its request beside it in request.http. No text of the answer is shown.",
		Example: "  windhover explain POST /openai/v1/chat/completions\n  windhover explain --response testdata/replay/anthropic/stream-two-deltas",
		Args: func(_ *cobra.Command, args []string) error {
			return checkExplain(o, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			settings, err := p.settings(cmd)
			if err != nil {
				return err
			}
			if o.response != "" {
				return p.explainResponses(settings, o, append([]string{o.response}, args...))
			}
			return p.explain(settings.Providers, args[0], args[1])
		},
	}
	config.AddFlags(cmd.Flags(), "config", "providers", "prices")
	cmd.Flags().StringVar(&o.response, "response", "", "recorded answer: a `FILE` with the raw message, or the folder of a case")
	cmd.Flags().StringVar(&o.request, "request", "", "`FILE` with the raw message of its request, where it is not beside the answer")
	cmd.Flags().StringVar(&o.provider, "provider", "", "`NAME` of the provider whose answer it is, in place of the name of the folder above")
	cmd.Flags().BoolVar(&o.json, "json", false, "print how answers are read as JSON")
	return cmd
}

// checkExplain refuses arguments that ask for nothing, or for both a request and answers.
func checkExplain(o readingOptions, args []string) error {
	switch {
	case o.response != "" && isRequest(args):
		return fmt.Errorf("%s %s is a request, and --response names an answer; explain one of them", args[0], args[1])
	case o.response == "" && len(args) != 2:
		return errors.New("explain needs METHOD and PATH, as in windhover explain POST /openai/v1/chat/completions")
	}
	return nil
}

// isRequest reports whether the arguments are METHOD and PATH, and no names of files.
func isRequest(args []string) bool {
	if len(args) != 2 || !strings.HasPrefix(args[1], "/") || strings.Trim(args[0], "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return false
	}
	_, err := os.Stat(args[0])
	return err != nil
}

func (p program) explain(providers, method, target string) error {
	_, snapshot, err := compile(p.providersPath(providers), p.loadOptions(""), servingNobody())
	if err != nil {
		return err
	}
	explanation, err := snapshot.Explain(method, target)
	if err != nil {
		return err
	}
	return p.printJSON(explanation)
}

func (p program) printJSON(v any) error {
	out := json.NewEncoder(p.stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(v)
}
