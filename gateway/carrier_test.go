package gateway

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestCredentialIsTheSameInWhateverItComes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ header, value, query string }{
		{header: "Authorization", value: "Bearer sk-1"},
		{header: "Authorization", value: "bearer  sk-1 "},
		{header: "Authorization", value: "Basic sk-1"},
		{header: "Authorization", value: "Token sk-1"},
		{header: "Authorization", value: "Key sk-1"},
		{header: "Authorization", value: "Api-Key sk-1"},
		{header: "Authorization", value: "sk-1"},
		{header: "Authorization", value: "AWS4-HMAC-SHA256 Credential=sk-1/20261125/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=abc"},
		{header: "Authorization", value: "AWS4-ECDSA-P256-SHA256 SignedHeaders=host, Credential=sk-1/20261125/bedrock/aws4_request, Signature=def"},
		{header: "X-Api-Key", value: "sk-1"},
		{header: "Api-Key", value: "sk-1"},
		{header: "X-Goog-Api-Key", value: " sk-1"},
		{header: "Xi-Api-Key", value: "sk-1"},
		{header: "Ocp-Apim-Subscription-Key", value: "sk-1"},
		{header: "Sec-Websocket-Protocol", value: "realtime, openai-insecure-api-key.sk-1, openai-beta.realtime-v1"},
		{header: "Sec-Websocket-Protocol", value: "xai-client-secret.sk-1"},
		{header: "Sec-Websocket-Protocol", value: "token, sk-1"},
		{header: "Sec-Websocket-Protocol", value: "Bearer,sk-1"},
		{query: "alt=sse&key=sk-1"},
		{query: "key=sk%2D1&alt=sse"},
		{query: "api-key=sk-1"},
		{query: "access_token=sk-1"},
		{query: "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=sk-1%2F20261125%2Fus-east-1%2Fbedrock%2Faws4_request&X-Amz-Signature=abc"},
		{query: "key=&token=sk-1"},
	} {
		if got := credentialIn(http.Header{c.header: {c.value}}, c.query); got != "sk-1" {
			t.Errorf("credentialIn(%s: %s, ?%s) = %q, want sk-1", c.header, c.value, c.query, got)
		}
	}
}

func TestRequestWithoutCredential(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ header, value, query string }{
		{},
		{header: "Authorization", value: ""},
		{header: "Authorization", value: " "},
		{header: "Authorization", value: "Bearer "},
		{header: "Authorization", value: "AWS4-HMAC-SHA256 nothing"},
		{header: "X-Api-Key", value: " "},
		{header: "X-Windhover-Key", value: "nobody asked for it"},
		{header: "Sec-Websocket-Protocol", value: "realtime, token"},
		{query: "keys=1&monkey=2"},
		{query: "key"},
	} {
		if got := credentialIn(http.Header{c.header: {c.value}}, c.query); got != "" {
			t.Errorf("credentialIn(%s: %s, ?%s) = %q, want none", c.header, c.value, c.query, got)
		}
	}
}

func FuzzCredential(f *testing.F) {
	f.Add("sk-1")
	f.Add("a b,c&d=%zz")
	f.Add("AWS4-HMAC-SHA256 Credential=/")
	f.Fuzz(func(t *testing.T, credential string) {
		if credential != strings.TrimSpace(credential) {
			t.Skip("no header holds it as it is")
		}
		for _, got := range []string{
			credentialIn(http.Header{"Authorization": {"Bearer " + credential}}, ""),
			credentialIn(http.Header{"X-Api-Key": {credential}}, ""),
			credentialIn(nil, "alt=sse&key="+url.QueryEscape(credential)),
		} {
			if got != credential {
				t.Errorf("credential = %q, want %q in whatever it comes", got, credential)
			}
		}
	})
}
