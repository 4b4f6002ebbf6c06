"""From the frames of a stream to batches of deltas. Pure; one parser per stream.

Nearly all frames of nearly all streams are one piece of text. Runs of those become one delta with a
piece per frame. Where they differ in their text alone, only that is decoded (``text_runs``); else
they are, together, as one JSON array of a type that admits nothing but text (``wire.PlainChunk``).
Every other frame is decoded by itself.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.providers.answers import broke_off, failed_in_stream, malformed
from tokensmith_server.providers.base import ChatBatch, ErrorKind, ProviderError
from tokensmith_server.providers.openai_dialect import wire
from tokensmith_server.providers.openai_dialect.delta import ChoiceState, fill_delta, is_text
from tokensmith_server.providers.openai_dialect.errors import error_from_body
from tokensmith_server.providers.openai_dialect.parts import PartInvalid
from tokensmith_server.providers.openai_dialect.profile import DialectProfile
from tokensmith_server.providers.openai_dialect.response import json_text
from tokensmith_server.providers.openai_dialect.text_runs import (
    RUN_MIN,
    UNREADABLE,
    TextRuns,
    text_place,
)
from tokensmith_server.providers.openai_dialect.usage import read_usage
from tokensmith_server.providers.redaction import REDACT_PATTERNS, Redactor

_DONE: Final = b"[DONE]"
# Frames decoded in one go: enough to make the call free, few enough to waste little on a miss.
_WINDOW: Final = 128
# Before the end mark come, as a rule, the finish reason and the usage.
_CLOSING_FRAMES: Final = 3

_decode_chunk: Final = msgspec.json.Decoder(wire.Chunk).decode
_decode_plain: Final = msgspec.json.Decoder(wire.PlainChunk).decode
_decode_run: Final = msgspec.json.Decoder(list[wire.PlainChunk]).decode
_MISS: Final = re.compile(r"at `\$\[(\d+)\]")
"""Where msgspec says that the first frame is that is not plain."""

_NO_NAMES: Final[Mapping[int, str]] = {}
_TEXT_PLACE: Final = text_place("content")


class ChatStreamParser:
    """Turns payloads into batches, and knows whether the stream has come to a proper end.

    After each call look at ``failure`` first (deliver the batch, then raise it), then at ``done``.
    """

    def __init__(
        self, profile: DialectProfile, *, choice_count: int = 1, redact: Redactor = REDACT_PATTERNS
    ) -> None:
        self.failure: ProviderError | None = None
        self.done = False
        self.usage: TokenUsage | None = None
        self.usage_problem: str | None = None
        self._profile = profile
        self._choice_count = choice_count
        self._redact = redact
        self._choices: dict[int, ChoiceState] = {}
        self._delivered = False
        self._text_follows = False
        self._batch = ChatBatch(deltas=[])
        self._told = False  # Whether the batch says anything besides its deltas.
        self._runs = TextRuns(_TEXT_PLACE, _plain_text)
        self._pieces: list[str] = []
        self._pieces_choice = 0

    def feed(
        self, payloads: Sequence[bytes], names: Mapping[int, str] = _NO_NAMES
    ) -> ChatBatch | None:
        """Take the payloads of one read and return what they hold, ``None`` for nothing.

        ``names`` are the event names that some payloads have; only "error" means anything in the
        dialect. Payloads after ``[DONE]`` are ignored.
        """
        place, count = 0, len(payloads)
        while place < count and not self.done and self.failure is None:
            if names.get(place) == "error":
                self._fail(payloads[place])
                break
            if self._text_follows and not names:
                taken = self._take_plain(payloads, place)
                if taken:
                    place += taken
                    continue
            self._take(payloads[place])
            place += 1
        return self._take_batch()

    def finish(self, incomplete: bytes | None = None) -> ChatBatch | None:
        """End a stream whose bytes have ended.

        ``incomplete`` is an event that lacked its blank line. It counts if it is whole by itself:
        a server that forgets the last blank line has still said what it said.
        """
        if self.done or self.failure is not None:
            return None
        if incomplete is not None and (incomplete.strip() == _DONE or _is_chunk(incomplete)):
            self._take(incomplete)
        if not self.done and self.failure is None:
            if self._all_finished():
                self.done = True
            elif not self._choices:
                self.failure = malformed("The provider's stream has no answer in it.")
            else:
                self.failure = broke_off(ErrorKind.CONNECTION)
        return self._take_batch()

    def interrupt(self, error: ProviderError) -> None:
        """End a stream that broke off; one that had said everything counts as ended."""
        if self._all_finished():
            self.done = True
        else:
            self.failure = failed_in_stream(error, delivered=self._delivered, usage=self.usage)

    def _all_finished(self) -> bool:
        finished = sum(state.finished for state in self._choices.values())
        return finished >= max(self._choice_count, len(self._choices))

    def _take_batch(self) -> ChatBatch | None:
        self._flush_pieces()
        batch = self._batch
        something = bool(batch.deltas) or self._told
        if something:
            self._batch = ChatBatch(deltas=[])
            self._told = False
        self._delivered = self._delivered or bool(batch.deltas)
        if self.failure is not None:
            self.failure = failed_in_stream(
                self.failure, delivered=self._delivered, usage=self.usage
            )
        return batch if something else None

    def _take_plain(self, payloads: Sequence[bytes], start: int) -> int:
        """Take a run of plain frames and return how many they were."""
        stop = min(len(payloads), start + _WINDOW)
        if payloads[-1] == _DONE:
            stop = min(stop, len(payloads) - _CLOSING_FRAMES)
        if stop <= start:
            return 0
        window = payloads[start:stop]
        texts = self._runs.texts_of(window) if len(window) >= RUN_MIN else None
        if texts is None:
            texts = _plain_texts(window)
        if len(texts) < len(window):
            self._text_follows = False
        self._add_pieces(0, filter(None, texts))
        return len(texts)

    def _take(self, payload: bytes) -> None:
        """Take one frame of any kind."""
        if payload == _DONE or payload.strip() == _DONE:
            self._end()
            return
        if not payload.strip():
            return
        try:
            chunk = _decode_chunk(payload)
        except UNREADABLE:
            self.failure = malformed("The provider sent a frame that is not valid JSON.")
            return
        if chunk.error or "error" in (chunk.type, chunk.object):
            self._fail(payload)
            return
        self._note_facts(chunk)
        try:
            for choice in chunk.choices or ():
                self._take_choice(choice)
        except (PartInvalid, ValueError):
            self.failure = malformed("The provider sent a frame that makes no sense.")

    def _fail(self, payload: bytes) -> None:
        self.failure = error_from_body(200, payload, self._profile, redact=self._redact)

    def _end(self) -> None:
        """Take the end mark: choices that have no finish reason are cut, or get one."""
        self.done = True
        if not self._choices:
            self.failure = malformed("The provider's stream has no answer in it.")
        for index, state in self._choices.items():
            if state.finished:
                continue
            if not self._profile.lenient_end:
                self.failure = broke_off(ErrorKind.CONNECTION)
                return
            self._flush_pieces()
            self._batch.deltas.append(
                chat_pb.ChatCompletionDelta(
                    choice_index=index,
                    finish_reason=state.finish_of(chat_pb.FINISH_REASON_STOP, self._profile),
                )
            )

    def _note_facts(self, chunk: wire.Chunk) -> None:
        batch = self._batch
        if chunk.model and not self._choices:
            batch.returned_model = chunk.model
        if chunk.service_tier:
            batch.service_tier = chunk.service_tier
        if chunk.system_fingerprint:
            batch.system_fingerprint = chunk.system_fingerprint
        if moderation := json_text(chunk.moderation):
            batch.moderation_json = moderation
            self._told = True
        reading = read_usage(chunk.usage, self._profile)
        if reading.problem is not None:
            self.usage, self.usage_problem = None, reading.problem
        elif reading.usage is not None:
            self.usage, self.usage_problem = reading.usage, None
            batch.usage = reading.usage
            self._told = True

    def _take_choice(self, choice: wire.ChunkChoice) -> None:
        index = choice.index
        state = self._choices.get(index)
        opens = state is None
        if state is None:
            state = self._choices[index] = ChoiceState()
        elif choice.delta is not None and is_text(choice, choice.delta):
            self._add_pieces(index, [choice.delta.content or ""])
            self._text_follows = self._is_only(index)
            return
        part = chat_pb.ChatCompletionDelta(choice_index=index)
        if opens:
            part.role = chat_pb.CHAT_ROLE_ASSISTANT
        fill_delta(part, choice, state, self._profile)
        if len(part.ListFields()) > (index != 0):
            self._flush_pieces()
            self._batch.deltas.append(part)
        # After an opening frame text is likely; a miss costs next to nothing.
        self._text_follows = opens and self._is_only(index)

    def _is_only(self, index: int) -> bool:
        return index == 0 and self._choice_count == 1

    def _add_pieces(self, choice_index: int, pieces: Iterable[str]) -> None:
        if self._pieces and self._pieces_choice != choice_index:
            self._flush_pieces()
        self._pieces_choice = choice_index
        self._pieces += pieces

    def _flush_pieces(self) -> None:
        if self._pieces:
            self._batch.deltas.append(
                chat_pb.ChatCompletionDelta(
                    choice_index=self._pieces_choice, content_pieces=self._pieces
                )
            )
            self._pieces = []


def _plain_text(frame: bytes) -> str:
    return _decode_plain(frame).choices[0].delta.content


def _plain_texts(frames: Sequence[bytes]) -> list[str]:
    """The text of each frame up to the first that is not plain."""
    try:
        if len(frames) == 1:
            return [_plain_text(frames[0])]
        chunks = _decode_run(b"[" + b",".join(frames) + b"]")
    except msgspec.ValidationError as error:
        miss = _MISS.search(str(error))
        plain = int(miss[1]) if miss else 0
        return _plain_texts(frames[:plain]) if 0 < plain < len(frames) else []
    except UNREADABLE:
        return []
    # A frame that only makes sense together with its neighbour shows as a wrong number.
    if len(chunks) != len(frames):
        return []
    return [chunk.choices[0].delta.content for chunk in chunks]


def _is_chunk(payload: bytes) -> bool:
    try:
        _decode_chunk(payload)
    except UNREADABLE:
        return False
    return True
