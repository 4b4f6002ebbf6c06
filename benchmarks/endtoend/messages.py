"""The bytes of the exchange: what a client asks, what the upstream answers."""

from typing import Final

MODEL: Final = "gpt-5.4-mini"
PATH: Final = "/v1/chat/completions"
CHUNKS: Final = 100
"""Pieces of text in a streamed answer."""

TEXT: Final = b"Paris. Besides the tower it is known for the Louvre, its cafes and its fashion."
"""A whole answer."""
_ASKED: Final = (
    b'{"model":"%s","messages":[{"role":"system","content":"You are a helpful assistant.'
    b' Answer briefly and to the point."},{"role":"user","content":"What is the capital of France,'
    b' and what is it known for besides the tower?"}],"temperature":0.7,"max_completion_tokens":256'
)


def request_body(model: str, *, stream: bool) -> bytes:
    """What a client asks of a model."""
    asked = _ASKED % model.encode()
    return asked + (b',"stream":true,"stream_options":{"include_usage":true}}' if stream else b"}")


def piece(number: int) -> bytes:
    """One piece of a streamed answer."""
    return b" piece%02d" % number


_USAGE: Final = (
    b'{"prompt_tokens":38,"completion_tokens":30,"total_tokens":68,'
    b'"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}'
)
UNARY_ANSWER: Final = (
    b'{"id":"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT","object":"chat.completion",'
    b'"created":1790000000,"model":"gpt-5.4-mini","choices":[{"index":0,"message":{"role":'
    b'"assistant","content":"' + TEXT + b'","refusal":null,"annotations":[]},"logprobs":null,'
    b'"finish_reason":"stop"}],"usage":' + _USAGE + b',"service_tier":"default"}'
)


def _frame(choices: bytes, usage: bytes = b"null") -> bytes:
    return (
        b'data: {"id":"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT","object":"chat.completion.chunk",'
        b'"created":1790000000,"model":"gpt-5.4-mini","service_tier":"default","choices":['
        + choices
        + b'],"usage":'
        + usage
        + b"}\n\n"
    )


def _choice(delta: bytes, finish: bytes = b"null") -> bytes:
    return b'{"index":0,"delta":' + delta + b',"logprobs":null,"finish_reason":' + finish + b"}"


DONE: Final = b"data: [DONE]\n\n"
STREAM_ANSWER: Final = (
    _frame(_choice(b'{"role":"assistant","content":"","refusal":null}'))
    + b"".join(_frame(_choice(b'{"content":"%s"}' % piece(number))) for number in range(CHUNKS))
    + _frame(_choice(b"{}", b'"stop"'))
    + _frame(b"", _USAGE)
    + DONE
)
