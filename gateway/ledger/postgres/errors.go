package postgres

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// remedy is what whoever runs the gateway can do about an error of the server; empty if nothing is known. The codes are those of
// https://www.postgresql.org/docs/current/errcodes-appendix.html.
func remedy(code string) string {
	switch code {
	case "28000", "28P01":
		return "the server refuses the user or the password; check both in the URL"
	case "3D000":
		return "the database is not there; create it, or name another one in the URL"
	case "42501", "3F000":
		return "the schema is not there, or the user lacks a right; see docs/postgresql.md for those that it needs"
	case "53100":
		return "the server's disk is full; free some space"
	case "53300":
		return "the server has no connection left; raise its max_connections"
	case "25006":
		return "the server only reads; name the primary in the URL, or add target_session_attrs=read-write"
	}
	return ""
}

// explain says what failed, and what can be done about it, without any secret. An empty doing is said in the error already.
func (s *Store) explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	if doing != "" {
		err = fmt.Errorf("%s: %w", doing, err)
	}
	if server, ok := errors.AsType[*pgconn.PgError](err); ok {
		if what := remedy(server.Code); what != "" {
			err = fmt.Errorf("%s: %w", what, err)
		}
	}
	if failed, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		err = told{err, strings.Replace(err.Error(), failed.Error(), oneLine(failed), 1)}
	}
	return s.secrets.hide(err)
}

// told is an error in other words.
type told struct {
	error
	text string
}

func (t told) Error() string { return t.text }
func (t told) Unwrap() error { return t.error }

// oneLine is why no server could be reached, each reason once: the driver has a line for each attempt, with TLS and without.
func oneLine(err error) string {
	first, rest, _ := strings.Cut(err.Error(), "\n")
	var reasons []string
	for line := range strings.Lines(rest) {
		if line = strings.TrimSpace(line); !slices.Contains(reasons, line) {
			reasons = append(reasons, line)
		}
	}
	return strings.TrimSpace(first + " " + strings.Join(reasons, "; "))
}

// secrets are texts that no message may hold, the longest first.
type secrets []string

func secretsOf(text string, config *pgx.ConnConfig) secrets {
	found := secrets{config.Password}
	if u, err := url.Parse(text); err == nil {
		if _, escaped, ok := strings.Cut(u.User.String(), ":"); ok {
			found = append(found, escaped)
		}
		query := u.Query()
		found = append(found, query.Get("password"), query.Get("sslpassword"))
	}
	found = slices.DeleteFunc(found, func(s string) bool { return s == "" })
	slices.SortFunc(found, func(a, b string) int { return len(b) - len(a) })
	return found
}

// hide is an error whose message holds no secret. One that would have held one wraps nothing any more.
func (s secrets) hide(err error) error {
	text := err.Error()
	for _, secret := range s {
		text = strings.ReplaceAll(text, secret, "xxxxx")
	}
	if text == err.Error() {
		return err
	}
	return errors.New(text)
}
