"""Microseconds per stream event and per body through Anthropic's dialect, beside OpenAI's.

Run it with ``python -m benchmarks.anthropic_dialect``. Each figure is the best of several rounds,
on one core, without any I/O. Both dialects stream the same text, each as its provider frames it.
"""

import time
from collections.abc import Callable

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.catalog.model import Capabilities
from tokensmith_server.providers.anthropic.frames import FrameReader
from tokensmith_server.providers.anthropic.memory import ThinkingMemory
from tokensmith_server.providers.anthropic.recall import Recaller
from tokensmith_server.providers.anthropic.request import build_request
from tokensmith_server.providers.anthropic.response import parse_answer
from tokensmith_server.providers.anthropic.stream import MessagesStreamParser
from tokensmith_server.providers.base import ChatBatch
from tokensmith_server.providers.openai import PROFILE
from tokensmith_server.providers.openai_dialect.stream import ChatStreamParser
from tokensmith_server.providers.sse import SSEDecoder

_ROUNDS = 5
_TURNS = 3
_FRAMES = 100
_USAGE = b'{"input_tokens":9,"cache_read_input_tokens":0,"output_tokens":12}'


def _event(kind: bytes, fields: bytes = b"") -> bytes:
    return b"event: %s\ndata: {%s%s}\n\n" % (kind, b'"type":"%s"' % kind, fields)


def _delta(index: int, delta: bytes) -> bytes:
    return _event(b"content_block_delta", b',"index":%d,"delta":{%s}' % (index, delta))


def _block(block: bytes) -> bytes:
    return _event(b"content_block_start", b',"index":0,"content_block":{%s}' % block)


_TEXT = _delta(0, b'"type":"text_delta","text":" hello"')
_THINKING = _delta(0, b'"type":"thinking_delta","thinking":" hmm"')
_TOOL = _delta(0, b'"type":"input_json_delta","partial_json":" "')
_START = _event(
    b"message_start",
    b',"message":{"id":"msg_01","type":"message","role":"assistant","model":"claude-sonnet-4-6",'
    b'"content":[],"stop_reason":null,"usage":%s}' % _USAGE,
)
_OPENINGS = {
    _TEXT: _START + _block(b'"type":"text","text":""') + _event(b"ping"),
    _THINKING: _START + _block(b'"type":"thinking","thinking":"","signature":""'),
    _TOOL: _START + _block(b'"type":"tool_use","id":"toolu_01","name":"f","input":{}'),
}
_CLOSING = (
    _event(b"content_block_stop", b',"index":0')
    + _event(
        b"message_delta",
        b',"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":%s' % _USAGE,
    )
    + _event(b"message_stop")
)
_BODY = (
    b'{"id":"msg_01","type":"message","role":"assistant","model":"claude-sonnet-4-6","content":'
    b'[{"type":"text","text":"Hello! How can I help you?"}],"stop_reason":"end_turn",'
    b'"stop_sequence":null,"stop_details":null,"usage":%s}' % _USAGE
)
_OPENAI_HEAD = (
    b'data: {"id":"chatcmpl-abcdef","object":"chat.completion.chunk","created":1790000000,'
    b'"model":"gpt-5.4-mini","choices":[{"index":0,"delta":'
)
_OPENAI_TAIL = b',"logprobs":null,"finish_reason":null}],"usage":null}\n\n'
_OPENAI_OPENING = _OPENAI_HEAD + b'{"role":"assistant","content":""}' + _OPENAI_TAIL
_OPENAI_TEXT = _OPENAI_HEAD + b'{"content":" hello"}' + _OPENAI_TAIL
_OPENAI_CLOSING = (
    _OPENAI_HEAD
    + b'{},"logprobs":null,"finish_reason":"stop"}],"usage":null}\n\n'
    + b'data: {"id":"chatcmpl-abcdef","object":"chat.completion.chunk","choices":[],"usage":'
    + b'{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21}}\n\ndata: [DONE]\n\n'
)


def main() -> None:
    """Measure and print; the last column is the cost as a multiple of OpenAI's."""
    print(f"text event: {len(_TEXT)} bytes on the wire; OpenAI's: {len(_OPENAI_TEXT)}")
    for name, reads in (("one read", 1), ("ten reads", 10), ("a read each", _FRAMES)):
        ours, theirs = _best_of_each(_stream(reads=reads), _openai_stream(reads=reads))
        _print(f"stream of 100 text events, {name}", ours / _FRAMES, theirs / _FRAMES)
    _print("  of one read, each further event", *_further())
    _print("stream of 100 thinking events", _best_microseconds(_stream(_THINKING)) / _FRAMES)
    _print("stream of 100 tool-argument events", _best_microseconds(_stream(_TOOL)) / _FRAMES)
    _print("whole answer, 300 bytes", _best_microseconds(lambda: parse_answer(_BODY)))
    _print("request of two messages", _best_microseconds(_build_request))


def _print(name: str, microseconds: float, openai_microseconds: float | None = None) -> None:
    ratio = "" if openai_microseconds is None else f"{microseconds / openai_microseconds:8.2f} x"
    print(f"{name:<42} {microseconds:8.3f} us {ratio}")


def _further() -> tuple[float, float]:
    """What an event costs apart from the stream's beginning and end, here and in OpenAI's."""
    few, many = (
        _best_of_each(_stream(frames=count), _openai_stream(frames=count))
        for count in (_FRAMES, 4 * _FRAMES)
    )
    ours, theirs = ((more - less) / (3 * _FRAMES) for less, more in zip(few, many, strict=True))
    return ours, theirs


def _best_of_each(ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[float, float]:
    """Measure two in turns, so that whatever else the machine does troubles both alike."""
    pairs = [(_best_microseconds(ours), _best_microseconds(theirs)) for _ in range(_TURNS)]
    return min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)


def _best_microseconds(run: Callable[[], object]) -> float:
    best = float("inf")
    repeats = 1
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        for _ in range(repeats):
            run()
        best = min(best, (time.perf_counter() - started) / repeats)
        repeats = max(1, int(0.02 / best))
    return best * 1e6


def _chunks(wire: bytes, reads: int) -> list[bytes]:
    size = -(-len(wire) // reads)
    return [wire[start : start + size] for start in range(0, len(wire), size)]


def _stream(frame: bytes = _TEXT, *, reads: int = 1, frames: int = _FRAMES) -> Callable[[], object]:
    chunks = _chunks(_OPENINGS[frame] + frame * frames + _CLOSING, reads)

    def run() -> list[ChatBatch | None]:
        reader, parser = FrameReader(), MessagesStreamParser()
        batches = [parser.feed(reader.feed(chunk)) for chunk in chunks]
        if not parser.done or parser.failure is not None or parser.usage is None:
            raise RuntimeError("the stream was not understood")
        return batches

    return run


def _openai_stream(*, reads: int = 1, frames: int = _FRAMES) -> Callable[[], object]:
    chunks = _chunks(_OPENAI_OPENING + _OPENAI_TEXT * frames + _OPENAI_CLOSING, reads)

    def run() -> list[ChatBatch | None]:
        decoder, parser = SSEDecoder(), ChatStreamParser(PROFILE)
        batches = [parser.feed(decoder.feed(chunk).payloads) for chunk in chunks]
        if not parser.done or parser.failure is not None or parser.usage is None:
            raise RuntimeError("the stream was not understood")
        return batches

    return run


def _params() -> chat_pb.ChatCompletionParams:
    return chat_pb.ChatCompletionParams(
        model="claude-sonnet-4-6",
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
_MEMORY = ThinkingMemory()
_CAPABILITIES = Capabilities()


def _build_request() -> object:
    return build_request(
        _PARAMS,
        _CAPABILITIES,
        upstream_model="claude-sonnet-4-6",
        output_cap_tokens=100,
        stream=True,
        recall=Recaller(_MEMORY, "account", "claude-sonnet-4-6", 0),
    )


if __name__ == "__main__":
    main()
