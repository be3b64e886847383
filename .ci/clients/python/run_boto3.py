"""AWS's library, for Bedrock with an API key."""

import os

os.environ.update(AWS_BEARER_TOKEN_BEDROCK="client-key", AWS_EC2_METADATA_DISABLED="true", AWS_CONFIG_FILE=os.devnull)

import boto3
from botocore.config import Config

from calls import BASE, STATUSES, call, cases, stream

client = boto3.client(
    "bedrock-runtime", region_name="us-east-1", endpoint_url=BASE,
    config=Config(retries={"total_max_attempts": 1}, read_timeout=30),
)
HELLO = [{"role": "user", "content": [{"text": "Hello"}]}]
PROFILE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/"


def converse(model):
    return client.converse(modelId=model, messages=HELLO)


def converse_stream(model, limit=None):
    answer = client.converse_stream(modelId=model, messages=HELLO)
    return headed(answer, stream_of(answer["stream"], limit))


def invoke(model):
    answer = client.invoke_model(modelId=model, body=b'{"prompt":"Hello"}')
    return headed(answer, answer["body"].read())


def invoke_stream(model, limit=None):
    answer = client.invoke_model_with_response_stream(modelId=model, body=b'{"prompt":"Hello"}')
    return headed(answer, stream_of(answer["body"], limit))


def stream_of(events, limit):
    try:
        return stream(events, limit)
    finally:
        events.close()


def headed(answer, body):
    """An answer with its headers. A stream that raised stays one."""
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    return {**body, "headers": headers} if isinstance(body, dict) else {"body": body, "headers": headers}


for suffix, send in (("/converse", converse), ("/converse-stream", converse_stream), ("/invoke", invoke),
                     ("/invoke-with-response-stream", invoke_stream)):
    for case in cases("POST", "*" + suffix):
        call(case["name"], lambda: send(case["name"]))
    call("a model's version" + suffix, lambda: send(next(cases("POST", "*" + suffix))["name"] + ":0"))
    call("a profile" + suffix, lambda: send(PROFILE + next(cases("POST", "*" + suffix))["name"]))
    for status in STATUSES:
        call(f"{status} of {suffix}", lambda: send(f"status-{status}"))
for case in cases("POST", "*/count-tokens"):
    call(case["name"], lambda: client.count_tokens(
        modelId=case["name"], input={"invokeModel": {"body": b'{"prompt":"Hello"}'}}))

call("converse stream, cut", lambda: converse_stream("replay.converse-stream.cut"))
call("converse stream, left", lambda: converse_stream("replay.converse-stream.slow", limit=1))
call("invoke stream, cut", lambda: invoke_stream("replay.invoke-stream.cut"))
call("invoke stream, left", lambda: invoke_stream("replay.invoke-stream.slow", limit=1))
call("invoke, cut", lambda: invoke("replay.invoke-numbers-in-headers.cut"))
