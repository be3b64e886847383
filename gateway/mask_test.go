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

// What an upstream repeats of a request is not ours to change for its client, but no log and no answer of ours repeats it.
func TestMaskHidesWhatTheClientSent(t *testing.T) {
	t.Parallel()
	up := answering(t, "no-such-key:k-123456,b%2F123456,q/123456,a-name\r\n\r\n")
	g := start(t, leadingTo(up.addr))
	res := g.ask(t, "GET /up/v1?key=q%2F123456&name=a-name HTTP/1.1\r\nHost: g\r\nConnection: close\r\nX-Api-Key: k-123456\r\nAuthorization: Bearer b/123456\r\n\r\n")
	want := `up broke off before it answered: net/http: HTTP/1.x transport connection broken: malformed HTTP response "no-such-key:***,***,***,a-name"`
	if errorOf(res.body) != want {
		t.Errorf("message = %s, want %s", errorOf(res.body), want)
	}
}
