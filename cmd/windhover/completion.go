package main

import (
	"errors"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"windhover/config"
)

func (p program) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print a script that makes a shell complete commands and flags",
		Long: "Completion prints a script for a shell, which then completes windhover's commands, flags and their values. Load it\n" +
			"where the shell starts: bash needs the package bash-completion, zsh `autoload -U compinit; compinit` before.",
		Example: "  windhover completion bash > /etc/bash_completion.d/windhover\n" +
			"  windhover completion zsh > \"${fpath[1]}/_windhover\"\n" +
			"  windhover completion fish > ~/.config/fish/completions/windhover.fish\n" +
			"  windhover completion powershell > windhover.ps1",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(cmd.ValidArgs, args[0]) {
				return errors.New("completion needs one shell: " + strings.Join(cmd.ValidArgs, ", "))
			}
			return nil
		},
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch root := cmd.Root(); args[0] {
			case "bash":
				return root.GenBashCompletionV2(p.stdout, true)
			case "zsh":
				return root.GenZshCompletion(p.stdout)
			case "fish":
				return root.GenFishCompletion(p.stdout, true)
			default:
				return root.GenPowerShellCompletionWithDesc(p.stdout)
			}
		},
	}
}

// completeSettings makes a shell complete the values of a command's settings from the form that each one has.
func completeSettings(cmd *cobra.Command) error {
	for _, setting := range config.SettingsTable() {
		if setting.Form == "" || cmd.Flags().Lookup(setting.Name) == nil {
			continue
		}
		if err := cmd.RegisterFlagCompletionFunc(setting.Name, completeForm(setting.Form)); err != nil {
			return err
		}
	}
	return nil
}

// completeForm completes a value: a word of the form in small letters stands for itself, FILE and DIR for what the shell
// knows, and any other is nothing that could be completed.
func completeForm(form string) cobra.CompletionFunc {
	var words []string
	directive := cobra.ShellCompDirectiveNoFileComp
	for word := range strings.SplitSeq(form, "|") {
		switch {
		case word == "FILE" || word == "DIR":
			directive = cobra.ShellCompDirectiveDefault
		case strings.IndexFunc(word, unicode.IsUpper) < 0:
			words = append(words, word)
		}
	}
	return cobra.FixedCompletions(words, directive)
}
