package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// prometheus is a running one.
type prometheus struct {
	url     string
	process *exec.Cmd
}

// startPrometheus starts one that scrapes the target every second.
func startPrometheus(ctx context.Context, program, folder, target string, flags ...string) (*prometheus, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	file := filepath.Join(folder, "prometheus.yml")
	content := "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n  - {job_name: windhover, static_configs: [{targets: ['" + target + "']}]}\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	process := exec.CommandContext(ctx, program, append(flags, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(folder, "tsdb"), "--web.listen-address="+address)...)
	process.Stderr = log
	if err := process.Start(); err != nil {
		return nil, fmt.Errorf("start Prometheus: %w", err)
	}
	return &prometheus{"http://" + address, process}, nil
}

func (p *prometheus) stop() { stop(p.process) }

// check asks every query until it has an answer, and says which have none in the end.
func (p *prometheus) check(ctx context.Context, queries []query) error {
	deadline := time.Now().Add(patience)
	for {
		var problems []error
		for _, q := range queries {
			if err := p.answers(ctx, q); err != nil {
				problems = append(problems, fmt.Errorf("%s: %s: %w", q.panel, q.expr, err))
			}
		}
		if len(problems) == 0 || time.Now().After(deadline) || ctx.Err() != nil {
			return errors.Join(problems...)
		}
		time.Sleep(time.Second)
	}
}

// answers reports why a query has no good answer: a number, with the labels that its legend names, from metrics that have
// the labels that it chooses by.
func (p *prometheus) answers(ctx context.Context, q query) error {
	var found []struct {
		Metric map[string]string
		Value  [2]any
	}
	if err := p.ask(ctx, "query", url.Values{"query": {q.expr}}, &struct{ Result any }{&found}); err != nil {
		return err
	}
	number := false
	labels := map[string]bool{}
	for _, series := range found {
		number = number || series.Value[1] != "NaN"
		for name := range series.Metric {
			labels[name] = true
		}
	}
	if !number {
		return errors.New("no number in the answer")
	}
	for _, named := range regexp.MustCompile(`\{\{(\w+)\}\}`).FindAllStringSubmatch(q.legend, -1) {
		if !labels[named[1]] {
			return fmt.Errorf("the legend names %s, which the answer does not have", named[1])
		}
	}
	return p.selects(ctx, q.expr)
}

// selects looks for a label that a query chooses by and the metric does not have: =~".*" and != fit that, too.
func (p *prometheus) selects(ctx context.Context, expr string) error {
	for _, selector := range regexp.MustCompile(`(\w+)\{([^}]*)\}`).FindAllStringSubmatch(expr, -1) {
		for _, matcher := range regexp.MustCompile(`(\w+)(?:=|!=|=~|!~)"`).FindAllStringSubmatch(selector[2], -1) {
			var series []map[string]string
			if err := p.ask(ctx, "series", url.Values{"match[]": {selector[1] + `{` + matcher[1] + `!=""}`}}, &series); err != nil {
				return err
			}
			if len(series) == 0 && !strings.Contains(expr, "or vector(0)") {
				return fmt.Errorf("%s has no label %s", selector[1], matcher[1])
			}
		}
	}
	return nil
}

// ask calls the HTTP API.
func (p *prometheus) ask(ctx context.Context, path string, values url.Values, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/api/v1/"+path+"?"+values.Encode(), nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return fmt.Errorf("%s: %w", res.Status, err)
	}
	if answer.Status != "success" {
		return errors.New(answer.Error)
	}
	return json.Unmarshal(answer.Data, into)
}
