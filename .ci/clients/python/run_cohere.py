"""Cohere's library, both versions of the API."""

import cohere

from calls import BASE, STATUSES, call, cases, stream

v1 = cohere.Client(api_key="client-key", base_url=BASE, timeout=30, max_retries=0)
v2 = cohere.ClientV2(api_key="client-key", base_url=BASE, timeout=30, max_retries=0)
HELLO = [{"role": "user", "content": "Hello"}]


def chat(model):
    return v2.chat(model=model, messages=HELLO)


def chat_stream(model, limit=None):
    events = v2.chat_stream(model=model, messages=HELLO)
    try:
        return stream(events, limit)
    finally:
        events.close()


for case in cases("POST", "/v2/chat", stream=False):
    call(case["name"], lambda: chat(case["name"]))
for case in cases("POST", "/v2/chat", stream=True):
    call(case["name"], lambda: chat_stream(case["name"]))
for case in cases("POST", "/v2/embed"):
    call(case["name"], lambda: v2.embed(
        model=case["name"], texts=["Hello"], input_type="search_query", embedding_types=["float"]))
for case in cases("POST", "/v2/rerank"):
    call(case["name"], lambda: v2.rerank(model=case["name"], query="bird", documents=["kestrel", "mouse"]))
for case in cases("POST", "/v1/chat", stream=False):
    call(case["name"], lambda: v1.chat(model=case["name"], message="Hello"))
for case in cases("POST", "/v1/chat", stream=True):
    call(case["name"], lambda: stream(v1.chat_stream(model=case["name"], message="Hello")))
for case in cases("POST", "/v1/rerank"):
    call(case["name"], lambda: v1.rerank(model=case["name"], query="bird", documents=["kestrel", "mouse"]))
for case in cases("POST", "/v1/tokenize"):
    call(case["name"], lambda: v1.tokenize(model=case["name"], text="Hello", offline=False))

for status in STATUSES:
    call(f"chat, {status}", lambda: chat(f"status-{status}"))
    call(f"chat stream, {status}", lambda: chat_stream(f"status-{status}"))

call("chat stream, cut", lambda: chat_stream("replay.v2-chat-stream.cut"))
call("rerank, cut", lambda: v2.rerank(model="replay.rerank.cut", query="bird", documents=["kestrel", "mouse"]))
call("chat stream, left", lambda: chat_stream("replay.v2-chat-stream.slow", limit=1))
