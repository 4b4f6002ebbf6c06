"""Microseconds per stream frame, per byte and per body through Gemini's dialect.

Run it with ``python -m benchmarks.gemini_dialect``. Each figure is the best of several rounds, in
CPU time, without any I/O. The frame of OpenAI's dialect is measured beside it, in turns, for scale:
Gemini's is half as long again, because each has usage and ends its lines with CR and LF.
"""

import time
from collections.abc import Callable

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.catalog.model import Capabilities, ReasoningEffort, Thinking
from tokensmith_server.providers.base import ChatBatch
from tokensmith_server.providers.gemini.request import build_chat_request
from tokensmith_server.providers.gemini.response import parse_chat_response
from tokensmith_server.providers.gemini.stream import ChatStreamParser
from tokensmith_server.providers.openai import PROFILE
from tokensmith_server.providers.openai_dialect.stream import ChatStreamParser as OpenAIParser
from tokensmith_server.providers.sse import SSEDecoder

_ROUNDS = 15
_FRAMES = 100
_USAGE = (
    b'"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":12,"totalTokenCount":51,'
    b'"promptTokensDetails":[{"modality":"TEXT","tokenCount":9}],"thoughtsTokenCount":30}'
)
_TAIL = _USAGE + b',"modelVersion":"gemini-3-flash-preview","responseId":"kR0daYvqFqmf"}\r\n\r\n'
_HEAD = b'data: {"candidates":[{"content":{"parts":['
_ROLE = b'],"role":"model"},"index":0}],'
_TEXT = _HEAD + b'{"text":" hello"}' + _ROLE + _TAIL
_THOUGHT = _HEAD + b'{"text":" hmm","thought":true}' + _ROLE + _TAIL
_CALL = (
    _HEAD
    + b'{"functionCall":{"name":"f","args":{"x":1},"id":"a"},"thoughtSignature":"AAAA"}'
    + _ROLE
    + _TAIL
)
_CLOSING = _HEAD + b'{"text":""}],"role":"model"},"finishReason":"STOP","index":0}],' + _TAIL
_BODY = (
    b'{"candidates":[{"content":{"parts":[{"text":"Hello! How can I help you?",'
    b'"thoughtSignature":"EsMCCsACAXLI2nx"}],"role":"model"},"finishReason":"STOP","index":0}],'
    + _TAIL
)
_OPENAI = (
    b'data: {"id":"chatcmpl-abcdef","object":"chat.completion.chunk","created":1790000000,'
    b'"model":"gpt-5.4-mini","choices":[{"index":0,"delta":{"content":" hello"},'
    b'"logprobs":null,"finish_reason":null}],"usage":null}\n\n'
)
_CAN = Capabilities(
    thinking=Thinking.ADAPTIVE,
    thinking_levels=(ReasoningEffort.LOW, ReasoningEffort.HIGH),
    signed_tool_calls=True,
)


def main() -> None:
    """Measure and print."""
    print(f"text frame: {len(_TEXT)} bytes on the wire; OpenAI's: {len(_OPENAI)}")
    ours, theirs = _further_frame(_stream, _TEXT), _further_frame(_openai_stream, _OPENAI)
    for _ in range(4):
        ours = min(ours, _further_frame(_stream, _TEXT))
        theirs = min(theirs, _further_frame(_openai_stream, _OPENAI))
    _print("each further text frame", ours)
    _print("each further text frame, OpenAI's dialect", theirs)
    print(f"{'ratio per frame':<45} {ours / theirs:8.2f}")
    print(f"{'ratio per byte':<45} {ours / len(_TEXT) / (theirs / len(_OPENAI)):8.2f}")
    _report("stream of 100 text frames, one read", _stream(_TEXT, reads=1), per=_FRAMES)
    _report("stream of 100 text frames, ten reads", _stream(_TEXT, reads=10), per=_FRAMES)
    _report("stream of 100 text frames, a read each", _stream(_TEXT, reads=_FRAMES), per=_FRAMES)
    _report("  the same, OpenAI's dialect", _openai_stream(_OPENAI, reads=_FRAMES), per=_FRAMES)
    _report("stream of 100 thought frames, one read", _stream(_THOUGHT, reads=1), per=_FRAMES)
    _report("stream of 100 call frames, one read", _stream(_CALL, reads=1), per=_FRAMES)
    _report("whole answer, 450 bytes", lambda: parse_chat_response(_BODY[:-4]))
    _report("request of two messages", _build_request)


def _print(name: str, microseconds: float) -> None:
    print(f"{name:<45} {microseconds:8.3f} us")


def _report(name: str, run: Callable[[], object], *, per: int = 1) -> None:
    _print(name, _best_microseconds(run) / per)


def _further_frame(stream: Callable[..., Callable[[], object]], frame: bytes) -> float:
    """What a frame costs apart from the stream's beginning and end."""
    few = _best_microseconds(stream(frame, reads=1))
    many = _best_microseconds(stream(frame, reads=1, frames=4 * _FRAMES))
    return (many - few) / (3 * _FRAMES)


def _best_microseconds(run: Callable[[], object]) -> float:
    best = float("inf")
    repeats = 1
    for _ in range(_ROUNDS):
        started = time.process_time()
        for _ in range(repeats):
            run()
        best = min(best, (time.process_time() - started) / repeats)
        repeats = max(1, int(0.01 / max(best, 1e-9)))
    return best * 1e6


def _chunks(wire: bytes, reads: int) -> list[bytes]:
    size = -(-len(wire) // reads)
    return [wire[start : start + size] for start in range(0, len(wire), size)]


def _stream(frame: bytes, *, reads: int, frames: int = _FRAMES) -> Callable[[], object]:
    chunks = _chunks(frame * frames + _CLOSING, reads)

    def run() -> list[ChatBatch | None]:
        decoder, parser = SSEDecoder(), ChatStreamParser()
        batches = [parser.feed(decoder.feed(chunk).payloads) for chunk in chunks]
        batches.append(parser.finish())
        if not parser.done or parser.usage is None:
            raise RuntimeError("the stream was not understood")
        return batches

    return run


def _openai_stream(frame: bytes, *, reads: int, frames: int = _FRAMES) -> Callable[[], object]:
    closing = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    chunks = _chunks(frame * frames + closing + b"data: [DONE]\n\n", reads)

    def run() -> list[ChatBatch | None]:
        decoder, parser = SSEDecoder(), OpenAIParser(PROFILE)
        batches = [parser.feed(decoder.feed(chunk).payloads) for chunk in chunks]
        if not parser.done:
            raise RuntimeError("the stream was not understood")
        return batches

    return run


def _build_request() -> object:
    return build_chat_request(_PARAMS, _CAN, output_cap_tokens=100)


_PARAMS = chat_pb.ChatCompletionParams(
    model="gemini-3-flash",
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

if __name__ == "__main__":
    main()
