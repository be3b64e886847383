package gateway

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
)

func TestMountsUnderAnyPrefixBesideOrdinaryRoutes(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"/ai", "/a/b", "/v1", "/up"} {
		t.Run(prefix, func(t *testing.T) {
			t.Parallel()
			up := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			g, err := New(load(t, leadingTo(up.addr)), Options{Prefix: prefix})
			if err != nil {
				t.Fatal(err)
			}
			router := chi.NewRouter()
			router.Get("/ordinary", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ordinary") })
			router.Mount(prefix, g)
			server := httptest.NewServer(router)
			defer server.Close()
			s := &started{Gateway: g, url: server.URL, addr: server.Listener.Addr().String()}

			for _, c := range []struct{ target, status, holds string }{
				{"/ordinary", "200", "ordinary"},
				{prefix + "/providers", "200", `["up"]`},
				{prefix + "/", "200", server.URL + prefix + "/up"},
				{prefix, "200", server.URL + prefix + "/up"},
				{prefix + "/-/ready", "200", "ready"},
				{prefix + "/nobody/x", "404", "unknown_provider"},
				{prefix + "x/up/y", "404", "404 page not found"},
				{"/other/up/y", "404", "404 page not found"},
				{prefix + "/up/a%2Fb//c;d?x=1&&y", "200", "ok"},
			} {
				answer := s.talk(t, "GET "+c.target+" HTTP/1.1\r\nHost: "+s.addr+"\r\nConnection: close\r\n\r\n")
				if !strings.HasPrefix(answer, "HTTP/1.1 "+c.status) || !strings.Contains(answer, c.holds) {
					t.Errorf("%s = %s, want %s and %s", c.target, answer, c.status, c.holds)
				}
			}
			received := up.received()
			if len(received) != 1 || !strings.HasPrefix(received[0], "GET /a%2Fb//c;d?x=1&&y HTTP/1.1\r\n") {
				t.Errorf("upstream got %q, want one request whose path and query are as they were sent", received)
			}
		})
	}
}

func TestEachMountedGatewayHasAFileOfItsOwn(t *testing.T) {
	t.Parallel()
	a, b := startReloading(t, oneProvider), startReloading(t, oneProvider)
	a.write(t, strings.Replace(oneProvider, "  a:", "  renamed:", 1))
	if err := a.Reload(); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(a.Providers(), b.Providers()), "[renamed] [a]"; got != want {
		t.Errorf("providers = %s, want %s", got, want)
	}
}
