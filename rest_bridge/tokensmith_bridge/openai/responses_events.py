"""Numbered events of a response's stream, and the items that are open in it."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith_bridge.openai.responses_response import (
    ResponseShell,
    annotation_to_json,
    call_item,
    logprob_to_json,
    message_item,
    reasoning_item,
    refusal_part,
    text_part,
)
from tokensmith_bridge.openai.responses_seals import sealed_content
from tokensmith_bridge.pieces import encode_pieces

_encode: Final = msgspec.json.Encoder().encode


class EventWriter:
    """Writes events, each with the next number. All of a message leave as one bytes object."""

    def __init__(self) -> None:
        self._frames: list[bytes] = []
        self._number = 0

    def take(self) -> bytes:
        """What was written since the last time."""
        frames = b"".join(self._frames)
        self._frames.clear()
        return frames

    def add(self, kind: str, fields: dict[str, Any]) -> None:
        """Write one event of type ``kind``."""
        self.add_encoded(kind, _encode(fields)[1:])

    def add_encoded(self, kind: str, rest: bytes) -> None:
        """Write one event whose further fields are encoded already, without their first brace."""
        named = kind.encode()
        self._frames.append(
            b'event: %b\ndata: {"type":"%b","sequence_number":%d,%b\n\n'
            % (named, named, self._number, rest)
        )
        self._number += 1

    def add_deltas(
        self, before: bytes, between: bytes, after: bytes, pieces: Sequence[str]
    ) -> None:
        """Write one event for each piece of text, between ready-made parts.

        Args:
            before: up to the number.
            between: from the number to the text.
            after: from the text to the end.
            pieces: the texts.
        """
        number = self._number
        self._number += len(pieces)
        for encoded in encode_pieces(pieces):
            self._frames.append(b"%b%d%b%b%b" % (before, number, between, encoded, after))
            number += 1


class _DeltaEvent:
    """The ready-made parts of one kind of delta of one item."""

    def __init__(self, kind: str, fields: dict[str, Any], after: bytes = b'"}\n\n') -> None:
        named = kind.encode()
        self._before = b'event: %b\ndata: {"type":"%b","sequence_number":' % (named, named)
        self._between = b"," + _encode(fields)[1:-1] + b',"delta":"'
        self._after = after

    def write(self, events: EventWriter, pieces: Sequence[str]) -> None:
        """Write one event for each piece."""
        events.add_deltas(self._before, self._between, self._after, pieces)


class OpenReasoning:
    """Reasoning that goes on: as the one part of a summary, or as the reasoning's own text.

    Where the model shows nothing of it, there is no part, and only what the provider signed.
    """

    def __init__(self, events: EventWriter, shell: ResponseShell, index: int) -> None:
        self._events = events
        self._shell = shell
        self._index = index
        self._texts: list[str] = []
        self._signed: list[chat.ChatSignedThinking] = []
        item = reasoning_item(shell, index, None)
        place = "summary_index" if shell.as_summary else "content_index"
        self._place = {"item_id": item["id"], "output_index": index, place: 0}
        self._kind = "reasoning_summary_text" if shell.as_summary else "reasoning_text"
        self._deltas = _DeltaEvent(f"response.{self._kind}.delta", self._place)
        events.add("response.output_item.added", {"output_index": index, "item": item})

    def _add_part(self, what: str, text: str) -> None:
        kind = "summary_text" if self._shell.as_summary else "reasoning_text"
        event = "reasoning_summary_part" if self._shell.as_summary else "content_part"
        part = {"type": kind, "text": text}
        self._events.add(f"response.{event}.{what}", {**self._place, "part": part})

    def add(self, text: str) -> None:
        """A piece of it."""
        if not self._texts:
            self._add_part("added", "")
        self._texts.append(text)
        self._deltas.write(self._events, (text,))

    def add_signed(self, blocks: Iterable[chat.ChatSignedThinking]) -> None:
        """What the provider signed of it."""
        self._signed.extend(blocks)

    def close(self, _status: str) -> bytes:
        """End it; the item as JSON."""
        text = "".join(self._texts) if self._texts else None
        if text is not None:
            self._events.add(f"response.{self._kind}.done", {**self._place, "text": text})
            self._add_part("done", text)
        sealed = sealed_content(self._signed)
        item = _encode(reasoning_item(self._shell, self._index, text, sealed=sealed))
        _add_item_done(self._events, self._index, item)
        return item


class OpenMessage:
    """A message of the model that goes on: parts of text and of refusal, one after the other."""

    def __init__(self, events: EventWriter, shell: ResponseShell, index: int) -> None:
        self._events = events
        self._id = shell.item_id("msg", index)
        self._index = index
        self._parts: list[dict[str, Any]] = []
        self._texts: list[str] = []
        self._annotations: list[dict[str, Any]] = []
        self._logprobs: list[dict[str, Any]] = []
        # "output_text" or "refusal" while a part is open.
        self._open = ""
        self._place: dict[str, Any] = {}
        self._deltas = _DeltaEvent("", {})
        item = message_item(self._id, [], "in_progress")
        events.add("response.output_item.added", {"output_index": index, "item": item})

    def add_text(self, pieces: Sequence[str]) -> None:
        """Pieces of text."""
        self._continue("output_text")
        self._texts.extend(pieces)
        self._deltas.write(self._events, pieces)

    def add_text_with_logprobs(
        self, pieces: Sequence[str], tokens: Sequence[chat.ChatTokenLogprob]
    ) -> None:
        """Text whose tokens' probabilities come with it."""
        self._continue("output_text")
        self._texts.extend(pieces)
        logprobs = [logprob_to_json(token) for token in tokens]
        self._logprobs.extend(logprobs)
        fields = {**self._place, "delta": "".join(pieces), "logprobs": logprobs}
        self._events.add("response.output_text.delta", fields)

    def add_refusal(self, text: str) -> None:
        """A piece of a refusal."""
        self._continue("refusal")
        self._texts.append(text)
        self._deltas.write(self._events, (text,))

    def add_annotation(self, annotation: chat.ChatAnnotation) -> None:
        """A source that the text cites."""
        self._continue("output_text")
        rendered = annotation_to_json(annotation)
        fields = {
            **self._place,
            "annotation_index": len(self._annotations),
            "annotation": rendered,
        }
        self._annotations.append(rendered)
        self._events.add("response.output_text.annotation.added", fields)

    def _continue(self, kind: str) -> None:
        if self._open == kind:
            return
        self._close_part()
        self._open = kind
        self._place = {
            "item_id": self._id,
            "output_index": self._index,
            "content_index": len(self._parts),
        }
        after = b'","logprobs":[]}\n\n' if kind == "output_text" else b'"}\n\n'
        self._deltas = _DeltaEvent(f"response.{kind}.delta", self._place, after)
        part = text_part("", [], []) if kind == "output_text" else refusal_part("")
        self._events.add("response.content_part.added", {**self._place, "part": part})

    def _close_part(self) -> None:
        if not self._open:
            return
        text = "".join(self._texts)
        if self._open == "output_text":
            part = text_part(text, self._annotations, self._logprobs)
            said = {"text": text, "logprobs": self._logprobs}
        else:
            part, said = refusal_part(text), {"refusal": text}
        self._events.add(f"response.{self._open}.done", {**self._place, **said})
        self._events.add("response.content_part.done", {**self._place, "part": part})
        self._parts.append(part)
        self._texts, self._annotations, self._logprobs = [], [], []
        self._open = ""

    def close(self, status: str) -> bytes:
        """End it; the item as JSON. One that nothing was said in has an empty text."""
        if not self._open and not self._parts:
            self._continue("output_text")
        self._close_part()
        item = _encode(message_item(self._id, self._parts, status))
        _add_item_done(self._events, self._index, item)
        return item


class OpenCall:
    """A tool call that goes on."""

    def __init__(
        self, events: EventWriter, shell: ResponseShell, index: int, first: chat.ChatToolCallDelta
    ) -> None:
        self._events = events
        self._shell = shell
        self._index = index
        self._call = chat.ChatToolCall(id=first.id, kind=first.kind, name=first.name)
        self._texts: list[str] = []
        custom = first.kind == chat.CHAT_TOOL_KIND_CUSTOM
        self._field = "input" if custom else "arguments"
        self._kind = "custom_tool_call_input" if custom else "function_call_arguments"
        item = call_item(shell, index, self._call, "", "in_progress")
        self._place = {"item_id": item["id"], "output_index": index}
        self._deltas = _DeltaEvent(f"response.{self._kind}.delta", self._place)
        events.add("response.output_item.added", {"output_index": index, "item": item})

    def add(self, text: str) -> None:
        """A piece of the arguments, or of the input."""
        self._texts.append(text)
        self._deltas.write(self._events, (text,))

    def close(self, status: str) -> bytes:
        """End it; the item as JSON."""
        text = "".join(self._texts)
        said: dict[str, Any] = {**self._place, self._field: text}
        if self._field == "arguments":
            # Not in the type of OpenAI's SDK, but on OpenAI's wire, and read by other clients.
            said["name"] = self._shell.tool_names.own_fields(self._call.name)["name"]
        self._events.add(f"response.{self._kind}.done", said)
        item = _encode(call_item(self._shell, self._index, self._call, text, status))
        _add_item_done(self._events, self._index, item)
        return item


def _add_item_done(events: EventWriter, index: int, item: bytes) -> None:
    events.add_encoded("response.output_item.done", b'"output_index":%d,"item":%b}' % (index, item))
