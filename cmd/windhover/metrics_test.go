package main

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"windhover/gateway/telemetry"
)

func TestMetricsAreOnTheAdminListener(t *testing.T) {
	t.Parallel()
	g := start(t, provider(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, sseAnswer)
	}))
	if _, err := io.ReadAll(ask(t, g.address).Body); err != nil {
		t.Fatal(err)
	}
	await(t, g.stdout, `(\{.*\})\n`)
	got := get(t, g.admin, "/metrics")
	for _, want := range []string{
		`windhover_requests_total{end="complete",provider="openai",status_class="2xx"} 1`,
		`windhover_usage_state_total{provider="openai",state="reported"} 1`,
		`windhover_config_last_reload_successful 1`,
		`windhover_config_reloads_total{result="failure"} 0`,
		`windhover_requests_in_flight 0`,
		`windhover_records_dropped_total 0`,
		`windhover_build_info{goversion="go`,
		`go_goroutines `,
		`process_resident_memory_bytes `,
	} {
		if !strings.Contains(got, "\n"+want) {
			t.Errorf("/metrics holds no %s:\n%s", want, got)
		}
	}
	for kind, n := range map[string]int{"input": 9, "output": 2} {
		want := regexp.MustCompile(fmt.Sprintf(`(?m)^windhover_tokens_total\{kind="%s",model="[^"]+",provider="openai"\} %d$`, kind, n))
		if !want.MatchString(got) {
			t.Errorf("/metrics holds no %s:\n%s", want, got)
		}
	}
}

func TestMetricsListenerHasMetricsAndNothingElseWithoutAToken(t *testing.T) {
	t.Parallel()
	g := start(t, t.TempDir(), "--admin-token=secret", "--metrics=127.0.0.1:0")
	admin := g.logged(t, `msg="the admin listener is open" address=(\S+)`)
	address := g.logged(t, `msg="the metrics listener is open" address=(\S+)`)
	if got := get(t, address, "/metrics"); !strings.Contains(got, "windhover_build_info{") {
		t.Errorf("/metrics = %s, want metrics", got)
	}
	for _, path := range []string{"/", "/config", "/-/reload", "/debug/pprof/"} {
		if got := get(t, address, path); got != "404 page not found\n" {
			t.Errorf("%s of the metrics listener = %q, want 404", path, got)
		}
	}
	if got := get(t, admin, "/metrics"); !strings.Contains(got, `"unauthorized"`) {
		t.Errorf("/metrics of the admin listener = %s, want it refused without the token", got)
	}
}

func TestMetricsTellOfReloads(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, "providers.yaml")
	writeFile(t, file, oneProvider)
	g := start(t, folder)
	writeFile(t, file, "version: 2\n")
	g.logged(t, `(reload failed)`)
	got := get(t, g.admin, "/metrics")
	for _, want := range []string{"windhover_config_last_reload_successful 0", `windhover_config_reloads_total{result="failure"} 1`} {
		if !strings.Contains(got, "\n"+want+"\n") {
			t.Errorf("/metrics after a broken edit holds no %s:\n%s", want, got)
		}
	}
}

// The table of metrics in README.md stands between these lines.
const (
	metricsBegin = "<!-- metrics -->\n"
	metricsEnd   = "<!-- /metrics -->"
)

func TestReadmeListsTheMetrics(t *testing.T) {
	compareReadme(t, metricsBegin, metricsEnd, metricsMarkdown())
}

func metricsMarkdown() string {
	m := newMetrics()
	telemetry.Sources{}.Register(m.registry)
	descriptions := make(chan *prometheus.Desc, 1000)
	m.registry.Describe(descriptions)
	close(descriptions)
	form := regexp.MustCompile(`^Desc\{fqName: "(windhover_[a-z_]+)", help: "([^"]*)", unit: ".*", constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}$`)
	var rows []string
	for d := range descriptions {
		found := form.FindStringSubmatch(d.String())
		if found == nil {
			continue // of the Go runtime and of the process
		}
		labels := regexp.MustCompile(`="[^"]*"`).ReplaceAllString(found[3], "") + found[4]
		rows = append(rows, fmt.Sprintf("| %s | %s | %s |\n", code(found[1]), strings.ReplaceAll(labels, ",", ", "), found[2]))
	}
	slices.Sort(rows)
	return "\n| metric | labels | meaning |\n|---|---|---|\n" + strings.Join(rows, "") + "\n"
}
