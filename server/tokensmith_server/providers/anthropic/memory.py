"""Keeps signed thinking between the turns of a tool loop, for clients that know nothing of it.

While a Claude thinks, its tool calls come after thinking blocks that carry a signature, and the
next request should bring those blocks back unchanged; models that think by budget insist. OpenAI's
wire format has no place for them: ``reasoning_content`` is shown to people, who would see a seal in
it, and most clients do not send it back at all. The id of a tool call does come back, but it would
have to carry all of a turn's thinking, text and seals, which is tens of kilobytes.

So the adapter remembers the blocks of answers that call tools, by whom they were for and by the
calls themselves: their ids, names and arguments, which every client sends back. What is bounded
and in one process can be lost (a restart, another worker, the limit); the continuation then goes
without the old thinking, and where the API insists on it, without thinking (``request.py``).
Nothing here outlives the process or is ever logged. Thinking of answers without tool calls is not
kept: the API does well without.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

Json = dict[str, Any]

LIMIT_BYTES: Final = 32 * 1024 * 1024
_ENTRY_BYTES: Final = 256
"""What an entry costs besides its blocks, roughly."""

_encode_sorted: Final = msgspec.json.Encoder(order="sorted").encode
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(list[Json]).decode


@dataclass(frozen=True, slots=True)
class RememberedTurn:
    """An answer that thought and then called tools.

    ``thinking_bytes`` is what its thinking, seals included, adds to a request.
    ``thinking_tokens`` is what the provider counted for it, 0 where it did not say.
    """

    encoded: bytes
    thinking_bytes: int
    thinking_tokens: int

    @property
    def blocks(self) -> list[Json]:
        """The content blocks in their order, anew each time."""
        return _decode(self.encoded)


class ThinkingMemory:
    """Remembers answers that thought and then called tools; the longest unused ones go first."""

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._held_bytes = 0
        self._turns: OrderedDict[bytes, RememberedTurn] = OrderedDict()

    def remember(
        self, scope: str, model: str, blocks: Sequence[Json], *, thinking_tokens: int = 0
    ) -> None:
        """Keep an answer's content blocks in their order, if they are of use later.

        ``scope`` is whose answer it is: nobody else's call is ever given it. ``model`` is the
        upstream id: one model's thinking means nothing to another.
        """
        calls = [block for block in blocks if block["type"] == "tool_use"]
        thinking = [block for block in blocks if block["type"].endswith("thinking")]
        if not calls or not thinking:
            return
        try:
            key = _key(scope, model, calls)
            turn = RememberedTurn(_encode(blocks), len(_encode(thinking)), thinking_tokens)
        except RecursionError:
            return
        if len(turn.encoded) + _ENTRY_BYTES > self._limit_bytes:
            return
        self._forget(key)
        self._turns[key] = turn
        self._held_bytes += len(turn.encoded) + _ENTRY_BYTES
        while self._held_bytes > self._limit_bytes:
            self._forget(next(iter(self._turns)))

    def recall(self, scope: str, model: str, calls: Sequence[Json]) -> RememberedTurn | None:
        """Return the answer to ``scope`` that made exactly these calls (``tool_use`` blocks)."""
        try:
            key = _key(scope, model, calls)
        except RecursionError:
            return None
        turn = self._turns.get(key)
        if turn is not None:
            self._turns.move_to_end(key)
        return turn

    def _forget(self, key: bytes) -> None:
        turn = self._turns.pop(key, None)
        if turn is not None:
            self._held_bytes -= len(turn.encoded) + _ENTRY_BYTES


def _key(scope: str, model: str, calls: Sequence[Json]) -> bytes:
    named = [[call["id"], call["name"], _value(call["input"])] for call in calls]
    return hashlib.blake2b(_encode_sorted([scope, model, named]), digest_size=32).digest()


def _value(arguments: Any) -> Any:
    """Return arguments as a value: clients may space and order their text as they like."""
    if isinstance(arguments, msgspec.Raw):
        return msgspec.json.decode(arguments)
    return arguments
