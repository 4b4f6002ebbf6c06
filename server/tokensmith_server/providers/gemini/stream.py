"""From the frames of ``streamGenerateContent`` to batches of deltas. Pure; one parser per stream.

Nearly all frames of nearly all streams are one piece of text or of thought, like the one before.
Runs of those are decoded together, as one JSON array of a type that admits nothing else
(``wire.PlainFrame``, ``wire.ThoughtFrame``), and become one delta. Every other frame is decoded by
itself.

There is no end mark: a stream has ended well when its bytes end and every candidate has had a
finish reason. The reason is passed on only then, because frames may follow it: a reason comes after
the frame with the calls or with it, and older models repeat one on every frame.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.providers.answers import broke_off, failed_in_stream, malformed
from tokensmith_server.providers.base import ChatBatch, ProviderError
from tokensmith_server.providers.gemini import wire
from tokensmith_server.providers.gemini.errors import (
    ErrorFacts,
    error_from_body,
    no_answer,
    prompt_blocked,
    read_error_facts,
)
from tokensmith_server.providers.gemini.parts import (
    BLOCKED_LATE,
    PartInvalid,
    arguments_of,
    call_id_of,
    finish_of,
    is_failure,
    logprobs_of,
    new_call_id,
)
from tokensmith_server.providers.gemini.response import NewId
from tokensmith_server.providers.gemini.usage import read_usage
from tokensmith_server.providers.redaction import REDACT_PATTERNS, Redactor

# Frames decoded in one go: enough to make the call free, few enough to waste little on a miss.
_WINDOW: Final = 128
_FINISH: Final = b'"finishReason"'
# A run's usage is read when so many frames have come since the last reading: a listener who leaves
# in between pays for a few tokens less. Reading it each time would cost as much as all the rest.
_FRAMES_BETWEEN_USAGE: Final = 16

_decode_frame: Final = msgspec.json.Decoder(wire.Answer).decode
_decode_usage: Final = msgspec.json.Decoder(wire.UsageFrame).decode
_decode_plain: Final = msgspec.json.Decoder(list[wire.PlainFrame]).decode
_decode_thoughts: Final = msgspec.json.Decoder(list[wire.ThoughtFrame]).decode
_MISS: Final = re.compile(r"at `\$\[(\d+)\]")
"""Where msgspec says that the first frame is that is not plain."""

_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class _Choice:
    """What has to be remembered of one candidate between frames."""

    __slots__ = ("begun", "call_count", "reason", "said")

    def __init__(self) -> None:
        self.begun = False
        self.reason = ""
        self.call_count = 0
        self.said = False
        """Whether there was text or a call; thoughts alone are no answer."""


class ChatStreamParser:
    """Turns payloads into batches, and knows whether the stream has come to a proper end.

    After each call look at ``failure`` first (deliver the batch, then raise it), then at ``done``.
    """

    def __init__(
        self,
        *,
        choice_count: int = 1,
        new_id: NewId = new_call_id,
        redact: Redactor = REDACT_PATTERNS,
    ) -> None:
        self.failure: ProviderError | None = None
        self.done = False
        self.usage: TokenUsage | None = None
        self.usage_problem: str | None = None
        self.response_id: str | None = None
        self._choice_count = choice_count
        self._new_id = new_id
        self._redact = redact
        self._choices: dict[int, _Choice] = {}
        self._delivered = False
        self._text_follows = False
        self._thought_follows = False  # Instead of text.
        self._batch = ChatBatch(deltas=[])
        self._usage_frame = b""  # The last frame of a run, whose usage is not read yet.
        self._frames_unread = 0
        self._pieces: list[str] = []
        self._pieces_kind = (
            0,
            False,
        )  # Which choice they belong to, and whether they are thoughts.

    def feed(self, payloads: Sequence[bytes]) -> ChatBatch | None:
        """Take the payloads of one read and return what they hold, ``None`` for nothing."""
        place, count = 0, len(payloads)
        while place < count and self.failure is None:
            if self._text_follows:
                taken = self._take_plain(payloads, place)
                if taken:
                    place += taken
                    continue
            self._take(payloads[place])
            place += 1
        return self._take_batch()

    def finish(self, incomplete: bytes | None = None) -> ChatBatch | None:
        """End a stream whose bytes have ended.

        ``incomplete`` is an event that lacked its blank line. It counts if it is whole by itself.
        """
        if self.done or self.failure is not None:
            return None
        if incomplete is not None and _is_frame(incomplete):
            self._take(incomplete)
        if self.failure is None:
            self._end(broke_off() if self._choices else malformed("The stream has no answer."))
        return self._take_batch()

    def interrupt(self, error: ProviderError) -> ChatBatch | None:
        """End a stream that broke off; one that had said everything counts as ended."""
        self._end(error)
        return self._take_batch()

    def _end(self, otherwise: ProviderError) -> None:
        """Pass on the finish reasons, or fail if some are missing or mean that there is nothing."""
        states = self._choices.values()
        if len(states) < self._choice_count or not all(state.reason for state in states):
            self.failure = otherwise
            return
        bad = next((state.reason for state in states if is_failure(state.reason)), None)
        if bad is not None and not any(state.said for state in states):
            self.failure = no_answer(bad, redact=self._redact)
            return
        self._flush_pieces()
        for index, state in self._choices.items():
            self._add_delta(index).finish_reason = finish_of(
                state.reason, calls=state.call_count > 0
            )
        self.done = True

    def _take_batch(self) -> ChatBatch | None:
        """Hand out the batch if it has something of the answer; else keep it for what follows.

        A stream that has said nothing yet can still be begun anew elsewhere.
        """
        if self.failure is not None or self.done or self._frames_unread >= _FRAMES_BETWEEN_USAGE:
            self._read_last_usage()
        self._flush_pieces()
        batch = self._batch
        if batch.deltas:
            self._delivered = True
            self._batch = ChatBatch(deltas=[])
        if self.failure is not None:
            self.failure = failed_in_stream(
                self.failure, delivered=self._delivered, usage=self.usage
            )
        return batch if batch.deltas else None

    def _take_plain(self, payloads: Sequence[bytes], start: int) -> int:
        """Take a run of plain frames and return how many they were."""
        stop = min(len(payloads), start + _WINDOW)
        if stop == len(payloads) and _FINISH in payloads[-1]:
            stop -= 1
        if stop <= start:
            return 0
        window = payloads[start:stop]
        thought = self._thought_follows
        pieces = _decode_run(window, thought=thought)
        if len(pieces) < len(window):
            self._text_follows = False
        if pieces:
            self._usage_frame = window[len(pieces) - 1]
            self._frames_unread += len(pieces)
            texts = [piece for piece in pieces if piece]
            self._choices[0].said |= bool(texts) and not thought
            self._add_pieces(0, texts, thought=thought)
        return len(pieces)

    def _take(self, payload: bytes) -> None:
        """Take one frame of any kind."""
        if not payload.strip():
            return
        try:
            frame = _decode_frame(payload)
        except _UNREADABLE:
            self._fail_unreadable(payload)
            return
        if frame.error:
            self.failure = error_from_body(200, payload, redact=self._redact)
            return
        self._note_facts(frame)
        try:
            for candidate in frame.candidates or ():
                self._take_candidate(candidate)
        except (PartInvalid, ValueError):
            self.failure = malformed("The provider sent a frame that makes no sense.")
            return
        feedback = frame.prompt_feedback
        if feedback is not None and feedback.block_reason:
            self._block(feedback.block_reason)

    def _block(self, reason: str) -> None:
        """Refuse a blocked prompt; one that is blocked late has its answer cut by the filter."""
        if not self._choices:
            self.failure = prompt_blocked(reason, redact=self._redact)
        for state in self._choices.values():
            state.reason = state.reason or BLOCKED_LATE

    def _fail_unreadable(self, payload: bytes) -> None:
        if read_error_facts(payload) != ErrorFacts():  # One in a list.
            self.failure = error_from_body(200, payload, redact=self._redact)
        else:
            self.failure = malformed("The provider sent a frame that is not valid JSON.")

    def _note_facts(self, frame: wire.Answer) -> None:
        if not self._choices:
            self._batch.returned_model = frame.model_version or self._batch.returned_model
            self.response_id = frame.response_id or self.response_id
        self._usage_frame = b""
        self._note_usage(frame.usage_metadata)

    def _read_last_usage(self) -> None:
        """Read the usage of the last frame of a run: each frame's is that of all so far."""
        payload, self._usage_frame = self._usage_frame, b""
        self._frames_unread = 0
        if payload:
            self._note_usage(_decode_usage(payload).usage_metadata)

    def _note_usage(self, block: msgspec.Raw) -> None:
        reading = read_usage(block)
        if reading.problem is not None:
            self.usage, self.usage_problem = None, reading.problem
        elif reading.usage is not None:
            self.usage, self.usage_problem = reading.usage, None
            self._batch.usage = reading.usage

    def _take_candidate(self, candidate: wire.Candidate) -> None:
        index = candidate.index
        state = self._choices.get(index)
        if state is None:
            state = self._choices[index] = _Choice()
        logprobs = logprobs_of(candidate.logprobs_result)
        if logprobs is not None:
            self._flush_pieces()
        only_text = not candidate.finish_reason
        for part in (candidate.content.parts if candidate.content else None) or ():
            if part.function_call is not None:
                only_text = False
                self._add_call(index, state, part, part.function_call)
            elif part.text:
                state.said = state.said or not part.thought
                self._add_pieces(index, [part.text], thought=bool(part.thought))
        if logprobs is not None:
            self._flush_pieces()
            self._add_logprobs(index, logprobs)
        state.reason = candidate.finish_reason or state.reason
        self._text_follows = only_text and index == 0 and self._choice_count == 1
        self._thought_follows = bool(self._pieces) and self._pieces_kind[1]

    def _add_call(
        self, index: int, state: _Choice, part: wire.Part, call: wire.FunctionCall
    ) -> None:
        self._flush_pieces()
        arguments = arguments_of(call)
        self._add_delta(index).tool_calls.add(
            index=state.call_count,
            id=call_id_of(part, call, self._new_id()),
            kind=chat_pb.CHAT_TOOL_KIND_FUNCTION,
            name=call.name or "",
            arguments=arguments,
        )
        state.call_count += 1
        state.said = True

    def _add_logprobs(self, index: int, logprobs: chat_pb.ChatLogprobs) -> None:
        """Put log probabilities with the text that came with them, if there was any."""
        deltas = self._batch.deltas
        with_text = deltas and deltas[-1].choice_index == index and deltas[-1].content_pieces
        delta = deltas[-1] if with_text else self._add_delta(index)
        delta.logprobs.CopyFrom(logprobs)

    def _add_delta(self, index: int) -> chat_pb.ChatCompletionDelta:
        """Begin a delta; the first one of a choice says that the assistant speaks."""
        delta = chat_pb.ChatCompletionDelta(choice_index=index)
        state = self._choices[index]
        if not state.begun:
            state.begun = True
            delta.role = chat_pb.CHAT_ROLE_ASSISTANT
        self._batch.deltas.append(delta)
        return delta

    def _add_pieces(self, index: int, pieces: list[str], *, thought: bool) -> None:
        if self._pieces and self._pieces_kind != (index, thought):
            self._flush_pieces()
        self._pieces_kind = (index, thought)
        self._pieces += pieces

    def _flush_pieces(self) -> None:
        if not self._pieces:
            return
        index, thought = self._pieces_kind
        delta = self._add_delta(index)
        if thought:
            delta.reasoning_content = "".join(self._pieces)
        else:
            delta.content_pieces.extend(self._pieces)
        self._pieces = []


def _decode_run(frames: Sequence[bytes], *, thought: bool) -> list[str]:
    """Return the pieces of frames up to the first that is not plain text, or plain thought."""
    joined = b"[" + b",".join(frames) + b"]"
    try:
        pieces = _thoughts(joined) if thought else _texts(joined)
    except msgspec.ValidationError as error:
        miss = _MISS.search(str(error))
        plain = int(miss[1]) if miss else 0
        return _decode_run(frames[:plain], thought=thought) if 0 < plain < len(frames) else []
    except _UNREADABLE:
        return []
    # A frame that only makes sense together with its neighbour shows as a wrong number.
    return pieces if len(pieces) == len(frames) else []


def _texts(joined: bytes) -> list[str]:
    return [frame.candidates[0].content.parts[0].text for frame in _decode_plain(joined)]


def _thoughts(joined: bytes) -> list[str]:
    parts = [frame.candidates[0].content.parts[0] for frame in _decode_thoughts(joined)]
    return [part.text for part in parts if part.thought]


def _is_frame(payload: bytes) -> bool:
    try:
        _decode_frame(payload)
    except _UNREADABLE:
        return False
    return True
