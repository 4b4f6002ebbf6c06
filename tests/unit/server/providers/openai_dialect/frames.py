"""Frames of a stream as vendors send them, and a run of the parser over them."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.catalog.model import ProviderQuirks
from tokensmith_server.providers import openai, openai_compatible
from tokensmith_server.providers.base import ChatBatch, ProviderError
from tokensmith_server.providers.openai_dialect.profile import DialectProfile
from tokensmith_server.providers.openai_dialect.stream import ChatStreamParser

COMPATIBLE = openai_compatible.profile_of(ProviderQuirks())
DONE = b"[DONE]"
STOP = chat_pb.FINISH_REASON_STOP


def frame(choices: Sequence[dict[str, Any]], **top: Any) -> bytes:
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "up-1"}
    return msgspec.json.encode({**head, "choices": choices, "usage": None, **top})


def part(delta: dict[str, Any], index: int = 0, **choice: Any) -> bytes:
    fields = {"logprobs": None, "finish_reason": None, **choice}
    return frame([{"index": index, "delta": delta, **fields}])


def text(piece: str, index: int = 0) -> bytes:
    return part({"content": piece}, index)


def opening(index: int = 0) -> bytes:
    return part({"role": "assistant", "content": ""}, index)


def finish(reason: str = "stop", index: int = 0) -> bytes:
    return part({}, index, finish_reason=reason)


def usage(completion: int = 12, total: int | None = None) -> dict[str, int]:
    counted = 9 + completion if total is None else total
    return {"prompt_tokens": 9, "completion_tokens": completion, "total_tokens": counted}


USAGE_FRAME = frame([], usage=usage())


class Outcome:
    """What a stream came to."""

    def __init__(self, parser: ChatStreamParser, batches: list[ChatBatch]) -> None:
        self.parser = parser
        self.batches = batches
        self.deltas = [delta for batch in batches for delta in batch.deltas]

    def pieces(self, index: int = 0) -> list[str]:
        return [p for d in self.deltas if d.choice_index == index for p in d.content_pieces]

    def finishes(self) -> list[tuple[int, int]]:
        return [(d.choice_index, d.finish_reason) for d in self.deltas if d.finish_reason]

    def roles(self) -> list[int]:
        return [d.choice_index for d in self.deltas if d.role]

    @property
    def usage(self) -> TokenUsage | None:
        reported = [batch.usage for batch in self.batches if batch.usage is not None]
        return reported[-1] if reported else None

    @property
    def failure(self) -> ProviderError:
        assert self.parser.failure is not None
        return self.parser.failure


def run(
    reads: Iterable[Sequence[bytes]],
    profile: DialectProfile = openai.PROFILE,
    *,
    choice_count: int = 1,
    incomplete: bytes | None = None,
) -> Outcome:
    parser = ChatStreamParser(profile, choice_count=choice_count)
    batches = [parser.feed(payloads) for payloads in reads]
    batches.append(parser.finish(incomplete))
    return Outcome(parser, [batch for batch in batches if batch is not None])


def good(*args: Any, **options: Any) -> Outcome:
    outcome = run(*args, **options)
    assert outcome.parser.failure is None
    assert outcome.parser.done
    return outcome


WORDS = [f" w{i}" for i in range(300)]
ORDINARY = [opening(), *map(text, WORDS), finish(), USAGE_FRAME, DONE]
