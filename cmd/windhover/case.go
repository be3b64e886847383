package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"windhover/gateway"
	"windhover/gateway/usage"
)

// The files of a recorded case.
const (
	requestFile  = "request.http"
	responseFile = "response.http"
	usageFile    = "usage.json"
)

// maxRequest is how much of a request's body the rules see, in bytes; the gateway keeps as much.
const maxRequest = 64 << 10

// findCases is every folder at or below dir that holds a recorded answer, in order.
func findCases(dir string) ([]string, error) {
	var cases []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !entry.IsDir() && entry.Name() == responseFile {
			cases = append(cases, filepath.Dir(path))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find cases: %w", err)
	}
	return cases, nil
}

// findAllCases is every case of all folders, each once.
func findAllCases(dirs []string) ([]string, error) {
	var all []string
	seen := map[string]bool{}
	for _, dir := range dirs {
		cases, err := findCases(dir)
		if err != nil {
			return nil, err
		}
		for _, c := range cases {
			if !seen[c] {
				seen[c] = true
				all = append(all, c)
			}
		}
	}
	return all, nil
}

// providerOf is the name of the folder above a case.
func providerOf(dir string) string {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		absolute = dir
	}
	return filepath.Base(filepath.Dir(absolute))
}

// recordedCase is a recorded exchange and the rules that it is read by.
type recordedCase struct {
	rules    *usage.Rules
	exchange usage.Exchange
	body     []byte // of the answer
}

// files are where a recorded exchange stands.
type files struct{ request, response string }

func filesOf(dir string) files {
	return files{filepath.Join(dir, requestFile), filepath.Join(dir, responseFile)}
}

// readCase reads an exchange with a provider. An error is one that cannot be read.
func readCase(snapshot *gateway.Snapshot, provider string, f files) (*recordedCase, error) {
	rules := snapshot.Rules(provider)
	if rules == nil {
		return nil, fmt.Errorf("the providers file has no provider %s; name one with --provider", provider)
	}
	exchange, body, err := readExchange(snapshot, provider, f)
	if err != nil {
		return nil, err
	}
	return &recordedCase{rules, exchange, body}, nil
}

// readExchange is an exchange as the rules see it, and the answer's body.
func readExchange(snapshot *gateway.Snapshot, provider string, f files) (usage.Exchange, []byte, error) {
	request, err := readMessage(f.request)
	if err != nil {
		return usage.Exchange{}, nil, err
	}
	response, err := readMessage(f.response)
	if err != nil {
		return usage.Exchange{}, nil, err
	}
	method, host, target, err := request.request()
	if err != nil {
		return usage.Exchange{}, nil, fmt.Errorf("%s: %w", requestFile, err)
	}
	status, err := response.status()
	if err != nil {
		return usage.Exchange{}, nil, fmt.Errorf("%s: %w", responseFile, err)
	}
	path, _, _ := strings.Cut(target, "?")
	params, _ := snapshot.MatchUpstream(provider, host, path) // none where it was recorded at another host
	return usage.Exchange{
		Method:  method,
		Path:    path,
		Status:  status,
		Header:  response.header,
		Param:   func(name string) string { return params[name] },
		Request: func() []byte { return request.body[:min(len(request.body), maxRequest)] },
	}, response.body, nil
}

func readMessage(path string) (message, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return message{}, fmt.Errorf("read message: %w", err)
	}
	m, err := parseMessage(data)
	if err != nil {
		return message{}, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return m, nil
}
