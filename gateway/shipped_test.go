package gateway

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"windhover"
	"windhover/config"
)

// shipped compiles the file that is built in.
func shipped(t testing.TB) *Snapshot {
	t.Helper()
	f, err := config.Load("", config.Options{Builtin: windhover.Providers})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Compile(f, CompileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestShippedProvidersLeadToTheirHosts(t *testing.T) {
	t.Parallel()
	s := shipped(t)
	tested := make(map[string]bool)
	for _, c := range []struct{ target, want string }{
		{"/ai21/studio/v1/chat/completions", "https://api.ai21.com/studio/v1/chat/completions"},
		{"/anthropic/v1/messages", "https://api.anthropic.com/v1/messages"},
		{"/assemblyai/v2/transcript/9ea6", "https://api.assemblyai.com/v2/transcript/9ea6"},
		{"/aws-bedrock/bedrock-runtime/us-east-1/model/anthropic.claude-v2%3A1/converse", "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-v2%3A1/converse"},
		{"/aws-bedrock/bedrock-agent-runtime/eu-west-1/retrieveAndGenerate", "https://bedrock-agent-runtime.eu-west-1.amazonaws.com/retrieveAndGenerate"},
		{"/azure/acme/openai/v1/chat/completions", "https://acme.openai.azure.com/openai/v1/chat/completions"},
		{"/azure/acme/openai/deployments/gpt-5/chat/completions?api-version=2025-04-01-preview", "https://acme.openai.azure.com/openai/deployments/gpt-5/chat/completions?api-version=2025-04-01-preview"},
		{"/azure/acme/v1/responses", "https://acme.openai.azure.com/openai/v1/responses"},
		{"/azure-foundry/acme/models/chat/completions?api-version=2024-05-01-preview", "https://acme.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview"},
		{"/azure-foundry/acme/anthropic/v1/messages", "https://acme.services.ai.azure.com/anthropic/v1/messages"},
		{"/azure-openai/acme/gpt-5/chat/completions?api-version=2025-04-01-preview", "https://acme.openai.azure.com/openai/deployments/gpt-5/chat/completions?api-version=2025-04-01-preview"},
		{"/baseten/v1/chat/completions", "https://inference.baseten.co/v1/chat/completions"},
		{"/cartesia/tts/bytes", "https://api.cartesia.ai/tts/bytes"},
		{"/cerebras/v1/chat/completions", "https://api.cerebras.ai/v1/chat/completions"},
		{"/cloudflare/023e105f/v1/chat/completions", "https://api.cloudflare.com/client/v4/accounts/023e105f/ai/v1/chat/completions"},
		{"/cloudflare/023e105f/run/@cf/meta/llama-3.1-8b-instruct", "https://api.cloudflare.com/client/v4/accounts/023e105f/ai/run/@cf/meta/llama-3.1-8b-instruct"},
		{"/cohere/v2/chat", "https://api.cohere.ai/v2/chat"},
		{"/dashscope/compatible-mode/v1/chat/completions", "https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions"},
		{"/dashscope/intl/compatible-mode/v1/chat/completions", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1/chat/completions"},
		{"/dashscope/us/api/v1/services/aigc/text-generation/generation", "https://dashscope-us.aliyuncs.com/api/v1/services/aigc/text-generation/generation"},
		{"/dashscope/cn-hongkong/compatible-mode/v1/embeddings", "https://cn-hongkong.dashscope.aliyuncs.com/compatible-mode/v1/embeddings"},
		{"/databricks/dbc-1234/serving-endpoints/chat/completions", "https://dbc-1234.cloud.databricks.com/serving-endpoints/chat/completions"},
		{"/databricks/azure/adb-5555555555555555/19/serving-endpoints/claude/invocations", "https://adb-5555555555555555.19.azuredatabricks.net/serving-endpoints/claude/invocations"},
		{"/databricks/gcp/5555555555555555/5/serving-endpoints/chat/completions", "https://5555555555555555.5.gcp.databricks.com/serving-endpoints/chat/completions"},
		{"/deepbricks/v1/chat/completions", "https://api.deepbricks.ai/v1/chat/completions"},
		{"/deepgram/v1/listen?model=nova-3", "https://api.deepgram.com/v1/listen?model=nova-3"},
		{"/deepinfra/v1/openai/chat/completions", "https://api.deepinfra.com/v1/openai/chat/completions"},
		{"/deepseek/chat/completions", "https://api.deepseek.com/chat/completions"},
		{"/elevenlabs/v1/text-to-speech/VOICE/stream", "https://api.elevenlabs.io/v1/text-to-speech/VOICE/stream"},
		{"/fal/fal-ai/flux/dev", "https://fal.run/fal-ai/flux/dev"},
		{"/fal/queue/fal-ai/flux/dev", "https://queue.fal.run/fal-ai/flux/dev"},
		{"/fireworks/v1/chat/completions", "https://api.fireworks.ai/inference/v1/chat/completions"},
		{"/github-models/inference/chat/completions", "https://models.github.ai/inference/chat/completions"},
		{"/google-ai-studio/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"},
		{"/google-vertex-ai/projects/p/locations/us-central1/publishers/google/models/m:generateContent", "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/publishers/google/models/m:generateContent"},
		{"/google-vertex-ai/v1beta1/projects/p/locations/global/publishers/google/models/m:generateContent", "https://aiplatform.googleapis.com/v1beta1/projects/p/locations/global/publishers/google/models/m:generateContent"},
		{"/google-vertex-ai/v1/projects/p/locations/eu/publishers/google/models/m:generateContent", "https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu/publishers/google/models/m:generateContent"},
		{"/grok/v1/chat/completions", "https://api.x.ai/v1/chat/completions"},
		{"/groq/openai/v1/chat/completions", "https://api.groq.com/openai/v1/chat/completions"},
		{"/huggingface/models/gpt2", "https://api-inference.huggingface.co/models/gpt2"},
		{"/huggingface-router/v1/chat/completions", "https://router.huggingface.co/v1/chat/completions"},
		{"/hyperbolic/v1/chat/completions", "https://api.hyperbolic.xyz/v1/chat/completions"},
		{"/jina/v1/embeddings", "https://api.jina.ai/v1/embeddings"},
		{"/jina-deepsearch/v1/chat/completions", "https://deepsearch.jina.ai/v1/chat/completions"},
		{"/llama-cpp/v1/chat/completions", "http://localhost:8080/v1/chat/completions"},
		{"/lm-studio/v1/chat/completions", "http://localhost:1234/v1/chat/completions"},
		{"/minimax/v1/chat/completions", "https://api.minimax.io/v1/chat/completions"},
		{"/mistral/v1/chat/completions", "https://api.mistral.ai/v1/chat/completions"},
		{"/moonshot/v1/chat/completions", "https://api.moonshot.ai/v1/chat/completions"},
		{"/nebius/v1/chat/completions", "https://api.tokenfactory.nebius.com/v1/chat/completions"},
		{"/novita/v3/openai/chat/completions", "https://api.novita.ai/v3/openai/chat/completions"},
		{"/nvidia/v1/chat/completions", "https://integrate.api.nvidia.com/v1/chat/completions"},
		{"/ollama/api/chat", "http://localhost:11434/api/chat"},
		{"/openai/v1/chat/completions", "https://api.openai.com/v1/chat/completions"},
		{"/openrouter/v1/chat/completions", "https://openrouter.ai/api/v1/chat/completions"},
		{"/perplexity-ai/chat/completions", "https://api.perplexity.ai/chat/completions"},
		{"/poe/v1/chat/completions", "https://api.poe.com/v1/chat/completions"},
		{"/replicate/v1/predictions", "https://api.replicate.com/v1/predictions"},
		{"/sambanova/v1/chat/completions", "https://api.sambanova.ai/v1/chat/completions"},
		{"/siliconflow/v1/chat/completions", "https://api.siliconflow.cn/v1/chat/completions"},
		{"/snowflake/myorg-myaccount/api/v2/cortex/v1/chat/completions", "https://myorg-myaccount.snowflakecomputing.com/api/v2/cortex/v1/chat/completions"},
		{"/stability/v2beta/stable-image/generate/core", "https://api.stability.ai/v2beta/stable-image/generate/core"},
		{"/together/v1/chat/completions", "https://api.together.xyz/v1/chat/completions"},
		{"/vercel/v1/chat/completions", "https://ai-gateway.vercel.sh/v1/chat/completions"},
		{"/vllm/v1/chat/completions", "http://localhost:8000/v1/chat/completions"},
		{"/voyage/v1/embeddings", "https://api.voyageai.com/v1/embeddings"},
		{"/watsonx/us-south/ml/v1/text/chat?version=2026-01-01", "https://us-south.ml.cloud.ibm.com/ml/v1/text/chat?version=2026-01-01"},
		{"/zhipu/api/paas/v4/chat/completions", "https://api.z.ai/api/paas/v4/chat/completions"},
	} {
		got, err := s.Explain("POST", c.target)
		if err != nil || got.URL != c.want {
			t.Errorf("%s leads to %s, %v, want %s", c.target, got.URL, err, c.want)
		}
		tested[got.Provider] = true
	}
	for _, name := range s.names {
		if !tested[name] {
			t.Errorf("no case for %s", name)
		}
	}
}

// These names are addresses that clients have written down.
func TestShippedProvidersKeepTheirNames(t *testing.T) {
	t.Parallel()
	s := shipped(t)
	names := "anthropic aws-bedrock azure-openai cartesia cerebras cohere deepbricks deepseek elevenlabs fireworks google-ai-studio " +
		"google-vertex-ai grok groq huggingface hyperbolic jina jina-deepsearch mistral openai openrouter perplexity-ai poe replicate together vercel"
	for name := range strings.FieldsSeq(names) {
		if !slices.Contains(s.names, name) {
			t.Errorf("the shipped file has no provider %s", name)
		}
	}
}

func TestShippedProvidersStandInOrder(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../providers.yaml")
	if err != nil {
		t.Fatal(err)
	}
	section, _, _ := bytes.Cut(data, []byte("\nfields:"))
	var names []string
	for line := range strings.Lines(string(section)) {
		if name, _, ok := strings.Cut(line, ":"); ok && strings.HasPrefix(name, "  ") && !strings.HasPrefix(name, "   ") {
			names = append(names, strings.TrimSpace(name))
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == "timeouts" || name == "request" })
	if !slices.IsSorted(names) {
		t.Errorf("providers.yaml lists %q, want them in the alphabet's order", names)
	}
}
