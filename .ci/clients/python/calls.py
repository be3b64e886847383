"""What the programs of this folder share: they make calls, each of one request, and print what a caller gets of each."""

import hashlib
import json
import sys

BASE, CASES = sys.argv[1], json.load(open(sys.argv[2], encoding="utf-8"))

STATUSES = (400, 401, 403, 404, 409, 422, 429, 500, 502, 503)


def cases(method, path, stream=None):
    """The cases of an endpoint. A path that starts with * is compared by its end."""
    for case in CASES:
        target = case["target"].partition("?")[0]
        same = target.endswith(path[1:]) if path.startswith("*") else target == path
        if case["method"] == method and same and stream in (None, case["stream"]):
            yield case


def call(name, run):
    """Makes a call. What run returns, or what it raises, is printed as one line."""
    try:
        result = plain(run())
    except Exception as error:  # whatever the library raises is the result
        result = {"raised": raised(error)}
    print(json.dumps({"name": name, "result": result}, default=str), flush=True)


def stream(events, limit=None):
    """Everything that comes out of a stream, and the exception with which it ends, if it does."""
    got = []
    try:
        for event in events:
            got.append(plain(event))
            if limit and len(got) == limit:
                break
    except Exception as error:
        return {"events": got, "raised": raised(error)}
    return {"events": got}


def plain(value):
    """A library's objects as JSON has them; of bytes, the digest."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", warnings=False)
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": len(value), "sha256": hashlib.sha256(value).hexdigest()}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def raised(error):
    """An exception as a caller can tell it: class, status, body, text, and what caused it."""
    seen = {"class": [kind.__module__ + "." + kind.__name__ for kind in type(error).__mro__[:-2]]}
    seen["text"] = str(error).replace(BASE, "BASE")
    if seen["text"].startswith("headers: {"):  # in the order in which they came, which says nothing
        seen["text"] = seen["text"].partition("}, ")[2]
    for field in ("status_code", "code", "status", "body", "request_id", "response"):
        value = getattr(error, field, None)
        if isinstance(value, (str, int, dict)):
            seen[field] = plain(value)
    headers = getattr(getattr(error, "response", None), "headers", None) or getattr(error, "headers", None)
    if headers is not None:
        seen["headers"] = plain_headers(headers)
    if error.__cause__ is not None:
        seen["cause"] = type(error.__cause__).__name__
    return seen


def plain_headers(headers):
    return {name.lower(): headers[name] for name in headers.keys()}
