package gateway

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
)

// shipped is the built-in file.
func shipped(t testing.TB) *Snapshot {
	t.Helper()
	s, err := Compile(load(t, "version: 1\nextends: builtin\n"), CompileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Those who move here have these names and paths in their clients.
func TestShippedProvidersLeadWhereTheirNamesSay(t *testing.T) {
	t.Parallel()
	s := shipped(t)
	for target, want := range map[string]string{
		"/anthropic/v1/messages":              "https://api.anthropic.com/v1/messages",
		"/cartesia/tts/bytes":                 "https://api.cartesia.ai/tts/bytes",
		"/cerebras/v1/chat/completions":       "https://api.cerebras.ai/v1/chat/completions",
		"/cohere/v2/chat":                     "https://api.cohere.ai/v2/chat",
		"/deepbricks/v1/chat/completions":     "https://api.deepbricks.ai/v1/chat/completions",
		"/deepseek/anthropic/v1/messages":     "https://api.deepseek.com/anthropic/v1/messages",
		"/elevenlabs/v1/text-to-speech/x?a=b": "https://api.elevenlabs.io/v1/text-to-speech/x?a=b",
		"/google-ai-studio/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse": "https://generativelanguage.googleapis.com/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse",
		"/grok/v1/chat/completions":                "https://api.x.ai/v1/chat/completions",
		"/groq/openai/v1/chat/completions":         "https://api.groq.com/openai/v1/chat/completions",
		"/huggingface/models/meta-llama%2FLlama-3": "https://api-inference.huggingface.co/models/meta-llama%2FLlama-3",
		"/hyperbolic/v1/chat/completions":          "https://api.hyperbolic.xyz/v1/chat/completions",
		"/jina/v1/embeddings":                      "https://api.jina.ai/v1/embeddings",
		"/jina-deepsearch/v1/chat/completions":     "https://deepsearch.jina.ai/v1/chat/completions",
		"/mistral/v1/chat/completions":             "https://api.mistral.ai/v1/chat/completions",
		"/openai/v1/chat/completions":              "https://api.openai.com/v1/chat/completions",
		"/perplexity-ai/chat/completions":          "https://api.perplexity.ai/chat/completions",
		"/poe/v1/chat/completions":                 "https://api.poe.com/v1/chat/completions",
		"/replicate/v1/models/a/b/predictions":     "https://api.replicate.com/v1/models/a/b/predictions",
		"/together/v1/chat/completions":            "https://api.together.xyz/v1/chat/completions",
		"/vercel/v1/chat/completions":              "https://ai-gateway.vercel.sh/v1/chat/completions",
		"/openrouter/v1/chat/completions":          "https://openrouter.ai/api/v1/chat/completions",
		"/openrouter/":                             "https://openrouter.ai/api/",
		"/fireworks/v1/chat/completions":           "https://api.fireworks.ai/inference/v1/chat/completions",

		"/azure-openai/my-resource/gpt-4.1/chat/completions?api-version=2024-10-21": "https://my-resource.openai.azure.com/openai/deployments/gpt-4.1/chat/completions?api-version=2024-10-21",
		"/azure-openai/R2/my_deployment/embeddings":                                 "https://R2.openai.azure.com/openai/deployments/my_deployment/embeddings",

		"/aws-bedrock/bedrock-runtime/us-east-1/model/anthropic.claude-v2%3A1/invoke": "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-v2%3A1/invoke",
		"/aws-bedrock/bedrock/eu-central-1/foundation-models":                         "https://bedrock.eu-central-1.amazonaws.com/foundation-models",
		"/aws-bedrock/bedrock-agent-runtime/us-west-2/agents/a":                       "https://bedrock-agent-runtime.us-west-2.amazonaws.com/agents/a",

		"/google-vertex-ai/projects/p-1/locations/us-central1/publishers/google/models/gemini-3-pro:generateContent":      "https://us-central1-aiplatform.googleapis.com/v1/projects/p-1/locations/us-central1/publishers/google/models/gemini-3-pro:generateContent",
		"/google-vertex-ai/v1/projects/p-1/locations/europe-west4/publishers/anthropic/models/claude@20250929:rawPredict": "https://europe-west4-aiplatform.googleapis.com/v1/projects/p-1/locations/europe-west4/publishers/anthropic/models/claude@20250929:rawPredict",
		"/google-vertex-ai/v1beta1/projects/example.com:p/locations/us-east5/endpoints/openapi/chat/completions":          "https://us-east5-aiplatform.googleapis.com/v1beta1/projects/example.com:p/locations/us-east5/endpoints/openapi/chat/completions",
		"/google-vertex-ai/projects/p/locations/global/publishers/google/models/g:countTokens":                            "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google/models/g:countTokens",
		"/google-vertex-ai/v1/projects/p/locations/global/x":                                                              "https://aiplatform.googleapis.com/v1/projects/p/locations/global/x",
		"/google-vertex-ai/v1beta1/projects/p/locations/global/x":                                                         "https://aiplatform.googleapis.com/v1beta1/projects/p/locations/global/x",
		"/google-vertex-ai/projects/p/locations/us/x":                                                                     "https://aiplatform.us.rep.googleapis.com/v1/projects/p/locations/us/x",
		"/google-vertex-ai/v1/projects/p/locations/eu/x":                                                                  "https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu/x",
		"/google-vertex-ai/v1beta1/projects/p/locations/eu/x":                                                             "https://aiplatform.eu.rep.googleapis.com/v1beta1/projects/p/locations/eu/x",
	} {
		e, err := s.Explain(http.MethodPost, target)
		if err != nil || e.URL != want {
			t.Errorf("%s leads to %s, %v, want %s", target, e.URL, err, want)
		}
	}
}

func TestShippedProvidersRefuseOtherPaths(t *testing.T) {
	t.Parallel()
	s := shipped(t)
	for target, want := range map[string]string{
		"/azure-openai/my-resource":                    "no route of azure-openai fits this path; it has /azure-openai/{resource}/{deployment:[A-Za-z0-9._-]+}/*",
		"/aws-bedrock/s3/us-east-1/bucket":             "no route of aws-bedrock fits this path; it has /aws-bedrock/{service:bedrock[a-z-]*}/{region}/*",
		"/google-vertex-ai/v2/projects/p/x":            "no route of google-vertex-ai fits this path; it has /google-vertex-ai/projects/{project:[A-Za-z0-9._:-]+}/locations/{location}/* and /google-vertex-ai/{version:v1|v1beta1}/projects/{project:[A-Za-z0-9._:-]+}/locations/{location}/*",
		"/google-vertex-ai/projects/p/locations/a.b/x": `location is "a.b" in this path; in a host name it can be letters, digits and hyphens only`,
		"/openai":    "no route of openai fits this path; it has /openai/*",
		"/opena1/v1": `unknown provider "opena1"; did you mean openai?`,
		"openai/v1":  "a request target begins with /",
	} {
		if e, err := s.Explain(http.MethodPost, target); err == nil || err.Error() != want {
			t.Errorf("%s = %s, %v, want %s", target, e.URL, err, want)
		}
	}
}

func TestProvidersAreListedSorted(t *testing.T) {
	t.Parallel()
	g := newGateway(t, "version: 1\nextends: builtin\n", Options{})
	var names []string
	if err := json.Unmarshal(askPage(g, "GET", "/providers").Body.Bytes(), &names); err != nil {
		t.Fatal(err)
	}
	if !slices.IsSorted(names) || !slices.Equal(names, g.Providers()) {
		t.Errorf("/providers = %q", names)
	}
	for _, name := range []string{
		"anthropic", "aws-bedrock", "azure-openai", "cartesia", "cerebras", "cohere", "deepbricks", "deepseek", "elevenlabs", "fireworks", "google-ai-studio", "google-vertex-ai", "grok", "groq",
		"huggingface", "hyperbolic", "jina", "jina-deepsearch", "mistral", "openai", "openrouter", "perplexity-ai", "poe", "replicate", "together", "vercel",
	} {
		if !slices.Contains(names, name) {
			t.Errorf("/providers does not list %s", name)
		}
	}
}

// What a case was recorded from is found again by its own host and path.
func TestUpstreamIsReadBackToItsVariables(t *testing.T) {
	t.Parallel()
	s := shipped(t)
	for _, c := range []struct {
		provider, host, path string
		want                 map[string]string
	}{
		{"openai", "api.openai.com", "/v1/chat/completions", map[string]string{}},
		{"azure-openai", "r.openai.azure.com", "/openai/deployments/d/chat/completions", map[string]string{"resource": "r", "deployment": "d"}},
		{"aws-bedrock", "bedrock-runtime.us-east-1.amazonaws.com", "/model/m/invoke", map[string]string{"service": "bedrock-runtime", "region": "us-east-1"}},
		{"google-vertex-ai", "aiplatform.googleapis.com", "/v1/projects/p/locations/global/x", map[string]string{"project": "p", "location": "global"}},
		{"google-vertex-ai", "us-east5-aiplatform.googleapis.com", "/v1beta1/projects/p/locations/us-east5/x", map[string]string{"version": "v1beta1", "project": "p", "location": "us-east5"}},
		{"openai", "api.openai.org", "/v1", nil},
		{"openai", "api-openai.com", "/v1", nil},
		{"fireworks", "api.fireworks.ai", "/inferences/v1", nil},
		{"nothing", "api.openai.com", "/v1", nil},
	} {
		got, ok := s.MatchUpstream(c.provider, c.host, c.path)
		if ok != (c.want != nil) || len(got) != len(c.want) {
			t.Errorf("%s: %s%s = %v, %v, want %v", c.provider, c.host, c.path, got, ok, c.want)
		}
		for name, value := range c.want {
			if got[name] != value {
				t.Errorf("%s: %s%s: %s = %q, want %q", c.provider, c.host, c.path, name, got[name], value)
			}
		}
	}
}

func TestExplanationShowsWhatIsChanged(t *testing.T) {
	t.Setenv("WINDHOVER_TEST_KEY", "hunter2")
	s := newGateway(t, `version: 1
defaults: {request: {headers: {remove: [Via, Cf-*]}}}
providers:
  up:
    path: /{region:us|eu}/*
    upstream: https://{region}.example.com
    access: {tokens: ['${WINDHOVER_TEST_KEY}']}
    request:
      headers: {remove: [X-Gone], default: {X-Beta: b}, set: {authorization: 'Bearer ${WINDHOVER_TEST_KEY}'}}
      query: {set: {key: '${WINDHOVER_TEST_KEY}'}}
    usage: u
usage:
  u: [{fields: {model: first("model")}}, {when: path contains "/never", fields: {input_tokens: first("n")}}]
`, Options{}).snapshot.Load()
	e, err := s.Explain("POST", "/UP/eu/v1?a=b")
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"provider":"up","route":"/up/{region:us|eu}/*","params":{"region":"eu"},"method":"POST","url":"https://eu.example.com/v1?a=b\u0026key=***",` +
		`"headers":{"remove":["Via","Cf-*","X-Gone"],"default":{"X-Beta":"b"},"set":{"Authorization":"Bearer ${WINDHOVER_TEST_KEY}"}},"rules":["usage.u[0]"]}`
	if string(got) != want {
		t.Errorf("Explain =\n%s, want\n%s", got, want)
	}
}
