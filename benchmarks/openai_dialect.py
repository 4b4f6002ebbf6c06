"""Microseconds per stream frame and per body through the OpenAI dialect, and json_format for scale.

Run it with ``python -m benchmarks.openai_dialect``. Each figure is CPU time, the best of several
rounds, without any I/O. Padded frames differ in more than their text, as OpenAI's own may.
"""

import itertools
import time
from collections.abc import Callable, Iterable

import msgspec
from google.protobuf import json_format

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.providers.base import ChatBatch
from tokensmith_server.providers.openai import PROFILE
from tokensmith_server.providers.openai_dialect.request import build_chat_request
from tokensmith_server.providers.openai_dialect.response import parse_chat_response
from tokensmith_server.providers.openai_dialect.stream import ChatStreamParser
from tokensmith_server.providers.sse import SSEDecoder

_ROUNDS = 9
_FRAMES = 100
_HEAD = (
    b'data: {"id":"chatcmpl-abcdef","object":"chat.completion.chunk","created":1790000000,'
    b'"model":"gpt-5.4-mini","choices":[{"index":0,"delta":'
)
_TAIL = b',"logprobs":null,"finish_reason":null}],"usage":null}\n\n'
_OPENING = _HEAD + b'{"role":"assistant","content":""}' + _TAIL
_TEXT = _HEAD + b'{"content":" hello"}' + _TAIL
_PADDED = [_TEXT.replace(b"}\n", b',"obfuscation":"%b"}\n' % (b"x" * size)) for size in range(16)]
_REASONING = _HEAD + b'{"reasoning_content":" hmm"}' + _TAIL
_TOOL = _HEAD + b'{"tool_calls":[{"index":0,"function":{"arguments":" 1"}}]}' + _TAIL
_USAGE = b'{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21}'
_CLOSING = (
    _HEAD
    + b'{},"logprobs":null,"finish_reason":"stop"}],"usage":null}\n\n'
    + b'data: {"id":"chatcmpl-abcdef","object":"chat.completion.chunk","choices":[],"usage":'
    + _USAGE
    + b"}\n\ndata: [DONE]\n\n"
)
_BODY = (
    b'{"id":"chatcmpl-x","object":"chat.completion","created":1790000000,"model":"gpt-5.4-mini",'
    b'"choices":[{"index":0,"message":{"role":"assistant","content":"Hello! How can I help you?",'
    b'"refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":'
    + _USAGE
    + b',"service_tier":"default","system_fingerprint":null}'
)


def main() -> None:
    """Measure and print."""
    print(f"plain frame: {len(_TEXT)} bytes on the wire")
    _report("stream of 100 text frames, one read", _stream(_TEXT), per=_FRAMES)
    _report_further_frame()
    _report("  of that, SSE in one read", _sse_only, per=_FRAMES)
    _report("stream of 100 text frames, ten reads", _stream(_TEXT, reads=10), per=_FRAMES)
    _report("stream of 100 text frames, a read each", _read_each(_TEXT), per=_FRAMES)
    _report("stream of 100 padded frames, one read", _stream(*_PADDED), per=_FRAMES)
    _report("stream of 100 padded frames, a read each", _read_each(*_PADDED), per=_FRAMES)
    _report("stream of 100 reasoning frames", _stream(_REASONING), per=_FRAMES)
    _report("stream of 100 tool-call frames", _stream(_TOOL), per=_FRAMES)
    _report("whole answer, 400 bytes", lambda: parse_chat_response(_BODY, PROFILE))
    _report("request of two messages", _build_request)
    _report("json_format, one text frame to proto", _frame_by_json_format)
    _report("json_format, request from proto", _request_by_json_format)


def _report(name: str, run: Callable[[], object], *, per: int = 1) -> None:
    print(f"{name:<42} {_best_microseconds(run) / per:8.3f} us")


def _report_further_frame() -> None:
    """Print what a frame costs apart from the stream's beginning and end."""
    few = _best_microseconds(_stream(_TEXT))
    many = _best_microseconds(_stream(_TEXT, frames=4 * _FRAMES))
    print(f"{'  of that, each further frame':<42} {(many - few) / (3 * _FRAMES):8.3f} us")


def _best_microseconds(run: Callable[[], object]) -> float:
    best = float("inf")
    repeats = 1
    for _ in range(_ROUNDS):
        started = time.process_time()
        for _ in range(repeats):
            run()
        taken = time.process_time() - started
        best = min(best, taken / repeats)
        repeats = max(1, int(0.02 / best))
    return best * 1e6


def _stream(*kinds: bytes, reads: int = 1, frames: int = _FRAMES) -> Callable[[], object]:
    wire = b"".join([_OPENING, *_some(frames, kinds), _CLOSING])
    size = -(-len(wire) // reads)
    return _reading([wire[start : start + size] for start in range(0, len(wire), size)])


def _read_each(*kinds: bytes) -> Callable[[], object]:
    return _reading([_OPENING, *_some(_FRAMES, kinds), _CLOSING])


def _some(count: int, kinds: tuple[bytes, ...]) -> Iterable[bytes]:
    return itertools.islice(itertools.cycle(kinds), count)


def _reading(chunks: list[bytes]) -> Callable[[], object]:
    def run() -> list[ChatBatch | None]:
        decoder, parser = SSEDecoder(), ChatStreamParser(PROFILE)
        batches = [parser.feed(decoder.feed(chunk).payloads) for chunk in chunks]
        if not parser.done or parser.failure is not None or parser.usage is None:
            raise RuntimeError("the stream was not understood")
        return batches

    return run


def _sse_only() -> object:
    return SSEDecoder().feed(_OPENING + _TEXT * _FRAMES + _CLOSING)


def _params() -> chat_pb.ChatCompletionParams:
    return chat_pb.ChatCompletionParams(
        model="gpt-5.4-mini",
        messages=[
            chat_pb.ChatMessage(
                role=chat_pb.CHAT_ROLE_SYSTEM, content=chat_pb.ChatContent(text="Be brief.")
            ),
            chat_pb.ChatMessage(
                role=chat_pb.CHAT_ROLE_USER, content=chat_pb.ChatContent(text="Hello there!")
            ),
        ],
        temperature=0.5,
    )


_PARAMS = _params()


def _build_request() -> object:
    return build_chat_request(
        _PARAMS, PROFILE, upstream_model="gpt-5.4-mini", output_cap_tokens=100, stream=True
    )


def _frame_by_json_format() -> object:
    text = msgspec.json.decode(_TEXT[6:-2])["choices"][0]["delta"]["content"]
    return json_format.ParseDict({"contentPieces": [text]}, chat_pb.ChatCompletionDelta())


def _request_by_json_format() -> object:
    return json_format.MessageToJson(_PARAMS)


if __name__ == "__main__":
    main()
