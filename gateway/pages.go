package gateway

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

// ownPage tells the gateway's own addresses, none of which a provider can have as its name.
func ownPage(name, rest string) bool {
	switch name {
	case "", "providers", "health", "favicon.ico":
		return rest == ""
	case "-":
		return true
	}
	return false
}

// newPages are the pages of the public listener.
func (g *Gateway) newPages() http.Handler {
	pages := chi.NewRouter()
	pages.Use(g.underPrefix, middleware.GetHead)
	pages.Get("/", g.serveProviderPage())
	pages.Get("/providers", g.providerList)
	pages.Get("/health", g.health)
	pages.Get("/favicon.ico", noContent)
	g.probes(pages)
	pages.NotFound(noPage)
	pages.MethodNotAllowed(wrongMethod(pages))
	return pages
}

// wrongMethod names the methods that the page at this path answers (RFC 9110, section 15.5.6).
func wrongMethod(pages chi.Routes) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		if below := chi.RouteContext(r.Context()).RoutePath; below != "" {
			path = below
		}
		allowed := "POST"
		if pages.Match(chi.NewRouteContext(), http.MethodGet, path) {
			allowed = "GET, HEAD"
		}
		w.Header().Set("Allow", allowed)
		(&failure{status: http.StatusMethodNotAllowed, kind: "bad_request", code: "method_not_allowed", message: "this page answers " + allowed}).write(w)
	}
}

func noPage(w http.ResponseWriter, _ *http.Request) {
	notFound("no_page", "there is no such page").write(w)
}

// discreet is a failure that tells nothing about the file's providers where the operator wants nothing told. Whoever has
// no token of a provider cannot tell it from one that does not exist.
func (g *Gateway) discreet(f *failure) *failure {
	if g.options.Page != PageOff || (f.status != http.StatusNotFound && f.status != http.StatusUnauthorized) {
		return f
	}
	return notFound("unknown_provider", "no provider answers at this path")
}

// underPrefix makes chi see the path below the mount prefix.
func (g *Gateway) underPrefix(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		chi.RouteContext(r.Context()).RoutePath = "/" + strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, g.options.Prefix), "/")
		next.ServeHTTP(w, r)
	})
}

// probes are for those who start, stop and watch the gateway. Neither looks at anything but the gateway itself: an
// upstream or a disk that fails must not take it out of service.
func (g *Gateway) probes(router chi.Router) {
	router.Get("/-/healthy", g.health)
	router.Get("/-/ready", g.ready)
}

func (g *Gateway) health(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

func (g *Gateway) ready(w http.ResponseWriter, _ *http.Request) {
	if g.draining.Load() {
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "draining"})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ready"})
}

func (g *Gateway) providerList(w http.ResponseWriter, r *http.Request) {
	if g.options.Page == PageOff {
		noPage(w, r)
		return
	}
	writeJSON(w, http.StatusOK, g.Providers())
}

func noContent(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // fails only if the client has left
}
