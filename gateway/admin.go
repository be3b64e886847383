package gateway

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"os"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"windhover/config"
)

// AdminOptions say who may use the admin listener.
type AdminOptions struct {
	// Addr is where it listens, host:port; its host is one that may be asked for.
	Addr string
	// Token must be sent as `Authorization: Bearer …` by everyone but the probes. Empty: nobody needs one.
	Token config.Secret
	// Metrics answers for `/metrics`; nil: there is no such page.
	Metrics http.Handler
	// API answers for everything below `/api/`; nil: there are no such pages.
	API http.Handler
}

// Admin is the handler of the admin listener.
func (g *Gateway) Admin(o AdminOptions) http.Handler {
	admin := chi.NewRouter()
	admin.Use(checkHost(o.Addr), refuseCrossSite, middleware.GetHead)
	g.probes(admin)
	admin.Group(func(r chi.Router) {
		r.Use(checkToken(o.Token))
		r.Post("/-/reload", g.handleReload)
		r.Get("/config", g.handleConfig)
		r.Get("/api/providers", g.handleProviders)
		if o.Metrics != nil {
			r.Method(http.MethodGet, "/metrics", o.Metrics)
		}
		if o.API != nil {
			r.Handle("/api/*", o.API)
		}
		r.HandleFunc("/debug/pprof/*", pprof.Index) // but no cmdline: an argument may be a token
		r.HandleFunc("/debug/pprof/profile", pprof.Profile)
		r.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		r.HandleFunc("/debug/pprof/trace", pprof.Trace)
	})
	admin.NotFound(func(w http.ResponseWriter, r *http.Request) {
		notFound("no_page", "there is no such page; there are /config, /api/providers, /api/usage, /api/openapi.json, /metrics, /-/reload (POST), /-/ready, /-/healthy and /debug/pprof/").write(w)
	})
	admin.MethodNotAllowed(wrongMethod(admin))
	return admin
}

// handleReload answers with the outcome: 200, or 422 and every problem of the file, a line each.
func (g *Gateway) handleReload(w http.ResponseWriter, _ *http.Request) {
	if err := g.Reload(); err != nil {
		(&failure{status: http.StatusUnprocessableEntity, kind: "reload_failed", code: "reload_failed", message: err.Error()}).write(w)
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "reloaded", "revision": g.Revision()})
}

// checkHost refuses a Host that is a name of somebody else's: a page in the operator's browser can point its own name
// at this address (DNS rebinding) and then read what the listener says. An attacker owns no IP address as a name.
func checkHost(addr string) func(http.Handler) http.Handler {
	own, _, _ := net.SplitHostPort(addr)
	machine, _ := os.Hostname()
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if host := hostname(r.Host); !isAddress(host) && !isOneOf(host, "localhost", own, machine) {
				(&failure{status: http.StatusForbidden, kind: "forbidden", code: "host_refused", message: "the admin listener answers only when asked by its address, localhost or the machine's name"}).write(w)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// hostname is a Host without its port and brackets.
func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.Trim(host, "[]")
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

func isOneOf(host string, names ...string) bool {
	for _, n := range names {
		if n != "" && strings.EqualFold(host, n) {
			return true
		}
	}
	return false
}

// refuseCrossSite refuses writes that a page of another site makes a browser send.
func refuseCrossSite(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		(&failure{status: http.StatusForbidden, kind: "forbidden", code: "cross_site", message: "the admin listener takes no writes from other sites"}).write(w)
	}))
	return protection.Handler(next)
}

// checkToken compares in constant time. Hashing first hides the length too.
func checkToken(token config.Secret) func(http.Handler) http.Handler {
	want := sha256.Sum256([]byte("Bearer " + token.Reveal()))
	return func(next http.Handler) http.Handler {
		if token.Reveal() == "" {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got := sha256.Sum256([]byte(r.Header.Get("Authorization")))
			if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
				w.Header().Set("WWW-Authenticate", "Bearer")
				(&failure{status: http.StatusUnauthorized, kind: "unauthorized", code: "unauthorized", message: "the admin listener wants its token: Authorization: Bearer …"}).write(w)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}
