"""What has to be remembered of an answer while it streams in: its calls, and its signed blocks."""

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from tokensmith_server.providers.anthropic import wire
from tokensmith_server.providers.anthropic.parts import arguments_of

_decode_object: Final = msgspec.json.Decoder(dict[str, Any]).decode
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


@dataclass(slots=True)
class OpenCall:
    """A tool call so far. ``place`` is its number among the calls, ``given`` what it began with."""

    place: int
    id: str
    name: str
    given: str
    arguments: list[str] = field(default_factory=list)


class OpenTurn:
    """The blocks of one answer by their index, as far as they matter later.

    Texts are kept only from the first thinking block on, since only such a turn is remembered.
    """

    def __init__(self) -> None:
        self.thinks = False
        self.calls: dict[int, OpenCall] = {}
        self.others: set[int] = set()
        """Blocks of a kind that is not known here."""
        self._blocks: dict[int, dict[str, Any]] = {}
        self._texts: dict[int, list[str]] = {}

    def begin(self, index: int, block: wire.Block) -> OpenCall | None:
        """Take a block's start; return the call if it is one."""
        match block.type:
            case "tool_use":
                call = OpenCall(
                    len(self.calls), block.id or "", block.name or "", arguments_of(block)
                )
                self.calls[index] = call
                self._blocks[index] = {"type": "tool_use", "id": call.id, "name": call.name}
                return call
            case "thinking":
                self.thinks = True
                self._blocks[index] = {"type": "thinking", "signature": block.signature or ""}
                self.add_text(index, block.thinking or "")
            case "redacted_thinking":
                self.thinks = True
                self._blocks[index] = {"type": "redacted_thinking", "data": block.data or ""}
            case "text":
                self._blocks[index] = {"type": "text"}
                self.add_text(index, block.text or "")
            case _:
                self.others.add(index)
        return None

    def add_text(self, index: int, text: str) -> None:
        """Take a piece of a block's text or thinking."""
        self._texts.setdefault(index, []).append(text)

    def add_signature(self, index: int, signature: str) -> None:
        """Take a piece of a thinking block's signature."""
        block = self._blocks.get(index)
        if block is not None and "signature" in block:
            block["signature"] += signature

    def thinking(self, index: int) -> dict[str, Any] | None:
        """Return a block of thinking as far as it has come, in Anthropic's own shape."""
        block = self._blocks.get(index)
        if block is None or not block["type"].endswith("thinking"):
            return None
        return self._finished(index)

    def blocks(self) -> list[dict[str, Any]]:
        """Return the finished blocks in Anthropic's own shape; none if a call is broken."""
        try:
            return [self._finished(index) for index in sorted(self._blocks)]
        except _UNREADABLE:
            return []

    def _finished(self, index: int) -> dict[str, Any]:
        block = self._blocks[index]
        match block["type"]:
            case "tool_use":
                arguments = "".join(self.calls[index].arguments)
                return {**block, "input": _decode_object(arguments or "{}")}
            case "text" | "thinking" as kind:
                return {**block, kind: "".join(self._texts.get(index, ()))}
            case _:
                return block
