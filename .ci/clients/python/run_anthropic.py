"""Anthropic's library."""

import anthropic

from calls import BASE, STATUSES, call, cases, plain, plain_headers, stream

client = anthropic.Anthropic(base_url=BASE, api_key="sk-ant-client", max_retries=0, timeout=30)
HELLO = [{"role": "user", "content": "Hello"}]
MESSAGES = "/v1/messages"
LONG = "replay.stream-text-and-tool"


def create(model, **options):
    return client.messages.create(model=model, max_tokens=64, messages=HELLO, **options)


def create_stream(model, limit=None):
    with create(model, stream=True) as events:
        return stream(events, limit)


def whole(model):
    """What the library makes of all events of a stream."""
    with client.messages.stream(model=model, max_tokens=64, messages=HELLO) as events:
        text = "".join(events.text_stream)
        return [text, plain(events.get_final_message())]


for case in cases("POST", MESSAGES):
    name = case["name"]
    if case["stream"]:
        call(name, lambda: create_stream(name))
        call(name + ", whole", lambda: whole(name))
    else:
        call(name, lambda: create(name))
for case in cases("POST", MESSAGES, stream=False):
    if "beta=true" in case["target"]:
        call(case["name"] + ", beta", lambda: client.beta.messages.create(
            model=case["name"], max_tokens=64, messages=HELLO, betas=["context-management-2025-06-27"]))
for case in cases("POST", "/v1/messages/count_tokens"):
    call(case["name"], lambda: client.messages.count_tokens(model=case["name"], messages=HELLO))
for case in cases("POST", "/v1/messages/batches"):
    params = {"model": case["name"], "max_tokens": 64, "messages": HELLO}
    call(case["name"], lambda: client.messages.batches.create(requests=[{"custom_id": "a", "params": params}]))

for status in STATUSES + (413, 529):
    call(f"message, {status}", lambda: create(f"status-{status}"))
    call(f"message stream, {status}", lambda: create_stream(f"status-{status}"))

call("message stream, cut", lambda: create_stream(LONG + ".cut"))
call("message stream, cut, whole", lambda: whole(LONG + ".cut"))
call("message, cut", lambda: create("replay.json-thinking.cut"))
call("message stream, left", lambda: create_stream(LONG + ".slow", limit=1))
call("headers of an answer", lambda: plain_headers(client.messages.with_raw_response.create(
    model="replay.json-thinking", max_tokens=64, messages=HELLO).headers))
