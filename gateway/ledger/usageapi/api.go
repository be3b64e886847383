// Package usageapi answers over HTTP what is asked of the ledger: sums, records, exports and what happens now.
package usageapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"windhover/gateway/ledger"
	"windhover/gateway/usage"
)

// Options are what the API answers from. Reader and Feed have to be there.
type Options struct {
	// Reader is the store as it can be read now. The error says why it cannot.
	Reader func() (ledger.Reader, error)
	// Reprice computes the costs of the records that a filter chooses anew, or only counts what that would change.
	Reprice func(ctx context.Context, f ledger.Filter, dryRun bool) (*ledger.Repricing, error)
	// Explain says as JSON how a record's cost comes about, from the row of the price table that it was charged by, nil if
	// there was none.
	Explain func(row []byte, r *usage.Record) (any, error)
	// Feed has the records as they are finished.
	Feed *Feed
	// Document describes the API, as OpenAPI in JSON.
	Document []byte
	// Patience is how long the store may take for an answer; 30 s by default.
	Patience time.Duration
	// Heartbeat is how often those who listen hear something when nothing happens; every 15 s by default.
	Heartbeat time.Duration
	// Now is the time; time.Now by default.
	Now func() time.Time
}

// The defaults of Options.
const (
	defaultPatience  = 30 * time.Second
	defaultHeartbeat = 15 * time.Second
)

// api answers requests. Who may ask is decided before it is reached.
type api struct {
	Options
	repricing chan struct{} // holds a token while costs are computed anew
}

// New is the handler of everything below /api/.
func New(o Options) http.Handler {
	if o.Patience == 0 {
		o.Patience = defaultPatience
	}
	if o.Heartbeat == 0 {
		o.Heartbeat = defaultHeartbeat
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return newRouter(&api{o, make(chan struct{}, 1)})
}

func newRouter(a *api) chi.Router {
	router := chi.NewRouter()
	router.Use(keepNowhere)
	router.Get("/api/openapi.json", a.document)
	router.Get("/api/usage", a.sum)
	router.Get("/api/usage/records", a.records)
	router.Get("/api/usage/records/{id}", a.record)
	router.Get("/api/usage/export", a.export)
	router.Get("/api/usage/live", a.live)
	router.Post("/api/usage/reprice", a.reprice)
	router.NotFound(func(w http.ResponseWriter, _ *http.Request) {
		(&failure{http.StatusNotFound, "not_found", "no_page", "", "there is no such page; /api/openapi.json describes those that there are"}).write(w)
	})
	router.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		allowed := http.MethodGet
		if router.Match(chi.NewRouteContext(), http.MethodPost, r.URL.Path) {
			allowed = http.MethodPost
		}
		w.Header().Set("Allow", allowed)
		(&failure{http.StatusMethodNotAllowed, "bad_request", "method_not_allowed", "", "this page answers " + allowed}).write(w)
	})
	return router
}

// keepNowhere keeps answers out of every cache, and browsers from taking them for something else than they say.
func keepNowhere(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

func (a *api) document(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(a.Document)
}

// sum answers /api/usage.
func (a *api) sum(w http.ResponseWriter, r *http.Request) {
	q, err := ParseQuestion(r.URL.Query(), a.Now())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	var answer *ledger.Answer
	err = a.read(r.Context(), func(ctx context.Context, reader ledger.Reader) (err error) {
		answer, err = reader.Sum(ctx, q)
		return err
	})
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, NewReport(q, answer))
}

// read asks the store something, for as long as it may take.
func (a *api) read(ctx context.Context, ask func(context.Context, ledger.Reader) error) error {
	reader, err := a.Reader()
	if err != nil {
		return &closedError{err}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, a.Patience, errSlow)
	defer cancel()
	err = ask(ctx, reader)
	if err != nil && errors.Is(context.Cause(ctx), errSlow) {
		return errSlow // whatever the store makes of it
	}
	return err
}

// closedError says why there is nothing to be asked.
type closedError struct{ error }

func (e *closedError) Unwrap() error { return e.error }

// errSlow says that the store took longer than it may.
var errSlow = errors.New("the ledger is too slow")

// fail answers with what an error means, unless nobody waits for it any more.
func (a *api) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil {
		a.failureOf(err).write(w)
	}
}
