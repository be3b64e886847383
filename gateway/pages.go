package gateway

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
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
	pages.Use(g.underPrefix)
	pages.Get("/", g.providerPage)
	pages.Get("/providers", g.providerList)
	pages.Get("/health", g.health)
	pages.Get("/favicon.ico", noContent)
	g.probes(pages)
	pages.NotFound(func(w http.ResponseWriter, r *http.Request) {
		notFound("no_page", "there is no such page").write(w)
	})
	pages.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		(&failure{status: http.StatusMethodNotAllowed, kind: "bad_request", code: "method_not_allowed", message: "this page answers GET and HEAD"}).write(w)
	})
	return pages
}

// underPrefix makes chi see the path below the mount prefix, and HEAD as GET: net/http leaves out the body.
func (g *Gateway) underPrefix(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rctx := chi.RouteContext(r.Context())
		rctx.RoutePath = "/" + strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, g.options.Prefix), "/")
		if r.Method == http.MethodHead {
			rctx.RouteMethod = http.MethodGet
		}
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
		http.NotFound(w, r)
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

// providerPage lists each provider with the address to use in place of its own.
func (g *Gateway) providerPage(w http.ResponseWriter, r *http.Request) {
	if g.options.Page == PageOff {
		http.NotFound(w, r)
		return
	}
	s := g.snapshot.Load()
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	h.Set("X-Content-Type-Options", "nosniff")
	base := g.base(r)
	var rows strings.Builder
	for _, name := range s.names {
		for _, route := range s.providers[name].routes {
			rows.WriteString(g.providerRow(base, name, route))
		}
	}
	leads := "<th>leads to</th>"
	if g.options.Page == PageNames {
		leads = ""
	}
	_, _ = fmt.Fprintf(w, providerPage, len(s.names), html.EscapeString(s.Revision), leads, rows.String(), html.EscapeString(base))
}

// base is the gateway's address: the public one, or else as this client wrote it.
func (g *Gateway) base(r *http.Request) string {
	if g.options.PublicURL != "" {
		return g.options.PublicURL
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + g.options.Prefix
}

func (g *Gateway) providerRow(base, name string, r *route) string {
	address := base + "/" + name + strings.TrimSuffix(r.pattern, "/*")
	row := fmt.Sprintf("<tr><th>%s</th><td><code>%s</code></td>", html.EscapeString(name), html.EscapeString(address))
	if g.options.Page == PageFull {
		row += fmt.Sprintf("<td><code>%s</code></td>", html.EscapeString(r.upstream.text))
	}
	return row + "</tr>\n"
}

const providerPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Windhover</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 3rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; }
table { border-collapse: collapse; width: 100%%; margin: 1.5rem 0; }
th, td { text-align: left; vertical-align: top; padding: .4rem 1rem .4rem 0; border-bottom: 1px solid #8884; font-weight: normal; }
thead th { font-size: .85rem; opacity: .7; }
tbody th { font-weight: 600; white-space: nowrap; }
code { font: .85rem/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
p { max-width: 44rem; }
</style>
</head>
<body>
<h1>Windhover</h1>
<p>A gateway in front of %d AI providers. Use the address below in place of the provider's own; everything behind it stays as it is. File revision <code>%s</code>.</p>
<table>
<thead><tr><th>provider</th><th>use</th>%s</tr></thead>
<tbody>
%s</tbody>
</table>
<p>For example, <code>%s/openai/v1/chat/completions</code> for <code>https://api.openai.com/v1/chat/completions</code>.</p>
</body>
</html>
`
