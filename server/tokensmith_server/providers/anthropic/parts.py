"""What whole answers and streams share: stop reasons, refusals, and the fence around JSON. Pure."""

import re
from typing import Final

import msgspec

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.providers.anthropic import wire

_FINISH_REASONS: Final = {
    "end_turn": chat_pb.FINISH_REASON_STOP,
    "stop_sequence": chat_pb.FINISH_REASON_STOP,
    "max_tokens": chat_pb.FINISH_REASON_LENGTH,
    "model_context_window_exceeded": chat_pb.FINISH_REASON_LENGTH,
    # Only server tools pause a turn, and none is ever sent.
    "pause_turn": chat_pb.FINISH_REASON_LENGTH,
    "tool_use": chat_pb.FINISH_REASON_TOOL_CALLS,
    "refusal": chat_pb.FINISH_REASON_CONTENT_FILTER,
}
_REFUSAL_CHARACTERS: Final = 2_000
_REFUSED: Final = "The provider's safety system refused this content."

THINKING_JOINT: Final = "\n\n"
"""Between two thinking blocks of one answer, whose texts become one."""


def finish_reason_of(stop_reason: str | None) -> chat_pb.FinishReason:
    """Translate a stop reason; an unknown one is a stop."""
    return _FINISH_REASONS.get(stop_reason or "", chat_pb.FINISH_REASON_STOP)


def refusal_of(stop_reason: str | None, details: wire.StopDetails | None) -> str:
    """Return what a refused answer says of itself; empty for any other answer."""
    if stop_reason != "refusal":
        return ""
    explanation = details.explanation if details is not None else None
    return (explanation or _REFUSED)[:_REFUSAL_CHARACTERS]


def arguments_of(block: wire.Block) -> str:
    """Return a whole tool call's arguments as JSON text."""
    raw = bytes(block.input)
    return "{}" if raw in (b"", b"null") else msgspec.json.format(raw, indent=-1).decode()


_FENCE: Final = "```"
_LONGEST_OPENING: Final = 32
_OPENING: Final = re.compile(r"\s*```[A-Za-z]*[ \t]*\n")
_MAYBE_CLOSING: Final = re.compile(r"\s*`{0,3}\s*\Z")
_CLOSING: Final = re.compile(r"\s*```\s*\Z")


class FenceStripper:
    """Takes the Markdown code fence off a JSON answer that has one, in whatever pieces it comes.

    A fence counts only as the very first and the very last thing; all else passes unchanged.
    """

    __slots__ = ("_fenced", "_held", "_plain")

    def __init__(self) -> None:
        self._held = ""
        self._plain = False
        self._fenced = False

    def feed(self, text: str) -> str:
        """Take the next piece and return what can be shown by now."""
        if self._plain:
            return text
        self._held += text
        if not self._fenced:
            self._open()
            if not self._fenced:
                return self.end() if self._is_plain() else ""
        match = _MAYBE_CLOSING.search(self._held)
        start = match.start() if match else len(self._held)
        shown, self._held = self._held[:start], self._held[start:]
        return shown

    def end(self) -> str:
        """Return what was held back, without the closing fence."""
        held, self._held = self._held, ""
        return _CLOSING.sub("", held) if self._fenced else held

    def _open(self) -> None:
        """Take the opening fence off, if it is all there."""
        if opening := _OPENING.match(self._held):
            self._held = self._held[opening.end() :]
            self._fenced = True

    def _is_plain(self) -> bool:
        """Whether there can be no fence any more, so that nothing needs to be held back."""
        start = self._held.lstrip()
        self._plain = not _FENCE.startswith(start[:3]) or len(start) > _LONGEST_OPENING
        return self._plain


def without_fence(text: str) -> str:
    """Take the code fence off a whole JSON answer that has one."""
    stripper = FenceStripper()
    return stripper.feed(text) + stripper.end()
