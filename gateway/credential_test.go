package gateway

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"windhover/config"
)

// credentialProblems are what Compile says of a file, without the file's name.
func credentialProblems(t *testing.T, yaml string, o CompileOptions) []string {
	t.Helper()
	_, err := Compile(load(t, yaml), o)
	var problems config.Problems
	if err != nil && !errors.As(err, &problems) {
		t.Fatalf("Compile = %v, want Problems", err)
	}
	var said []string
	for _, p := range problems {
		_, name, _ := strings.Cut(p.Error(), "providers.yaml:")
		said = append(said, name)
	}
	return said
}

const needsAccess = " holds a credential that everybody who reaches the gateway could use; give it access: {tokens: ['${file:PATH}']}, " +
	"or listen on this machine alone, as with --listen 127.0.0.1:5501"

func TestCredentialNeedsAccessAndAClosedHost(t *testing.T) {
	t.Parallel()
	const set = "request: {headers: {set: {X-Key: '${UNSET:-hunter2}'}}}"
	const access = "access: {tokens: '${UNSET:-hunter2}'}"
	for name, c := range map[string]struct {
		provider []string
		options  CompileOptions
		want     []string
	}{
		"in a header": {
			[]string{"upstream: https://api.acme.test", set}, CompileOptions{},
			[]string{"5:38: providers.acme.request.headers.set.X-Key: acme" + needsAccess},
		},
		"in a default header": {
			[]string{"upstream: https://api.acme.test", "request: {headers: {default: {X-Key: 'Key ${UNSET:-hunter2}'}}}"}, CompileOptions{},
			[]string{"5:42: providers.acme.request.headers.default.X-Key: acme" + needsAccess},
		},
		"in the query": {
			[]string{"upstream: https://api.acme.test", "request: {query: {set: {key: '${UNSET:-hunter2}'}}}"}, CompileOptions{},
			[]string{"5:34: providers.acme.request.query.set.key: acme" + needsAccess},
		},
		"on loopback": {
			[]string{"upstream: https://api.acme.test", set}, CompileOptions{Loopback: true}, nil,
		},
		"with access": {
			[]string{"upstream: https://api.acme.test", set, access}, CompileOptions{}, nil,
		},
		"none, only text": {
			[]string{"path: '/{region}/*'", "upstream: 'https://{region}.acme.test'", "request: {headers: {set: {X-Key: literal}}}"}, CompileOptions{}, nil,
		},
		"none, only in the address": {
			[]string{"path: '/{region}/*'", "upstream: 'https://{region}.acme.test/${UNSET:-hunter2}'"}, CompileOptions{}, nil,
		},
		"to a host that a client chooses": {
			[]string{"path: '/{region}/{tier}/*'", "upstream: 'https://{region}.{tier + \"-x\"}.acme.test'", set, access}, CompileOptions{},
			[]string{"6:38: providers.acme.request.headers.set.X-Key: acme holds a credential, and region and tier in the host of https://{region}.{tier + \"-x\"}.acme.test " +
				"can be anything; write its choices into the path, as in {region:us|eu}"},
		},
		"to a host that a client chooses, also on loopback": {
			[]string{"path: '/{region:[a-z]+}/*'", "upstream: 'https://{region}.acme.test'", set}, CompileOptions{Loopback: true},
			[]string{"6:38: providers.acme.request.headers.set.X-Key: acme holds a credential, and region in the host of https://{region}.acme.test " +
				"can be anything; write its choices into the path, as in {region:us|eu}"},
		},
		"to one of the hosts that the file lists": {
			[]string{"path: '/{region:us|eu}/{deployment}/*'", "upstream: 'https://{region}.acme.test/{deployment}'", set, access}, CompileOptions{}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := credentialProblems(t, "version: 1\nproviders:\n  acme:\n    "+strings.Join(c.provider, "\n    ")+"\n", c.options)
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("problems = %q, want %q", got, c.want)
			}
		})
	}
}

func TestCredentialOfTheDefaultsIsEveryProviders(t *testing.T) {
	t.Parallel()
	got := credentialProblems(t, "version: 1\ndefaults: {request: {headers: {set: {X-Key: '${UNSET:-hunter2}'}}}}\nproviders:\n"+
		"  one: {upstream: 'https://one.test'}\n  two: {upstream: 'https://two.test', access: {tokens: t0ken}}\n", CompileOptions{})
	if want := "2:45: defaults.request.headers.set.X-Key: one" + needsAccess; len(got) != 1 || got[0] != want {
		t.Errorf("problems = %q, want %q", got, want)
	}
}

func TestCredentialOfManyProvidersIsOneProblem(t *testing.T) {
	t.Parallel()
	for providers, want := range map[string]string{
		"one two":                 "one and two",
		"one two three":           "one, three and two",
		"one two three four":      "four, one, three and 1 more",
		"one two three four five": "five, four, one and 2 more",
	} {
		yaml := "version: 1\ndefaults: {request: {headers: {set: {X-Key: '${UNSET:-hunter2}'}}}}\nproviders:\n"
		for name := range strings.FieldsSeq(providers) {
			yaml += "  " + name + ": {upstream: 'https://" + name + ".test'}\n"
		}
		got := credentialProblems(t, yaml, CompileOptions{})
		want = "2:45: defaults.request.headers.set.X-Key: " + want + " hold" + strings.Replace(strings.TrimPrefix(needsAccess, " holds"), "give it", "give them", 1)
		if len(got) != 1 || got[0] != want {
			t.Errorf("problems of %s = %q, want %q", providers, got, want)
		}
	}
}

// A problem in access is one; that access is missing then would be another, and wrong.
func TestCredentialRuleWaitsForAReadableProvider(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "providers.yaml")
	yaml := "version: 1\nproviders:\n  acme:\n    upstream: https://api.acme.test\n" +
		"    access: {tokens: '${UNSET}'}\n    request: {headers: {set: {X-Key: '${UNSET:-hunter2}'}}}\n"
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := config.Load(path, config.Options{LookupEnv: func(string) (string, bool) { return "", false }})
	if err == nil {
		t.Fatal("the load finds no problem")
	}
	if _, err := Compile(file, CompileOptions{}); err != nil {
		t.Errorf("Compile = %v, want no more problems", err)
	}
}
