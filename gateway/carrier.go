package gateway

import (
	"net/http"
	"net/url"
	"strings"
)

// credentialIn is the credential that a request carries, the same in whatever it comes; empty if there is none. What
// comes first is what most providers look at: who sends two chooses which of them counts, and no more.
func credentialIn(h http.Header, query string) string {
	if credential := bareCredential(h.Get("Authorization")); credential != "" {
		return credential
	}
	for _, name := range [...]string{"X-Api-Key", "Api-Key", "X-Goog-Api-Key", "Xi-Api-Key", "Ocp-Apim-Subscription-Key"} {
		if credential := strings.TrimSpace(h.Get(name)); credential != "" {
			return credential
		}
	}
	if credential := subprotocolCredential(h["Sec-Websocket-Protocol"]); credential != "" {
		return credential
	}
	return queryCredential(query)
}

// bareCredential is what stands behind the scheme (RFC 9110, section 11.4). Of an AWS signature, which is another one for
// each request, it is the id of the key that made it.
func bareCredential(authorization string) string {
	scheme, credential, found := strings.Cut(strings.TrimSpace(authorization), " ")
	switch {
	case !found && (strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "Basic")):
		return ""
	case !found:
		return scheme // AssemblyAI's has no scheme
	case strings.HasPrefix(scheme, "AWS4-"):
		_, scope, _ := strings.Cut(credential, "Credential=")
		return accessKeyID(scope)
	}
	return strings.TrimLeft(credential, " ")
}

// accessKeyID is the first part of a signature's scope, as in AKIA…/20261125/us-east-1/bedrock/aws4_request.
func accessKeyID(scope string) string {
	id, _, _ := strings.Cut(scope, "/")
	return id
}

// subprotocolCredential is the one that a browser, which can set no header of a WebSocket, offers among the subprotocols:
// behind a prefix, as for OpenAI and xAI, or as the one after its scheme, as for Deepgram.
func subprotocolCredential(values []string) string {
	scheme := false
	for protocol := range strings.SplitSeq(strings.Join(values, ","), ",") {
		protocol = strings.TrimSpace(protocol)
		if scheme {
			return protocol
		}
		for _, prefix := range [...]string{"openai-insecure-api-key.", "xai-client-secret."} {
			if credential, found := strings.CutPrefix(protocol, prefix); found {
				return credential
			}
		}
		scheme = strings.EqualFold(protocol, "token") || strings.EqualFold(protocol, "bearer")
	}
	return ""
}

// queryCredential is the first parameter that holds one: Gemini's `key`, Azure's `api-key`, the tokens that browsers get,
// the scope of an AWS signature.
func queryCredential(query string) string {
	for pair := range strings.SplitSeq(query, "&") {
		name, raw, _ := strings.Cut(pair, "=")
		switch strings.ToLower(name) {
		case "key", "api-key", "api_key", "xi-api-key", "access_token", "token", "subscription-key", "ocp-apim-subscription-key", "x-amz-credential":
		default:
			continue
		}
		value, err := url.QueryUnescape(raw)
		if err != nil {
			value = raw
		}
		if strings.EqualFold(name, "x-amz-credential") {
			value = accessKeyID(value)
		}
		value = strings.TrimSpace(value)
		if value != "" {
			return value
		}
	}
	return ""
}
