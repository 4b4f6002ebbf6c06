"""From the events of a stream to batches of deltas. Pure; one parser per stream.

A whole read is decoded in one go, as one JSON array of a tagged union (``wire.Event``). Runs of
text become one delta with a piece per event, runs of thinking or of one call's arguments one delta.
Nothing is passed on before the first content, so that a provider that fails right after
``message_start`` can still be replaced by another.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Final

import msgspec

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.providers.answers import broke_off, failed_in_stream, malformed
from tokensmith_server.providers.anthropic import wire
from tokensmith_server.providers.anthropic.errors import error_from_body
from tokensmith_server.providers.anthropic.parts import (
    THINKING_JOINT,
    FenceStripper,
    finish_reason_of,
    refusal_of,
)
from tokensmith_server.providers.anthropic.signed import signed_thinking_from_block
from tokensmith_server.providers.anthropic.turn import OpenTurn
from tokensmith_server.providers.anthropic.usage import UsageCounter
from tokensmith_server.providers.base import ChatBatch, ProviderError
from tokensmith_server.providers.redaction import REDACT_PATTERNS, Redactor

_decode_events: Final = msgspec.json.Decoder(list[wire.Event]).decode
_decode_event: Final = msgspec.json.Decoder(wire.Event).decode
_decode_untyped: Final = msgspec.json.Decoder(wire.UntypedEvent).decode
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class _Run(Enum):
    """What the pieces at hand are pieces of."""

    TEXT = "text"
    THINKING = "thinking"
    ARGUMENTS = "arguments"


class MessagesStreamParser:
    """Turns payloads into batches, and knows whether the stream has come to a proper end.

    After each call look at ``failure`` first (deliver the batch, then raise it), then at ``done``.
    """

    def __init__(
        self,
        *,
        upstream_model: str = "",
        json_object: bool = False,
        redact: Redactor = REDACT_PATTERNS,
    ) -> None:
        self._upstream_model = upstream_model
        self.failure: ProviderError | None = None
        self.done = False
        self.usage: TokenUsage | None = None
        self.usage_problem: str | None = None
        self.turn = OpenTurn()
        """The answer's blocks, as far as they are worth remembering."""
        self._redact = redact
        self._fence = FenceStripper() if json_object else None
        self._counter = UsageCounter()
        self._ending: wire.Ending | None = None
        self._started = False
        self._delivered = False
        self._model = ""
        self._batch = ChatBatch(deltas=[])
        self._told = False  # Whether the batch says anything besides its deltas.
        self._run: list[str] = []
        self._run_kind = _Run.TEXT
        self._run_call = 0
        self._thought = False  # Whether any thinking was shown.
        self._joint = ""

    def feed(self, payloads: Sequence[bytes]) -> ChatBatch | None:
        """Take the payloads of one read and return what they hold, ``None`` for nothing.

        Payloads after ``message_stop`` are ignored.
        """
        if not self.done and self.failure is None:
            events = self._decode(payloads)
            if events is None:
                self._take_singly(payloads)
            else:
                self._take_events(events)
        return self._take_batch()

    def finish(self, incomplete: bytes | None = None) -> ChatBatch | None:
        """End a stream whose bytes have ended.

        ``incomplete`` is an event that lacked its blank line. It counts if it is whole by itself:
        a server that forgets the last blank line has still said what it said.
        """
        if self.done or self.failure is not None:
            return None
        if incomplete is not None and _is_event(incomplete):
            self._take_singly([incomplete])
        if not self.done and self.failure is None:
            silent = not self._started
            self.failure = (
                malformed("The provider's stream has no answer in it.") if silent else broke_off()
            )
        return self._take_batch()

    def interrupt(self, error: ProviderError) -> None:
        """End a stream that broke off."""
        if not self.done:
            self.failure = failed_in_stream(error, delivered=self._delivered, usage=self.usage)

    def _decode(self, payloads: Sequence[bytes]) -> list[wire.Event] | None:
        try:
            events = _decode_events(b"[" + b",".join(payloads) + b"]")
        except _UNREADABLE:
            return None
        # An event that only makes sense together with its neighbour shows as a wrong number.
        return events if len(events) == len(payloads) else None

    def _take_singly(self, payloads: Sequence[bytes]) -> None:
        """Take events one by one, leaving out what a later version of the API may have added."""
        for payload in payloads:
            if self.done or self.failure is not None:
                return
            try:
                event = _decode_event(payload)
            except _UNREADABLE:
                if not self._leave_out(payload):
                    self.failure = malformed("The provider sent an event that makes no sense.")
                continue
            self._take_events([event])

    def _leave_out(self, payload: bytes) -> bool:
        """Leave out an event that can't be decoded; say whether that is due to an unknown type."""
        try:
            event = _decode_untyped(payload)
        except _UNREADABLE:
            return not payload.strip()
        match event.type:
            case "content_block_delta":
                return _is_of_new_type(event.delta, wire.DELTA_TYPES)
            case "content_block_start" if isinstance(event.index, int):
                self.turn.others.add(event.index)
                return _is_of_new_type(event.content_block, wire.BLOCK_TYPES)
            case _:
                return event.type not in wire.EVENT_TYPES

    def _take_events(self, events: Sequence[wire.Event]) -> None:
        for event in events:
            if type(event) is wire.BlockDelta:
                delta = event.delta
                if type(delta) is wire.TextDelta:
                    if self._run and self._run_kind is _Run.TEXT and delta.text:
                        self._run.append(delta.text)  # All but the first of most streams.
                    else:
                        self._add(_Run.TEXT, delta.text)
                    if self.turn.thinks:
                        self.turn.add_text(event.index, delta.text)
                    continue
                self._take_delta(event.index, delta)
            else:
                _TAKERS[type(event)](self, event)
            if self.done or self.failure is not None:
                return

    def _take_delta(self, index: int, delta: Any) -> None:
        turn = self.turn
        if type(delta) is wire.InputJSONDelta:
            call = turn.calls.get(index)
            if call is None:
                if index not in turn.others:
                    self.failure = malformed("The provider sent arguments of no tool call.")
            elif delta.partial_json:
                call.arguments.append(delta.partial_json)
                self._add(_Run.ARGUMENTS, delta.partial_json, call.place)
        elif type(delta) is wire.ThinkingDelta:
            turn.add_text(index, delta.thinking)
            self._think(delta.thinking)
        elif type(delta) is wire.SignatureDelta:
            turn.add_signature(index, delta.signature)

    def _start_message(self, event: wire.MessageStart) -> None:
        self._started = True
        self._model = event.message.model or ""
        self._batch.input_usage = self._counter.begin(event.message.usage)

    def _start_block(self, event: wire.BlockStart) -> None:
        self._started = True
        block = event.content_block
        call = self.turn.begin(event.index, block)
        if call is not None:
            self._flush_run()
            self._say().tool_calls.add(
                index=call.place,
                id=call.id,
                kind=chat_pb.CHAT_TOOL_KIND_FUNCTION,
                name=call.name,
            )
        elif block.type == "thinking":
            self._joint = THINKING_JOINT if self._thought else ""
            self._think(block.thinking or "")
        elif block.type == "text":
            self._add(_Run.TEXT, block.text or "")

    def _stop_block(self, event: wire.BlockStop) -> None:
        call = self.turn.calls.get(event.index)
        if call is not None and not call.arguments:
            # The start's input is a placeholder as a rule; a call without fragments has it whole.
            call.arguments.append(call.given)
            self._add(_Run.ARGUMENTS, call.given, call.place)
        thinking = self.turn.thinking(event.index) if self.turn.thinks else None
        signed = signed_thinking_from_block(thinking or {}, self._upstream_model)
        if signed is not None:
            self._flush_run()
            self._say().signed_thinking.append(signed)

    def _take_message_delta(self, event: wire.MessageDelta) -> None:
        if event.delta.stop_reason:
            self._ending = event.delta
        self._counter.take(event.usage)
        reading = self._counter.reading()
        self.usage, self.usage_problem = reading.usage, reading.problem
        if reading.usage is not None:
            self._batch.usage = reading.usage
            self._told = True
        if reading.service_tier:
            self._batch.service_tier = reading.service_tier

    def _stop_message(self, event: wire.MessageStop) -> None:
        if self._ending is None:
            self.failure = broke_off()
            return
        self._flush_run()
        if self._fence is not None and (rest := self._fence.end()):
            self._say().content_pieces.append(rest)
        last = self._say()
        last.finish_reason = finish_reason_of(self._ending.stop_reason)
        if self._ending.stop_sequence:
            last.stop_sequence = self._ending.stop_sequence
        last.refusal = refusal_of(self._ending.stop_reason, self._ending.stop_details)
        self.done = True

    def _take_error(self, event: wire.ErrorEvent) -> None:
        self.failure = error_from_body(200, event.error, redact=self._redact)

    def _ignore(self, event: wire.Ping) -> None:
        """Take a sign of life, which says nothing."""

    def _think(self, text: str) -> None:
        if text:
            self._add(_Run.THINKING, self._joint + text)
            self._joint = ""
            self._thought = True

    def _add(self, kind: _Run, piece: str, call: int = 0) -> None:
        if not piece:
            return
        if self._run_kind is not kind or self._run_call != call:
            self._flush_run()
            self._run_kind, self._run_call = kind, call
        self._run.append(piece)

    def _say(self) -> chat_pb.ChatCompletionDelta:
        """Begin a delta, after one that says who speaks if it is the stream's first."""
        deltas = self._batch.deltas
        if not self._delivered and not deltas:
            deltas.append(chat_pb.ChatCompletionDelta(role=chat_pb.CHAT_ROLE_ASSISTANT))
        delta = chat_pb.ChatCompletionDelta()
        deltas.append(delta)
        return delta

    def _flush_run(self) -> None:
        pieces, self._run = self._run, []
        if not pieces:
            return
        if self._run_kind is _Run.TEXT and self._fence is not None:
            pieces = [piece for text in pieces if (piece := self._fence.feed(text))]
            if not pieces:
                return
        delta = self._say()
        if self._run_kind is _Run.TEXT:
            delta.content_pieces.extend(pieces)
        elif self._run_kind is _Run.THINKING:
            delta.reasoning_content = "".join(pieces)
        else:
            delta.tool_calls.add(index=self._run_call, arguments="".join(pieces))

    def _take_batch(self) -> ChatBatch | None:
        self._flush_run()
        batch = self._batch
        something = bool(batch.deltas) or self._told
        if something:
            if not self._delivered:
                batch.returned_model = self._model
            self._batch = ChatBatch(deltas=[])
            self._told = False
        self._delivered = self._delivered or bool(batch.deltas)
        if self.failure is not None:
            self.failure = failed_in_stream(
                self.failure, delivered=self._delivered, usage=self.usage
            )
        return batch if something else None


_TAKERS: Final[dict[type, Callable[[MessagesStreamParser, Any], None]]] = {
    wire.MessageStart: MessagesStreamParser._start_message,
    wire.BlockStart: MessagesStreamParser._start_block,
    wire.BlockStop: MessagesStreamParser._stop_block,
    wire.MessageDelta: MessagesStreamParser._take_message_delta,
    wire.MessageStop: MessagesStreamParser._stop_message,
    wire.Ping: MessagesStreamParser._ignore,
    wire.ErrorEvent: MessagesStreamParser._take_error,
}


def _is_event(payload: bytes) -> bool:
    try:
        _decode_event(payload)
    except _UNREADABLE:
        return False
    return True


def _is_of_new_type(value: Any, known: frozenset[str]) -> bool:
    kind = value.get("type") if isinstance(value, dict) else None
    return isinstance(kind, str) and kind not in known
