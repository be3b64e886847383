package gateway

import (
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"windhover/config"
)

// A client's credential belongs to one provider. A program that talks to several through one gateway may send the keys of
// all with each request, in as many headers; each provider gets what its `auth` names, and nothing else that is known to
// carry credentials.

// carriers are names in which credentials travel.
type carriers struct {
	headers map[string]bool // in canonical form
	query   map[string]bool // in lower case: no provider tells case apart, and none is to be fooled by it
}

// knownCarriers are those of the APIs that are met, whether or not a provider of the file uses them. Cookies are among them:
// no API takes them, and a browser sends those of the gateway's own host.
func knownCarriers() carriers {
	c := carriers{make(map[string]bool), make(map[string]bool)}
	for _, name := range []string{
		"Authorization", "X-Serverless-Authorization", "Cf-Aig-Authorization", "Helicone-Auth", "X-Auth-Token", "X-Access-Token", "Private-Token",
		"X-Api-Key", "Api-Key", "Apikey", "X-Goog-Api-Key", "Xi-Api-Key", "X-Auth-Key", "X-Functions-Key", "X-Portkey-Api-Key", "X-Litellm-Api-Key",
		"Ocp-Apim-Subscription-Key", "X-Amz-Security-Token", "Cf-Access-Client-Secret", "Cf-Access-Token", "Modal-Secret", "X-Vercel-Protection-Bypass",
		"Cookie", "Sec-Websocket-Protocol", // where a browser's WebSocket puts a key, for want of headers
		config.DefaultAccessHeader,
	} {
		c.headers[textproto.CanonicalMIMEHeaderKey(name)] = true
	}
	for _, name := range []string{
		"key", "api_key", "api-key", "apikey", "xi-api-key", "subscription-key", "authorization", "token", "access_token", "auth_token", "single_use_token",
		"x-amz-security-token", "x-amz-credential", "x-amz-signature", "x-goog-credential", "x-goog-signature",
	} {
		c.query[name] = true
	}
	return c
}

// carriersOf are the known ones and those that the file itself speaks of: what one provider's key or token comes in is no
// other's business.
func carriersOf(f *config.File) carriers {
	c := knownCarriers()
	for _, p := range f.Providers {
		own := lane(p.Auth)
		maps.Copy(c.headers, own.headers)
		maps.Copy(c.query, own.query)
		if p.Access.Given() {
			c.headers[p.Access.HeaderName()] = true
		}
	}
	return c
}

// lane is what a provider's `auth` names.
func lane(auth config.TextList) carriers {
	c := carriers{make(map[string]bool), make(map[string]bool)}
	for _, item := range auth {
		switch name, query := strings.CutPrefix(item.Value, config.QueryMark); {
		case item.Value == config.AuthOff:
		case query:
			c.query[strings.ToLower(name)] = true
		default:
			c.headers[textproto.CanonicalMIMEHeaderKey(name)] = true
		}
	}
	return c
}

// checkAuth refuses an `off` that is not alone.
func checkAuth(auth config.TextList) config.Problems {
	i := slices.IndexFunc(auth, func(t config.Text) bool { return t.Value == config.AuthOff })
	if i < 0 || len(auth) == 1 {
		return nil
	}
	return config.Problems{auth[i].Problem("off stands beside others; write it alone, or leave it out")}
}

// foreign are the carriers that do not go to a provider with this `auth`. One that says nothing gets everything as it was
// sent: what a file does not name is not changed.
func (c carriers) foreign(auth config.TextList) carriers {
	if len(auth) == 0 {
		return carriers{}
	}
	own := lane(auth)
	f := carriers{maps.Clone(c.headers), maps.Clone(c.query)}
	maps.DeleteFunc(f.headers, func(name string, _ bool) bool { return own.headers[name] })
	maps.DeleteFunc(f.query, func(name string, _ bool) bool { return own.query[name] })
	return f
}

// misplaced refuses a Connection that names what a credential comes in. Such a header is for the provider: to take it off, as
// what Connection names has to be, would lose the client's key without a word, and hide it from whoever checks it.
func (c carriers) misplaced(h http.Header) *failure {
	for _, name := range connectionOptions(h["Connection"]) {
		if c.headers[name] && name != config.DefaultAccessHeader { // which is for the gateway alone
			return badRequest("bad_connection", fmt.Sprintf("Connection names %s, which is for the provider and no option of a connection (RFC 9110, section 7.6.1)", name))
		}
	}
	return nil
}
