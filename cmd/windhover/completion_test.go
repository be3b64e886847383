package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestCompletionPrintsAScriptForEachShell(t *testing.T) {
	t.Parallel()
	for shell, want := range map[string]string{
		"bash":       "complete -o default -F __start_windhover windhover",
		"zsh":        "#compdef windhover",
		"fish":       "complete -c windhover",
		"powershell": "Register-ArgumentCompleter -CommandName 'windhover'",
	} {
		if got := run(t, "completion", shell); got.code != exitOK || !strings.Contains(got.stdout, want) || got.stderr != "" {
			t.Errorf("completion %s = %d, %q, want a script that holds %q", shell, got.code, got.stderr, want)
		}
	}
}

func TestCompletionIsListed(t *testing.T) {
	t.Parallel()
	if got := run(t, "--help"); !strings.Contains(got.stdout, "\n  completion ") {
		t.Errorf("--help does not list completion:\n%s", got.stdout)
	}
}

// completions are what a shell would offer for the last of the arguments.
func completions(t *testing.T, args ...string) string {
	t.Helper()
	got := run(t, append([]string{"__completeNoDesc"}, args...)...)
	offered, _, _ := strings.Cut("\n"+got.stdout, "\n:")
	return strings.Join(strings.Fields(offered), " ")
}

func TestFlagsWithChoicesAreCompleted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ args, want string }{
		{"--page ", "full names off"},
		{"serve --log-level ", "debug info warn error"},
		{"serve --log-format=", "text json"},
		{"serve --records ", "none -"},
		{"serve --admin ", "off"},
		{"check --providers ", "builtin"},
		{"serve --drain-timeout ", ""},
		{"completion ", "bash zsh fish powershell"},
		{"serve --tls", "--tls-cert --tls-key"},
		{"ex", "explain"},
	} {
		if got := completions(t, strings.Split(c.args, " ")...); got != c.want {
			t.Errorf("completions of %q = %q, want %q", c.args, got, c.want)
		}
	}
}

// The script is run as an interactive bash would: it asks the program itself what fits.
func TestBashCompletes(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	script := filepath.Join(folder, "script")
	writeFile(t, script, run(t, "completion", "bash").stdout)
	if err := os.Symlink(os.Args[0], filepath.Join(folder, "windhover")); err != nil {
		t.Fatal(err)
	}
	const ask = `
source "$0"
_get_comp_words_by_ref() { words=("${COMP_WORDS[@]}"); cword=$COMP_CWORD; cur=${words[cword]}; prev=${words[cword-1]}; } # of bash-completion
__ltrim_colon_completions() { :; }
COMP_WORDS=(windhover serve --page "") COMP_CWORD=3 COMP_LINE="windhover serve --page " COMP_POINT=23
compopt() { :; }
__start_windhover
printf '%s\n' "${COMPREPLY[@]}"`
	bash := exec.Command("bash", "-c", ask, script)
	bash.Env = []string{"TEST_RUN_MAIN=1", "PATH=" + folder + ":" + os.Getenv("PATH")}
	out, err := bash.CombinedOutput()
	if got, want := strings.Join(strings.Fields(string(out)), " "), "full names off"; err != nil || got != want {
		t.Errorf("bash offers %q (%v), want %q", got, err, want)
	}
}
