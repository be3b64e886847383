package gateway

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"

	"windhover/config"
)

// access says who may use a provider.
type access struct {
	header string              // canonical
	tokens [][sha256.Size]byte // of one length, so that a comparison does not tell theirs
}

func newAccess(c config.Access) *access {
	if !c.Given() {
		return nil
	}
	a := &access{header: c.HeaderName()}
	for _, t := range c.Tokens {
		a.tokens = append(a.tokens, sha256.Sum256([]byte(t.Secret.Reveal())))
	}
	return a
}

// bearer reports whether tokens come in Authorization, where a scheme stands before them (RFC 6750).
func (a *access) bearer() bool { return a.header == "Authorization" }

// sent is the token that a client has sent; empty if there is none.
func (a *access) sent(h http.Header) string {
	sent := h.Get(a.header)
	if !a.bearer() {
		return sent
	}
	scheme, token, _ := strings.Cut(sent, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimLeft(token, " ")
}

// admits compares with every token, however early one fits: how long it takes tells nothing.
func (a *access) admits(h http.Header) bool {
	sent := a.sent(h)
	if sent == "" {
		return false
	}
	digest, fits := sha256.Sum256([]byte(sent)), 0
	for _, t := range a.tokens {
		fits |= subtle.ConstantTimeCompare(digest[:], t[:])
	}
	return fits == 1
}

// authorize refuses a client without a token of the provider. Of one that has it, the token goes no further: neither
// upstream nor into a template.
func (x *exchange) authorize() *failure {
	if x.provider == nil || x.provider.access == nil {
		return nil
	}
	a := x.provider.access
	if !a.admits(x.r.Header) {
		return a.denied(x.provider.name)
	}
	r := new(http.Request)
	*r = *x.r
	r.Header = x.r.Header.Clone()
	r.Header.Del(a.header)
	x.r = r
	return nil
}

func (a *access) denied(provider string) *failure {
	form, challenge := a.header+": …", ""
	if a.bearer() {
		form, challenge = a.header+": Bearer …", "Bearer"
	}
	return &failure{
		status: http.StatusUnauthorized, kind: "unauthorized", code: "access_denied", scheme: challenge,
		message: fmt.Sprintf("%s is open to those who send one of its access tokens: %s", provider, form),
	}
}
