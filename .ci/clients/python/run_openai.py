"""OpenAI's library."""

import hashlib

import openai

from calls import BASE, STATUSES, call, cases, plain_headers, stream

client = openai.OpenAI(base_url=BASE + "/v1", api_key="sk-client", max_retries=0, timeout=30)
HELLO = [{"role": "user", "content": "Hello"}]
CHAT, RESPONSES, LEGACY = "/v1/chat/completions", "/v1/responses", "/v1/completions"
LONG_CHAT, LONG_RESPONSE = "replay.chat-stream-usage-in-an-extra-chunk", "replay.responses-stream-completed"


def chat(model, **options):
    return client.chat.completions.create(model=model, messages=HELLO, **options)


def chat_stream(model, limit=None, **options):
    with chat(model, stream=True, **options) as events:
        return stream(events, limit)


def responses_stream(model, limit=None):
    with client.responses.create(model=model, input="Hello", stream=True) as events:
        return stream(events, limit)


def legacy(case):
    options = {"stream_options": {"include_usage": True}} if case["asks_usage"] else {}
    return stream(client.completions.create(model=case["name"], prompt="Hello", stream=True, **options))


for case in cases("POST", CHAT):
    name = case["name"]
    if not case["stream"]:
        call(name, lambda: chat(name))
        continue
    asked = {"stream_options": {"include_usage": True}} if case["asks_usage"] else {}
    call(name, lambda: chat_stream(name, **asked))
    if case["usage_apart"]:
        call(name + " without asking for usage", lambda: chat_stream(name))
for case in cases("POST", RESPONSES):
    name = case["name"]
    if case["stream"]:
        call(name, lambda: responses_stream(name))
    else:
        call(name, lambda: client.responses.create(model=name, input="Hello"))
for case in cases("POST", LEGACY):
    name = case["name"]
    if case["stream"]:
        call(name, lambda: legacy(case))
    else:
        call(name, lambda: client.completions.create(model=name, prompt="Hello"))
for case in cases("POST", "/v1/responses/input_tokens"):
    call(case["name"], lambda: client.responses.input_tokens.count(model=case["name"], input="Hello"))
for case in cases("POST", "/v1/embeddings"):
    call(case["name"], lambda: client.embeddings.create(model=case["name"], input="Hello"))
for case in cases("POST", "/v1/moderations"):
    call(case["name"], lambda: client.moderations.create(model=case["name"], input="Hello"))
for case in cases("POST", "/v1/images/generations", stream=False):
    call(case["name"], lambda: client.images.generate(model=case["name"], prompt="A bird"))
for case in cases("POST", "/v1/images/generations", stream=True):
    call(case["name"], lambda: stream(client.images.generate(model=case["name"], prompt="A bird", stream=True)))
for case in cases("POST", "/v1/audio/speech", stream=False):
    call(case["name"], lambda: client.audio.speech.create(model=case["name"], voice="ash", input="Hello").content)
for case in cases("POST", "/v1/audio/transcriptions", stream=False):
    call(case["name"], lambda: client.audio.transcriptions.create(model=case["name"], file=("a.wav", b"RIFF\0\1\2")))
for case in cases("POST", "/v1/audio/transcriptions", stream=True):
    call(case["name"], lambda: stream(
        client.audio.transcriptions.create(model=case["name"], file=("a.wav", b"RIFF\0\1\2"), stream=True)))
for case in cases("GET", "/v1/models"):
    call(case["name"], lambda: client.models.list().data)
for case in cases("GET", "/v1/batches/batch_1"):
    call(case["name"], lambda: client.batches.retrieve(case["name"]))
for case in cases("GET", "/v1/responses/resp_1"):
    call(case["name"], lambda: client.responses.retrieve(case["name"]))
for case in cases("GET", "/v1/files/file-1/content"):
    call(case["name"], lambda: client.files.content(case["name"]).content)

for size in (0, 1, 100_000, 6_000_000):
    content = bytes(i * i % 251 for i in range(min(size, 65_536))) * (size // 65_536 + 1)
    content = content[:size]
    call(f"upload of {size} bytes", lambda: [
        client.files.create(file=("data.jsonl", content), purpose="batch"), hashlib.sha256(content).hexdigest()])

for status in STATUSES:
    call(f"chat, {status}", lambda: chat(f"status-{status}"))
    call(f"chat stream, {status}", lambda: chat_stream(f"status-{status}"))
    call(f"responses, {status}", lambda: client.responses.create(model=f"status-{status}", input="Hello"))

call("chat stream, cut", lambda: chat_stream(LONG_CHAT + ".cut"))
call("chat, cut", lambda: chat("replay.chat-json.cut"))
call("chat stream, left", lambda: chat_stream(LONG_CHAT + ".slow", limit=1))
call("responses stream, cut", lambda: responses_stream(LONG_RESPONSE + ".cut"))
call("responses stream, left", lambda: responses_stream(LONG_RESPONSE + ".slow", limit=1))
call("headers of an answer", lambda: plain_headers(client.chat.completions.with_raw_response.create(
    model="replay.chat-json", messages=HELLO).headers))
