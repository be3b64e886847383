package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"clients/upstream"
)

// trial is what all clients are tried with.
type trial struct {
	gateway     string // the program
	providers   string // the shipped file
	replay      string // folders of cases
	recordings  string // none where it is empty
	work        string // a folder for what is made on the way
	certificate certificate
}

// side is what one run of a client came to: each of its calls was one request to the upstream.
type side struct {
	calls    []call
	requests []upstream.Request
}

// run runs a client directly and through the gateway, and compares.
func (t trial) run(ctx context.Context, c client) *report {
	r := &report{}
	direct, through, records, err := t.both(ctx, c)
	r.calls = len(direct.calls)
	if err != nil {
		r.fail(general, "%v", err)
		return r
	}
	compareCalls(r, direct, through)
	compareRequests(r, direct, through)
	checkRecords(r, through, records, "/"+c.provider+c.path)
	return r
}

// both runs a client twice with everything else the same.
func (t trial) both(ctx context.Context, c client) (direct, through side, records []record, err error) {
	cases, err := t.cases(c.provider)
	if err != nil {
		return direct, through, nil, err
	}
	list := filepath.Join(t.work, "cases.json")
	if err := writeJSON(list, cases); err != nil {
		return direct, through, nil, err
	}
	u, authorities := t.startUpstream(c, cases)
	defer u.Close()
	if direct.calls, err = c.calls(ctx, u.URL, list, authorities); err != nil {
		return direct, through, nil, err
	}
	direct.requests = u.TakeRequests()

	g, err := t.startGateway(c, u.URL)
	if err != nil {
		return direct, through, nil, err
	}
	through.calls, err = c.calls(ctx, g.url+"/"+c.provider+c.path, list, authorities)
	through.requests = u.TakeRequests()
	records, stopped := g.stop()
	return direct, through, records, errors.Join(err, stopped)
}

// startUpstream starts what the client takes for the provider, and says with whose certificates.
func (t trial) startUpstream(c client, cases []upstream.Case) (u *upstream.Upstream, authorities string) {
	if !c.secure {
		return upstream.New(c.provider, cases), ""
	}
	return upstream.New(c.provider, cases, t.certificate.Certificate), t.certificate.certFile
}

func writeJSON(path string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

func (t trial) cases(provider string) ([]upstream.Case, error) {
	cases, err := upstream.LoadCases(t.replay, "replay", provider)
	if err != nil || t.recordings == "" {
		return cases, err
	}
	recorded, err := upstream.LoadCases(t.recordings, "recorded", provider)
	if err != nil {
		return nil, fmt.Errorf("recordings: %w", err)
	}
	return append(cases, recorded...), nil
}
