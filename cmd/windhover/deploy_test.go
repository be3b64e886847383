package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v4"

	"windhover/config"
)

// deployPath is a file under deploy/.
func deployPath(elements ...string) string {
	return filepath.Join(append([]string{"..", "..", "deploy"}, elements...)...)
}

// parseYAML reads the only document of a file, whose keys stand there once.
func parseYAML(t *testing.T, path string, into any) {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(readFile(t, path)))
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		t.Errorf("%s: a second document (%v), want one", path, err)
	}
}

func TestDeployedYAMLParses(t *testing.T) {
	t.Parallel()
	files := 0
	err := filepath.WalkDir(deployPath(), func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".yaml" {
			var document map[string]any
			parseYAML(t, path, &document)
			files++
		}
		return err
	})
	if err != nil || files == 0 {
		t.Errorf("%d files under deploy/ (%v), want some", files, err)
	}
}

func TestKustomizationNamesEveryManifest(t *testing.T) {
	t.Parallel()
	var kustomization struct{ Resources []string }
	parseYAML(t, deployPath("kubernetes", "kustomization.yaml"), &kustomization)
	files, err := filepath.Glob(deployPath("kubernetes", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{}
	for _, file := range files {
		if name := filepath.Base(file); name != "kustomization.yaml" {
			want = append(want, name)
		}
	}
	slices.Sort(kustomization.Resources)
	if !slices.Equal(kustomization.Resources, want) {
		t.Errorf("resources = %q, want every other file: %q", kustomization.Resources, want)
	}
}

func TestDeployedProvidersLoad(t *testing.T) {
	t.Parallel()
	var configMap struct{ Data map[string]string }
	parseYAML(t, deployPath("kubernetes", "configmap.yaml"), &configMap)
	mounted := filepath.Join(t.TempDir(), "providers.yaml")
	writeFile(t, mounted, configMap.Data["providers.yaml"])
	for _, file := range []string{mounted, deployPath("compose", "windhover", "providers.yaml")} {
		if got := run(t, "check", file); got.code != exitOK {
			t.Errorf("check %s = %+v, want ok", file, got)
		}
	}
}

// deployment is what the tests read of the manifest.
type deployment struct {
	Spec struct {
		Template struct {
			Spec struct {
				TerminationGracePeriodSeconds int `yaml:"terminationGracePeriodSeconds"`
				Containers                    []container
			}
		}
	}
}

type container struct {
	Args  []string
	Ports []struct {
		Name          string
		ContainerPort string `yaml:"containerPort"`
	}
	ReadinessProbe probe `yaml:"readinessProbe"`
	LivenessProbe  probe `yaml:"livenessProbe"`
}

type probe struct {
	HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
}

func parseDeployment(t *testing.T) (grace time.Duration, c container) {
	t.Helper()
	var d deployment
	parseYAML(t, deployPath("kubernetes", "deployment.yaml"), &d)
	pod := d.Spec.Template.Spec
	if len(pod.Containers) != 1 {
		t.Fatalf("%d containers, want 1", len(pod.Containers))
	}
	return time.Duration(pod.TerminationGracePeriodSeconds) * time.Second, pod.Containers[0]
}

// settingsOf is what a command line and nothing else sets.
func settingsOf(t *testing.T, args ...string) config.Settings {
	t.Helper()
	flags := pflag.NewFlagSet("windhover", pflag.ContinueOnError)
	config.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	settings, err := config.LoadSettings(flags, nil, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return settings
}

func TestDeployedGatewaysHaveTimeToDrain(t *testing.T) {
	t.Parallel()
	grace, c := parseDeployment(t)
	var compose struct {
		Services map[string]struct {
			Command []string
			Grace   string `yaml:"stop_grace_period"`
		}
	}
	parseYAML(t, deployPath("compose", "compose.yaml"), &compose)
	unit := readFile(t, deployPath("systemd", "windhover.service"))
	for _, d := range []struct {
		name  string
		grace time.Duration
		args  []string
	}{
		{"kubernetes", grace, c.Args},
		{"compose", duration(t, compose.Services["windhover"].Grace), compose.Services["windhover"].Command},
		{"systemd", duration(t, strings.TrimSuffix(firstMatch(t, unit, `(?m)^TimeoutStopSec=(\S+)$`), "in")), nil},
	} {
		s := settingsOf(t, d.args...)
		if needed := s.DrainDelay + s.DrainTimeout + lastBytes + lastRecords; d.grace <= needed {
			t.Errorf("%s kills after %v, want more than the %v that draining can take", d.name, d.grace, needed)
		}
	}
}

func duration(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := config.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func firstMatch(t *testing.T, text, pattern string) string {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("nothing matches %s", pattern)
	}
	return found[1]
}

func TestDeployedProbesAskWhatTheGatewayAnswers(t *testing.T) {
	t.Parallel()
	_, c := parseDeployment(t)
	g := start(t, t.TempDir(), "--admin=off")
	for _, p := range []probe{c.ReadinessProbe, c.LivenessProbe} {
		if got := statusOf(t, http.DefaultClient, http.MethodGet, "http://"+g.address+p.HTTPGet.Path); got != http.StatusOK || p.HTTPGet.Port != "http" {
			t.Errorf("probe of %s on port %s = %d, want %d on port http", p.HTTPGet.Path, p.HTTPGet.Port, got, http.StatusOK)
		}
	}
}

func TestDeployedPortsAreThoseThatAreListenedOn(t *testing.T) {
	t.Parallel()
	_, c := parseDeployment(t)
	s := settingsOf(t, c.Args...)
	want := map[string]string{"http": s.Listen, "metrics": s.Metrics}
	for _, port := range c.Ports {
		if want[port.Name] != ":"+port.ContainerPort {
			t.Errorf("port %s = %s, want the one of %s", port.Name, port.ContainerPort, want[port.Name])
		}
	}
	if unit := readFile(t, deployPath("systemd", "windhover.socket")); ":"+firstMatch(t, unit, `(?m)^ListenStream=(\d+)$`) != s.Listen {
		t.Errorf("the systemd socket listens elsewhere than on %s:\n%s", s.Listen, unit)
	}
	if file := readFile(t, filepath.Join("..", "..", "Dockerfile")); firstMatch(t, file, `(?m)^EXPOSE (\S+)`) != strings.TrimPrefix(s.Listen, ":") {
		t.Errorf("the Dockerfile exposes another port than %s", s.Listen)
	}
}

func TestDockerfileBuildsWithTheGoOfTheModule(t *testing.T) {
	t.Parallel()
	want := firstMatch(t, readFile(t, filepath.Join("..", "..", "go.mod")), `(?m)^go (\S+)$`)
	got := firstMatch(t, readFile(t, filepath.Join("..", "..", "Dockerfile")), `(?m)^FROM .*golang:(\S+) AS build$`)
	if got != want {
		t.Errorf("the Dockerfile builds with Go %s, want go.mod's %s", got, want)
	}
}

// What systemd does not know it ignores with a line in the log that nobody reads, so that a slip has to show here.
func TestSystemdUnitsAreWellFormed(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(deployPath("systemd", "windhover.*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("units = %q (%v), want the service and its socket", files, err)
	}
	line := regexp.MustCompile(`^(|#.*|\[(Unit|Service|Socket|Install)\]|[A-Z][A-Za-z]+=\S*( \S+)*)$`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for l := range bytes.Lines(text) {
			if l = bytes.TrimSuffix(l, []byte("\n")); !line.Match(l) {
				t.Errorf("%s: %q is no line of a unit", file, l)
			}
		}
	}
}
