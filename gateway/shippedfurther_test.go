package gateway

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"

	"windhover"
)

func TestFurtherShippedProvidersLeadToTheirHosts(t *testing.T) {
	t.Parallel()
	s := shipped(t)
	tested := make(map[string]bool)
	for target, want := range map[string]string{
		"/ai21/studio/v1/chat/completions":                                                     "https://api.ai21.com/studio/v1/chat/completions",
		"/assemblyai/v2/transcript/9ea6":                                                       "https://api.assemblyai.com/v2/transcript/9ea6",
		"/azure/acme/openai/v1/chat/completions":                                               "https://acme.openai.azure.com/openai/v1/chat/completions",
		"/azure/acme/openai/deployments/gpt-5/chat/completions?api-version=2025-04-01-preview": "https://acme.openai.azure.com/openai/deployments/gpt-5/chat/completions?api-version=2025-04-01-preview",
		"/azure/acme/v1/responses":                                                             "https://acme.openai.azure.com/openai/v1/responses",
		"/azure-foundry/acme/models/chat/completions?api-version=2024-05-01-preview":           "https://acme.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview",
		"/azure-foundry/acme/anthropic/v1/messages":                                            "https://acme.services.ai.azure.com/anthropic/v1/messages",
		"/baseten/v1/chat/completions":                                                         "https://inference.baseten.co/v1/chat/completions",
		"/cloudflare/023e105f/v1/chat/completions":                                             "https://api.cloudflare.com/client/v4/accounts/023e105f/ai/v1/chat/completions",
		"/cloudflare/023e105f/run/@cf/meta/llama-3.1-8b-instruct":                              "https://api.cloudflare.com/client/v4/accounts/023e105f/ai/run/@cf/meta/llama-3.1-8b-instruct",
		"/dashscope/compatible-mode/v1/chat/completions":                                       "https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions",
		"/dashscope/intl/compatible-mode/v1/chat/completions":                                  "https://dashscope-intl.aliyuncs.com/compatible-mode/v1/chat/completions",
		"/dashscope/us/api/v1/services/aigc/text-generation/generation":                        "https://dashscope-us.aliyuncs.com/api/v1/services/aigc/text-generation/generation",
		"/dashscope/cn-hongkong/compatible-mode/v1/embeddings":                                 "https://cn-hongkong.dashscope.aliyuncs.com/compatible-mode/v1/embeddings",
		"/databricks/dbc-1234/serving-endpoints/chat/completions":                              "https://dbc-1234.cloud.databricks.com/serving-endpoints/chat/completions",
		"/databricks/azure/adb-5555555555555555/19/serving-endpoints/claude/invocations":       "https://adb-5555555555555555.19.azuredatabricks.net/serving-endpoints/claude/invocations",
		"/databricks/gcp/5555555555555555/5/serving-endpoints/chat/completions":                "https://5555555555555555.5.gcp.databricks.com/serving-endpoints/chat/completions",
		"/deepgram/v1/listen?model=nova-3":                                                     "https://api.deepgram.com/v1/listen?model=nova-3",
		"/deepinfra/v1/openai/chat/completions":                                                "https://api.deepinfra.com/v1/openai/chat/completions",
		"/fal/fal-ai/flux/dev":                                                                 "https://fal.run/fal-ai/flux/dev",
		"/fal/queue/fal-ai/flux/dev":                                                           "https://queue.fal.run/fal-ai/flux/dev",
		"/github-models/inference/chat/completions":                                            "https://models.github.ai/inference/chat/completions",
		"/huggingface-router/v1/chat/completions":                                              "https://router.huggingface.co/v1/chat/completions",
		"/llama-cpp/v1/chat/completions":                                                       "http://localhost:8080/v1/chat/completions",
		"/lm-studio/v1/chat/completions":                                                       "http://localhost:1234/v1/chat/completions",
		"/minimax/v1/chat/completions":                                                         "https://api.minimax.io/v1/chat/completions",
		"/moonshot/v1/chat/completions":                                                        "https://api.moonshot.ai/v1/chat/completions",
		"/nebius/v1/chat/completions":                                                          "https://api.tokenfactory.nebius.com/v1/chat/completions",
		"/novita/v3/openai/chat/completions":                                                   "https://api.novita.ai/v3/openai/chat/completions",
		"/nvidia/v1/chat/completions":                                                          "https://integrate.api.nvidia.com/v1/chat/completions",
		"/ollama/api/chat":                                                                     "http://localhost:11434/api/chat",
		"/sambanova/v1/chat/completions":                                                       "https://api.sambanova.ai/v1/chat/completions",
		"/siliconflow/v1/chat/completions":                                                     "https://api.siliconflow.cn/v1/chat/completions",
		"/snowflake/myorg-myaccount/api/v2/cortex/v1/chat/completions":                         "https://myorg-myaccount.snowflakecomputing.com/api/v2/cortex/v1/chat/completions",
		"/stability/v2beta/stable-image/generate/core":                                         "https://api.stability.ai/v2beta/stable-image/generate/core",
		"/vllm/v1/chat/completions":                                                            "http://localhost:8000/v1/chat/completions",
		"/voyage/v1/embeddings":                                                                "https://api.voyageai.com/v1/embeddings",
		"/watsonx/us-south/ml/v1/text/chat?version=2026-01-01":                                 "https://us-south.ml.cloud.ibm.com/ml/v1/text/chat?version=2026-01-01",
		"/zhipu/api/paas/v4/chat/completions":                                                  "https://api.z.ai/api/paas/v4/chat/completions",
	} {
		e, err := s.Explain(http.MethodPost, target)
		if err != nil || e.URL != want {
			t.Errorf("%s leads to %s, %v, want %s", target, e.URL, err, want)
		}
		tested[e.Provider] = true
	}
	if got, want := len(tested), len(s.names)-26; got != want {
		t.Errorf("%d providers beside the first 26 are tested, want %d", got, want)
	}
}

func TestShippedProvidersStandInOrder(t *testing.T) {
	t.Parallel()
	_, section, _ := bytes.Cut(windhover.Providers, []byte("\nproviders:\n"))
	section, _, _ = bytes.Cut(section, []byte("\nfields:"))
	var names []string
	for line := range strings.Lines(string(section)) {
		if name, _, ok := strings.Cut(line, ":"); ok && strings.HasPrefix(name, "  ") && !strings.HasPrefix(name, "   ") {
			names = append(names, strings.TrimSpace(name))
		}
	}
	if !slices.IsSorted(names) || len(names) != len(shipped(t).names) {
		t.Errorf("providers.yaml lists %q, want all of them in the alphabet's order", names)
	}
}
