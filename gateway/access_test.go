package gateway

import (
	"net/http"
	"strings"
	"testing"

	"windhover/gateway/usage"
)

const okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// restricted is a file whose provider up is open to the tokens first-token and second-token.
func restricted(addr string, more ...string) string {
	return leadingTo(addr, "    access: {tokens: [first-token, second-token]"+strings.Join(more, "")+"}\n")
}

func TestAccessRefusesWithoutAToken(t *testing.T) {
	t.Parallel()
	up := answering(t, okAnswer)
	g := start(t, restricted(up.addr))
	answer := g.ask(t, "POST /up/v1/chat HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
	if got, want := answer.status(), "401"; got != want {
		t.Errorf("status = %s, want %s", got, want)
	}
	if got, want := answer.value("www-authenticate"), ""; got != want {
		t.Errorf("Www-Authenticate = %q, want none: no scheme is about X-Windhover-Key", got)
	}
	want := `{"error":{"message":"up is open to those who send one of its access tokens: X-Windhover-Key: …","type":"gateway_unauthorized","code":"access_denied"}}` + "\n"
	if answer.body != want {
		t.Errorf("body = %s, want %s", answer.body, want)
	}
	if rec := g.one(t); rec.End != usage.EndRejected || rec.Status != 401 || rec.Attempt != 0 || rec.Provider != "up" {
		t.Errorf("record = %+v, want one that is rejected", rec)
	}
	if got := up.received(); len(got) > 0 {
		t.Errorf("upstream got %q, want nothing", got)
	}
}

func TestAccessComesBeforeTheRoutes(t *testing.T) {
	t.Parallel()
	g := start(t, "version: 1\nproviders:\n  up: {path: '/{region:us|eu}/*', upstream: 'https://{region}.acme.test', access: {tokens: t0ken}}\n")
	answer := g.ask(t, "GET /up/elsewhere HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\n\r\n")
	if got, want := answer.status(), "401"; got != want {
		t.Errorf("status = %s, want %s: which routes there are is not everybody's business", got, want)
	}
}

func TestWithoutThePageAProviderWithAccessSeemsUnknown(t *testing.T) {
	t.Parallel()
	for _, header := range []string{"", ", header: Authorization"} {
		g := startWith(t, restricted("192.0.2.1", header), Options{Page: PageOff})
		var answers []string
		for _, path := range []string{"/nothing/v1", "/up/v1", "/up", "/up/../v1"} {
			answer := g.ask(t, "GET "+path+" HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\n\r\n")
			answers = append(answers, strings.Join([]string{answer.status(), answer.value("x-windhover-error"), answer.value("www-authenticate"), answer.body}, " "))
		}
		for _, answer := range answers {
			if want := "404 unknown_provider  " + failureBody("not_found", "unknown_provider", "no provider answers at this path"); answer != want {
				t.Errorf("answer = %s, want %s", answer, want)
			}
		}
		if recs := g.wait(t, 4); recs[0].Error != "unknown_provider" || recs[1].Error != "access_denied" || recs[1].Status != 404 || recs[1].Provider != "up" {
			t.Errorf("records = %+v, %+v, want the reason and the status that the client got", recs[0], recs[1])
		}
	}
}

func TestAccessTokenGoesNoFurther(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ access, rewrite, sent, want string }{
		"in a header of its own": {
			"", "", "X-Windhover-Key: second-token\r\nAuthorization: Bearer mine",
			"authorization: Bearer mine",
		},
		"in a header of the file's": {
			", header: x-team", "", "X-Team: first-token\r\nX-Windhover-Key: mine",
			"",
		},
		"in Authorization, before what is set there": {
			", header: Authorization", "headers: {set: {Authorization: Bearer provider}}", "Authorization: bearer  first-token",
			"authorization: Bearer provider",
		},
		"in Authorization, before what stands there by default": {
			", header: Authorization", "headers: {default: {Authorization: Bearer provider}}", "Authorization: Bearer first-token",
			"authorization: Bearer provider",
		},
		"and not into a template": {
			"", `headers: {set: {X-Copy: '<{header("X-Windhover-Key")}>'}}`, "X-Windhover-Key: first-token",
			"x-copy: <>",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up := answering(t, okAnswer)
			file := restricted(up.addr, c.access)
			if c.rewrite != "" {
				file += "    request: {" + c.rewrite + "}\n"
			}
			g := start(t, file)
			answer := g.ask(t, "GET /up/ HTTP/1.1\r\nHost: gateway.test\r\n"+c.sent+"\r\nConnection: close\r\n\r\n")
			if answer.status() != "200" {
				t.Fatalf("status = %s, want 200: %s", answer.status(), answer.body)
			}
			got := up.lastRequest(t).endToEndFields()
			if strings.Join(got, "; ") != c.want {
				t.Errorf("upstream got %q, want %q", got, c.want)
			}
		})
	}
}

func TestAccessAdmitsWhoeverHasOneOfTheTokens(t *testing.T) {
	t.Parallel()
	key := newAccess(load(t, restricted("127.0.0.1:1")).Providers["up"].Access)
	bearer := newAccess(load(t, restricted("127.0.0.1:1", ", header: Authorization")).Providers["up"].Access)
	for _, c := range []struct {
		access      *access
		name, value string
		want        bool
	}{
		{key, "X-Windhover-Key", "first-token", true},
		{key, "X-Windhover-Key", "second-token", true},
		{key, "X-Windhover-Key", "", false},
		{key, "X-Windhover-Key", "first-toke", false},
		{key, "X-Windhover-Key", "first-token2", false},
		{key, "X-Windhover-Key", "First-Token", false},
		{key, "X-Windhover-Key", "Bearer first-token", false},
		{key, "Authorization", "Bearer first-token", false},
		{bearer, "Authorization", "Bearer first-token", true},
		{bearer, "Authorization", "BEARER second-token", true},
		{bearer, "Authorization", "first-token", false},
		{bearer, "Authorization", "Basic first-token", false},
		{bearer, "Authorization", "Bearer", false},
		{bearer, "Authorization", "Bearer ", false},
	} {
		if got := c.access.admits(http.Header{c.name: {c.value}}); got != c.want {
			t.Errorf("with %s: %s, admits = %v, want %v", c.name, c.value, got, c.want)
		}
	}
	if key.admits(http.Header{}) {
		t.Error("without a header, admits = true, want false")
	}
}

func TestAccessNamesTheSchemeOfAuthorization(t *testing.T) {
	t.Parallel()
	g := start(t, restricted("127.0.0.1:1", ", header: authorization"))
	answer := g.ask(t, "GET /up/ HTTP/1.1\r\nHost: gateway.test\r\nAuthorization: Bearer wrong\r\nConnection: close\r\n\r\n")
	if got, want := answer.value("www-authenticate"), "Bearer"; got != want {
		t.Errorf("Www-Authenticate = %q, want %q", got, want)
	}
	if want := "its access tokens: Authorization: Bearer …"; !strings.Contains(answer.body, want) {
		t.Errorf("body = %s, want it to say %q", answer.body, want)
	}
	if said := answer.body + g.log.String(); strings.Contains(said, "first-token") || strings.Contains(said, "wrong") {
		t.Errorf("a token is shown: %s", said)
	}
}
