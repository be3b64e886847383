package main

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"windhover/gateway/telemetry"
)

// descriptions are the labels of each metric that the gateway has, those without a value yet included.
func descriptions() map[string][]string {
	m := newMetrics()
	telemetry.Sources{}.Register(m.registry)
	all := make(chan *prometheus.Desc, 1000)
	m.registry.Describe(all)
	close(all)
	form := regexp.MustCompile(`^Desc\{fqName: "([a-z_]+)", help: .*, constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}$`)
	metrics := map[string][]string{}
	for d := range all {
		if found := form.FindStringSubmatch(d.String()); found != nil {
			constant := regexp.MustCompile(`="[^"]*"`).ReplaceAllString(found[2], "")
			metrics[found[1]] = slices.Concat(strings.Split(constant, ","), strings.Split(found[3], ","), []string{"le", "instance", "job"})
		}
	}
	return metrics
}

// A panel whose metric was renamed shows nothing, and nobody hears of it. .ci/check-dashboard asks every query of a real
// Prometheus; this finds what it cannot see, where a query has an answer without the metric.
func TestDashboardAsksForMetricsThatThereAre(t *testing.T) {
	t.Parallel()
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr, LegendFormat string }
		}
	}
	if err := json.Unmarshal([]byte(readFile(t, deployPath("grafana", "windhover.json"))), &board); err != nil {
		t.Fatal(err)
	}
	metrics := descriptions()
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			labels := []string{"config"} // made by a label_replace
			for _, name := range regexp.MustCompile(`\b(windhover|process|go)_[a-z_]+`).FindAllString(target.Expr, -1) {
				of, known := metrics[regexp.MustCompile(`_bucket$`).ReplaceAllString(name, "")]
				if !known {
					t.Errorf("%s: %s asks for %s, which the gateway does not have", p.Title, target.Expr, name)
				}
				labels = append(labels, of...)
			}
			for _, named := range labelsIn(target.Expr + " " + target.LegendFormat) {
				if !slices.Contains(labels, named) {
					t.Errorf("%s: %s names the label %s, which its metrics do not have", p.Title, target.Expr, named)
				}
			}
		}
	}
}

// labelsIn are the labels by which a query chooses and groups, and that its legend shows.
func labelsIn(text string) []string {
	var labels []string
	for _, found := range regexp.MustCompile(`\b(?:by|on|group_left) \(([a-z_, ]*)\)`).FindAllStringSubmatch(text, -1) {
		labels = append(labels, strings.Split(found[1], ", ")...)
	}
	for _, found := range regexp.MustCompile(`([a-z_]+)(?:=|!=|=~|!~)"|\{\{([a-z_]+)\}\}`).FindAllStringSubmatch(text, -1) {
		labels = append(labels, found[1]+found[2])
	}
	return labels
}
