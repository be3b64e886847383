package gateway

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"windhover/config"
)

// mask hides credentials in texts that people read: errors, logs and explanations show addresses and what an upstream has sent,
// and the value of a reference or a client's key may stand in either.
type mask []string

// minMasked is the length of the shortest value that is hidden, in bytes. A shorter one, such as the number of a
// version, stands in a text by chance too, and hiding it there would garble an address that people have to read.
const minMasked = 6

// maskOf hides what a provider's file keeps secret: what references yield in its addresses, headers and query, the tokens that
// let clients in, and the password of its proxy.
func maskOf(c config.Provider) mask {
	var m mask
	for _, r := range append([]config.Route{{Upstream: c.Upstream}}, c.Routes...) {
		m = m.with(r.Upstream)
	}
	for _, values := range []map[string]config.Template{c.Request.Headers.Set, c.Request.Headers.Default, c.Request.Query.Set, c.Response.Headers.Set} {
		for name, t := range values {
			for _, value := range t.Credentials(name) {
				m = m.and(value)
			}
		}
	}
	for _, t := range c.Access.Tokens {
		m = m.and(t.Secret.Reveal())
	}
	if u, err := url.Parse(c.Proxy.Secret.Reveal()); err == nil && u.User != nil {
		password, _ := u.User.Password()
		m = m.and(password).and(base64.StdEncoding.EncodeToString([]byte(u.User.Username() + ":" + password)))
	}
	return m.sorted()
}

// with is the mask that also hides the references of a template. A default is not hidden: it stands in the file as the rest of
// the address does.
func (m mask) with(t config.Template) mask {
	for _, part := range t.Parts {
		if part.Secret != nil && !part.Secret.Written() {
			m = m.and(part.Secret.Reveal())
		}
	}
	return m
}

// and is the mask that also hides a value, in the spellings in which addresses and messages hold it.
func (m mask) and(value string) mask {
	if len(value) < minMasked {
		return m
	}
	quoted := strconv.Quote(value)
	return append(m, value, url.QueryEscape(value), url.PathEscape(value), quoted[1:len(quoted)-1])
}

// sorted puts the longest first, so that no rest is left of one that holds another.
func (m mask) sorted() mask {
	slices.SortFunc(m, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b)) })
	return slices.Compact(m)
}

// hide is the text without them.
func (m mask) hide(text string) string {
	for _, secret := range m {
		text = strings.ReplaceAll(text, secret, "***")
	}
	return text
}

// hide is a text for people without the secrets of this exchange: those of the file, and what the client has sent, which an
// upstream may repeat.
func (x *exchange) hide(text string) string {
	var m mask
	if x.provider != nil {
		m = slices.Clone(x.provider.mask)
	}
	for name := range x.snapshot.carriers.headers {
		for _, value := range x.r.Header[name] {
			m = m.and(value)
			if _, credential, found := strings.Cut(value, " "); found { // behind a scheme
				m = m.and(strings.TrimSpace(credential))
			}
		}
	}
	if user, password, ok := (&http.Request{Header: x.r.Header}).BasicAuth(); ok {
		m = m.and(password).and(user + ":" + password)
	}
	_, query, _ := strings.Cut(x.r.RequestURI, "?")
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(name); err == nil && x.snapshot.carriers.query[strings.ToLower(name)] {
			m = m.and(value)
			if plain, err := url.QueryUnescape(value); err == nil {
				m = m.and(plain)
			}
		}
	}
	return m.sorted().hide(text)
}
