package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// client is a client library, and the program that makes calls with it.
type client struct {
	name     string
	provider string
	path     string // of the gateway's address, behind the provider's name; it stands for the provider's host
	secure   bool   // the library sends its key over TLS only
	command  []string
}

func clients(python, npm, openaiGo string) []client {
	return []client{
		{"python openai", "openai", "", false, []string{python, "python/run_openai.py"}},
		{"python anthropic", "anthropic", "", false, []string{python, "python/run_anthropic.py"}},
		{"python google-genai", "google-ai-studio", "", false, []string{python, "python/run_google.py"}},
		{"python mistralai", "mistral", "", false, []string{python, "python/run_mistral.py"}},
		{"python cohere", "cohere", "", false, []string{python, "python/run_cohere.py"}},
		{"python boto3", "aws-bedrock", "/bedrock-runtime/us-east-1", true, []string{python, "python/run_boto3.py"}},
		{"npm openai", "openai", "", false, []string{"node", filepath.Join(npm, "openai.mjs")}},
		{"npm @anthropic-ai/sdk", "anthropic", "", false, []string{"node", filepath.Join(npm, "anthropic.mjs")}},
		{"go openai-go", "openai", "", false, []string{openaiGo}},
	}
}

// call is one use of the library, and what the caller got of it: an answer, its events, an exception. Each call is one
// request.
type call struct {
	Name   string `json:"name"`
	Result any    `json:"result"`
}

// raised reports whether the call, or its stream, ended with an exception.
func (c call) raised() bool {
	result, ok := c.Result.(map[string]any)
	return ok && result["raised"] != nil
}

// maxRun is far above what a client needs for its calls.
const maxRun = 3 * time.Minute

// calls runs the client against an address. It reads from a file which cases there are, and prints one call a line.
// It trusts the certificates in authorities, where that is not empty.
func (c client) calls(ctx context.Context, base, cases, authorities string) ([]call, error) {
	ctx, cancel := context.WithTimeout(ctx, maxRun)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.command[0], append(c.command[1:], base, cases)...)
	cmd.Env = append(os.Environ(), "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1", "PYTHONHASHSEED=0")
	if authorities != "" {
		cmd.Env = append(cmd.Env, "AWS_CA_BUNDLE="+authorities)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("run %s: %w\n%s", strings.Join(c.command, " "), err, &stderr)
	}
	var calls []call
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, len(out)+1)
	for lines.Scan() {
		var one call
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			return nil, fmt.Errorf("%s printed %.200q: %w", strings.Join(c.command, " "), lines.Text(), err)
		}
		calls = append(calls, one)
	}
	return calls, lines.Err()
}
