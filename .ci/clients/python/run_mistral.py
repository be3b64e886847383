"""Mistral's library."""

import hashlib

from mistralai.client import Mistral

from calls import BASE, STATUSES, call, cases, stream

client = Mistral(api_key="client-key", server_url=BASE, timeout_ms=30_000)
HELLO = [{"role": "user", "content": "Hello"}]
CHAT = "/v1/chat/completions"


def chat(model):
    return client.chat.complete(model=model, messages=HELLO)


def chat_stream(model, limit=None):
    with client.chat.stream(model=model, messages=HELLO) as events:
        return stream(events, limit)


for case in cases("POST", CHAT, stream=False):
    call(case["name"], lambda: chat(case["name"]))
for case in cases("POST", CHAT, stream=True):
    call(case["name"], lambda: chat_stream(case["name"]))
for case in cases("POST", "/v1/embeddings"):
    call(case["name"], lambda: client.embeddings.create(model=case["name"], inputs=["Hello"]))
for case in cases("POST", "/v1/ocr"):
    document = {"type": "document_url", "document_url": "https://example.com/a.pdf"}
    call(case["name"], lambda: client.ocr.process(model=case["name"], document=document))

content = bytes(i * i % 251 for i in range(300_000))
call("upload", lambda: [
    client.files.upload(file={"file_name": "a.jsonl", "content": content}, purpose="batch"),
    hashlib.sha256(content).hexdigest()])

for status in STATUSES:
    call(f"chat, {status}", lambda: chat(f"status-{status}"))
    call(f"chat stream, {status}", lambda: chat_stream(f"status-{status}"))

call("chat stream, cut", lambda: chat_stream("replay.chat-stream.cut"))
call("chat, cut", lambda: chat("replay.chat-audio-outside-prompt.cut"))
call("chat stream, left", lambda: chat_stream("replay.chat-stream.slow", limit=1))
