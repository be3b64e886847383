"""Google's library, for the Gemini API."""

from google import genai
from google.genai import types

from calls import BASE, STATUSES, call, cases, stream

client = genai.Client(
    api_key="client-key",
    http_options=types.HttpOptions(base_url=BASE, timeout=30_000, retry_options=types.HttpRetryOptions(attempts=1)),
)
LONG = "replay.stream-cumulative-thoughts"


def generate(model):
    return client.models.generate_content(model=model, contents="Hello")


def generate_stream(model, limit=None):
    events = client.models.generate_content_stream(model=model, contents="Hello")
    try:
        return stream(events, limit)
    finally:
        events.close()


for case in cases("POST", "*:generateContent"):
    call(case["name"], lambda: generate(case["name"]))
for case in cases("POST", "*:streamGenerateContent"):
    call(case["name"], lambda: generate_stream(case["name"]))
for case in cases("POST", "*:countTokens"):
    call(case["name"], lambda: client.models.count_tokens(model=case["name"], contents="Hello"))
for case in cases("POST", "*:batchEmbedContents"):
    call(case["name"], lambda: client.models.embed_content(model=case["name"], contents=["Hello", "bird"]))
for case in cases("POST", "/v1beta/cachedContents"):
    call(case["name"], lambda: client.caches.create(model=case["name"]))
for case in cases("POST", "/v1beta/interactions", stream=False):
    call(case["name"], lambda: client.interactions.create(model=case["name"], input="Hello"))
for case in cases("POST", "/v1beta/interactions", stream=True):
    call(case["name"], lambda: stream(client.interactions.create(model=case["name"], input="Hello", stream=True)))

for status in STATUSES:
    call(f"generate, {status}", lambda: generate(f"status-{status}"))
    call(f"generate stream, {status}", lambda: generate_stream(f"status-{status}"))

call("generate stream, cut", lambda: generate_stream(LONG + ".cut"))
call("generate, cut", lambda: generate("replay.blocked-prompt.cut"))
call("generate stream, left", lambda: generate_stream(LONG + ".slow", limit=1))
