package gateway

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"windhover/config"
)

// admin asks the admin listener's handler for a page.
func admin(g *Gateway, o AdminOptions, method, path string) (status int, body string) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, "http://localhost"+path, nil)
	g.Admin(o).ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestConfigPageShowsTheFileInUseAndTheLastFailure(t *testing.T) {
	t.Parallel()
	r := startReloading(t, oneProvider)
	moments := regexp.MustCompile(`"20\d\d-[^"]+Z"`)
	page := func() string {
		t.Helper()
		status, body := admin(r.Gateway, AdminOptions{}, "GET", "/config")
		if status != http.StatusOK {
			t.Errorf("status = %d, want 200", status)
		}
		return strings.ReplaceAll(moments.ReplaceAllString(body, `"NOW"`), r.path, "providers.yaml")
	}
	head := "{\n  \"revision\": \"" + r.Revision() + "\",\n  \"since\": \"NOW\",\n"
	file := `  "file": {
    "providers": {
      "a": {
        "upstream": "https://a.example"
      }
    },
    "version": 1
  }
}
`
	if got, want := page(), head+file; got != want {
		t.Errorf("page = %s, want %s", got, want)
	}
	r.write(t, "version: 2\nproviders:\n  a: {upstraem: 'https://a.example'}\n")
	_ = r.Reload()
	failure := `  "last_failure": {
    "time": "NOW",
    "mended": false,
    "problems": [
      "providers.yaml:1:10: version: version 2 is not known; write 1",
      "providers.yaml:3:7: providers.a: unknown key upstraem; did you mean upstream?"
    ]
  },
`
	if got, want := page(), head+failure+file; got != want {
		t.Errorf("page after a broken file = %s, want %s", got, want)
	}
	r.write(t, oneProvider)
	_ = r.Reload()
	if got, want := page(), head+strings.Replace(failure, "false", "true", 1)+file; got != want {
		t.Errorf("page after it was mended = %s, want %s", got, want)
	}
}

func TestConfigPageHoldsNoSecret(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "providers.yaml")
	for name, text := range map[string]string{path: `version: 1
providers:
  a:
    upstream: https://a.example
    request:
      headers: {set: {Authorization: 'Bearer ${CANARY}', X-Api-Key: '${file:key}'}}
`, filepath.Join(folder, "key"): "canary-of-a-file"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file, err := config.Load(path, config.Options{LookupEnv: func(string) (string, bool) { return "canary-of-the-environment", true }})
	if err != nil {
		t.Fatal(err)
	}
	g, err := New(file, Options{Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	_, body := admin(g, AdminOptions{}, "GET", "/config")
	for _, want := range []string{`"Authorization": "Bearer ${CANARY}"`, `"X-Api-Key": "${file:key}"`} {
		if !strings.Contains(body, want) {
			t.Errorf("page holds no %s:\n%s", want, body)
		}
	}
	if strings.Contains(body, "canary-") {
		t.Errorf("page holds a secret:\n%s", body)
	}
}

func TestConfigAndMetricsPagesWantTheToken(t *testing.T) {
	t.Parallel()
	r := startReloading(t, oneProvider)
	o := AdminOptions{Token: config.NewSecret("t"), Metrics: http.NotFoundHandler()}
	for _, path := range []string{"/config", "/metrics"} {
		if status, body := admin(r.Gateway, o, "GET", path); status != http.StatusUnauthorized {
			t.Errorf("%s without the token = %d %s, want 401", path, status, body)
		}
	}
}
