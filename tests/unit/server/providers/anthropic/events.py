"""Anthropic's stream events and answers, as its reference shows them, for the tests."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.providers.anthropic.stream import MessagesStreamParser
from tokensmith_server.providers.base import ChatBatch, ProviderError

MODEL = "claude-up-1"


def event(kind: str, **fields: Any) -> bytes:
    return msgspec.json.encode({"type": kind, **fields})


def start(**usage: Any) -> bytes:
    counts = {"input_tokens": 9, "output_tokens": 1} | usage
    message: dict[str, Any] = {
        "id": "msg_x",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [],
        "stop_reason": None,
        "usage": counts,
    }
    return event("message_start", message=message)


def block(index: int, kind: str = "text", **fields: Any) -> bytes:
    shapes: dict[str, dict[str, Any]] = {
        "text": {"text": ""},
        "thinking": {"thinking": "", "signature": ""},
        "tool_use": {"id": f"toolu_{index}", "name": "look_up", "input": {}},
        "redacted_thinking": {"data": "sealed"},
    }
    content = {"type": kind, **shapes.get(kind, {}), **fields}
    return event("content_block_start", index=index, content_block=content)


def delta(index: int, kind: str, **fields: Any) -> bytes:
    return event("content_block_delta", index=index, delta={"type": kind, **fields})


def text(piece: str, index: int = 0) -> bytes:
    return delta(index, "text_delta", text=piece)


def thought(piece: str, index: int = 0) -> bytes:
    return delta(index, "thinking_delta", thinking=piece)


def signature(seal: str, index: int = 0) -> bytes:
    return delta(index, "signature_delta", signature=seal)


def arguments(fragment: str, index: int = 0) -> bytes:
    return delta(index, "input_json_delta", partial_json=fragment)


def stop(index: int = 0) -> bytes:
    return event("content_block_stop", index=index)


def ending(reason: str | None = "end_turn", usage: Any = None, **more: Any) -> bytes:
    counts = {"output_tokens": 12} if usage is None else usage
    shape = {"stop_reason": reason, "stop_sequence": None, **more}
    return event("message_delta", delta=shape, usage=counts)


PING = event("ping")
END = event("message_stop")
OVERLOADED = event("error", error={"type": "overloaded_error", "message": "Overloaded"})


def framed(payloads: Iterable[bytes]) -> bytes:
    frames = []
    for payload in payloads:
        kind = msgspec.json.decode(payload)["type"]
        frames.append(b"event: " + kind.encode() + b"\ndata: " + payload + b"\n\n")
    return b"".join(frames)


class Outcome:
    """What a stream came to."""

    def __init__(self, parser: MessagesStreamParser, batches: list[ChatBatch]) -> None:
        self.parser = parser
        self.batches = batches
        self.deltas = [delta for batch in batches for delta in batch.deltas]

    @property
    def pieces(self) -> list[str]:
        return [piece for delta in self.deltas for piece in delta.content_pieces]

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def reasoning(self) -> str:
        return "".join(delta.reasoning_content for delta in self.deltas)

    @property
    def refusal(self) -> str:
        return "".join(delta.refusal for delta in self.deltas)

    @property
    def finishes(self) -> list[int]:
        return [delta.finish_reason for delta in self.deltas if delta.finish_reason]

    @property
    def calls(self) -> dict[int, tuple[str, str, str]]:
        """Id, name and arguments of every call by its index."""
        found: dict[int, tuple[str, str, str]] = {}
        for part in (part for delta in self.deltas for part in delta.tool_calls):
            known = found.get(part.index, ("", "", ""))
            found[part.index] = (
                known[0] or part.id,
                known[1] or part.name,
                known[2] + part.arguments,
            )
        return found

    @property
    def usage(self) -> TokenUsage | None:
        reported = [batch.usage for batch in self.batches if batch.usage is not None]
        return reported[-1] if reported else None

    @property
    def failure(self) -> ProviderError:
        assert self.parser.failure is not None
        return self.parser.failure


def run(
    reads: Iterable[Sequence[bytes]], *, incomplete: bytes | None = None, json_object: bool = False
) -> Outcome:
    parser = MessagesStreamParser(json_object=json_object)
    batches = [parser.feed(payloads) for payloads in reads]
    batches.append(parser.finish(incomplete))
    return Outcome(parser, [batch for batch in batches if batch is not None])


def good(reads: Iterable[Sequence[bytes]], **options: Any) -> Outcome:
    outcome = run(reads, **options)
    assert outcome.parser.failure is None
    assert outcome.parser.done
    return outcome


STOP = chat_pb.FINISH_REASON_STOP
WORDS = [f" w{i}" for i in range(300)]
ORDINARY = [start(), block(0), PING, *map(text, WORDS), stop(), ending(), END]
