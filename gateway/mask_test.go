package gateway

import "testing"

func TestMaskHidesWhatReferencesYield(t *testing.T) {
	t.Setenv("LONG_VALUE", "a+secret/1")
	t.Setenv("SHORT_VALUE", "1")
	up := "version: 1\nproviders:\n  up: {upstream: 'https://acme.test/${LONG_VALUE}/v${SHORT_VALUE}/${UNSET_VALUE:-default}'}\n"
	m := newGateway(t, up, Options{}).snapshot.Load().provider("up").mask
	for text, want := range map[string]string{
		"ask for a+secret/1":               "ask for ***",
		"/a+secret%2F1/x":                  "/***/x",
		"?k=a%2Bsecret%2F1":                "?k=***",
		"dial 10.0.0.1:11: default/v1":     "dial 10.0.0.1:11: default/v1",
		"a+secret/1, a+secret/1, a+secret": "***, ***, a+secret",
	} {
		if got := m.hide(text); got != want {
			t.Errorf("hide(%q) = %q, want %q", text, got, want)
		}
	}
}
