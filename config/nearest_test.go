package config

import "testing"

func TestNearestFindsTheNameThatWasMeant(t *testing.T) {
	t.Parallel()
	known := []string{"upstream", "usage", "path", "routes", "timeouts"}
	for name, want := range map[string]string{
		"upstraem": "upstream", // two neighbours swapped
		"Usage":    "usage",
		"timeout":  "timeouts",
		"pth":      "path",
		"route":    "routes",
		"headers":  "",
		"x":        "",
		"":         "",
	} {
		if got := Nearest(name, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestNearestTakesTheFirstOfEquals(t *testing.T) {
	t.Parallel()
	if got := Nearest("opena", []string{"openb", "openc"}); got != "openb" {
		t.Errorf("Nearest(opena) = %q, want openb", got)
	}
}
