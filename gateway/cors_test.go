package gateway

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"windhover/config"
)

// What a page of another site may read of the admin listener is nothing: no answer names an origin that may.
func TestAdminListenerAllowsNoOtherOrigin(t *testing.T) {
	t.Parallel()
	g := newGateway(t, leadingTo("up.example"), Options{})
	admin := g.Admin(AdminOptions{Addr: "127.0.0.1:5502", Token: config.NewSecret("letmein")})
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions, http.MethodHead} {
		for _, path := range []string{"/config", "/-/reload", "/-/ready", "/metrics", "/debug/pprof/", "/nothing"} {
			r := httptest.NewRequest(method, "http://127.0.0.1:5502"+path, nil)
			r.Header.Set("Origin", "https://evil.example")
			r.Header.Set("Access-Control-Request-Method", "POST")
			r.Header.Set("Access-Control-Request-Headers", "authorization")
			r.Header.Set("Authorization", "Bearer letmein")
			w := httptest.NewRecorder()
			admin.ServeHTTP(w, r)
			for name := range w.Header() {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s %s answers with %s", method, path, name)
				}
			}
		}
	}
}
