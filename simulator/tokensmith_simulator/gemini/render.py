"""An answer as the Gemini API sends it: one response, or responses that add up to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from tokensmith_simulator.answering.answer import HUGE_TOKENS, Answer, Choice, ToolCall, grouped
from tokensmith_simulator.faults import FaultKind, Pace
from tokensmith_simulator.gemini.call import GeminiCall
from tokensmith_simulator.gemini.conversation import subject_of
from tokensmith_simulator.serving import Frame, Reply
from tokensmith_simulator.signatures import sign
from tokensmith_simulator.tokens import count_tokens

Part = dict[str, Any]
Chunk = tuple[dict[str, Any], int, bool]
"""A response, its output tokens, and whether it is the last one."""

_FINISH: Final = {
    "end": "STOP",
    "stop_sequence": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "content_filter": "SAFETY",
}
_SUMMARY_PERCENT: Final = 40
_encode = msgspec.json.Encoder().encode


class Step(msgspec.Struct, frozen=True):
    """What one chunk of a stream adds: parts, and the tokens that they took."""

    parts: Sequence[Part]
    visible: int = 0
    thoughts: int = 0


def render_response(
    call: GeminiCall, answer: Answer, pace: Pace, headers: Mapping[str, str]
) -> Reply:
    """Render an answer, as one body, as events or as an array in pieces."""
    choice = answer.choices[0]
    ids = {"modelVersion": call.model.id, "responseId": answer.id[:22]}
    metadata = Meter(call, answer).read(answer.usage.output, answer.usage.reasoning)
    if choice.finish == "blocked":
        bodies: Iterable[Chunk] = [(_blocked(answer) | metadata | ids, 0, True)]
    elif call.stream:
        bodies = _chunks(call, answer, pace, ids)
    else:
        parts = [part for step in _steps(call, choice, 1 << 30) for part in step.parts]
        candidate = _candidate(parts, _ending(answer))
        bodies = [({"candidates": [candidate]} | metadata | ids, 0, True)]
    return Reply(
        frames=list(_framed(call, bodies)),
        usage=metadata.get("usageMetadata"),
        prompt_tokens=call.prompt.total,
        output_tokens=answer.usage.output + answer.usage.reasoning,
        headers=headers,
        stream_type="text/event-stream" if call.sse else "application/json; charset=UTF-8",
    )


def _framed(call: GeminiCall, chunks: Iterable[Chunk]) -> Iterator[Frame]:
    # Encoded one by one: a list of all the objects first would cost several times as much.
    opening = b"["
    for body, tokens, last in chunks:
        text = _encode(body)
        if call.stream and call.sse:
            text = b"data: " + text + b"\r\n\r\n"
        elif call.stream:
            text = opening + text + (b"]" if last else b"\r\n")
            opening = b","
        yield Frame(text, tokens, last)


class Meter:
    """What an answer has used so far, in Google's words; zeros are left out, as always there."""

    def __init__(self, call: GeminiCall, answer: Answer) -> None:
        prompt = call.prompt
        details = [{"modality": "TEXT", "tokenCount": prompt.text}]
        if prompt.image:
            details.append({"modality": "IMAGE", "tokenCount": prompt.image})
        self._fault = answer.fault_kind
        self._prompt_tokens = prompt.total
        self._fixed: dict[str, Any] = {
            "promptTokenCount": prompt.total,
            "promptTokensDetails": details,
        }
        if answer.usage.cached:
            self._fixed["cachedContentTokenCount"] = answer.usage.cached

    def read(self, visible: int, thoughts: int) -> dict[str, Any]:
        """Return `usageMetadata` in an object, as a fault may have it, or an empty one."""
        usage = self._fixed | {"totalTokenCount": self._prompt_tokens + visible + thoughts}
        if visible:
            usage["candidatesTokenCount"] = visible
        if thoughts:
            usage["thoughtsTokenCount"] = thoughts
        seen = usage if self._fault is None else _distorted(usage, self._fault)
        return {"usageMetadata": seen} if seen is not None else {}


def _distorted(usage: dict[str, Any], fault: FaultKind) -> dict[str, Any] | None:
    if fault is FaultKind.MISSING_USAGE:
        return None
    if fault is FaultKind.NEGATIVE_USAGE:
        wrong = {"promptTokenCount": -7, "candidatesTokenCount": -11, "totalTokenCount": -18}
        return usage | wrong
    if fault is FaultKind.HUGE_USAGE:
        total = usage["promptTokenCount"] + HUGE_TOKENS
        return usage | {"candidatesTokenCount": HUGE_TOKENS, "totalTokenCount": total}
    if fault is FaultKind.INCONSISTENT_USAGE:
        return usage | {"totalTokenCount": max(0, usage["promptTokenCount"] - 1)}
    return usage


def _blocked(answer: Answer) -> dict[str, Any]:
    fault = answer.fault
    feedback: dict[str, Any] = {"blockReason": (fault and fault.code) or "SAFETY"}
    if fault and fault.message:
        feedback["blockReasonMessage"] = fault.message
    if feedback["blockReason"] == "SAFETY":
        feedback["safetyRatings"] = _ratings()
    return {"promptFeedback": feedback}


def _ratings() -> list[dict[str, Any]]:
    return [{"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": True}]


def _ending(answer: Answer) -> dict[str, Any]:
    choice, fault = answer.choices[0], answer.fault
    reason = _FINISH[choice.finish]
    if choice.finish != "content_filter":
        return {"finishReason": reason}
    ending: dict[str, Any] = {"finishReason": (fault and fault.code) or reason}
    if fault and fault.message:
        ending["finishMessage"] = fault.message
    if ending["finishReason"] == "SAFETY":
        ending["safetyRatings"] = _ratings()
    return ending


def _candidate(parts: Sequence[Part], ending: Mapping[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {"parts": parts} if parts else {}
    return {"content": content | {"role": "model"}, **ending, "index": 0}


def _steps(call: GeminiCall, choice: Choice, size: int) -> Iterator[Step]:
    """Yield what is said, a chunk at a time; hidden thinking is billed with what follows it."""
    shown = 0
    if call.include_thoughts and choice.reasoning:
        shown = max(1, len(choice.reasoning) * _SUMMARY_PERCENT // 100)
        for text, tokens in grouped(choice.reasoning[:shown], size):
            yield Step([{"text": text, "thought": True}], thoughts=tokens)
    hidden = len(choice.reasoning) - shown
    texts = list(grouped(choice.pieces, size))
    for at, (text, tokens) in enumerate(texts):
        part: Part = {"text": text}
        if at == len(texts) - 1 and not call.stream:
            part["thoughtSignature"] = _signature(call, part)
        yield Step([part], tokens, hidden)
        hidden = 0
    for at, tool in enumerate(choice.tool_calls):
        called = _function_call(call, tool, first=at == 0)
        tokens = count_tokens(tool.name) + len(tool.pieces)
        yield Step([called] if called else [], tokens, hidden)
        hidden = 0
    if hidden:
        yield Step([], thoughts=hidden)


def _function_call(call: GeminiCall, tool: ToolCall, *, first: bool) -> Part | None:
    """Render a call whole, or not at all when the token limit cut its arguments."""
    try:
        args = msgspec.json.decode("".join(tool.pieces))
    except msgspec.DecodeError:
        return None
    part: Part = {"functionCall": {"id": tool.id[:8], "name": tool.name, "args": args}}
    if first:
        part["thoughtSignature"] = _signature(call, part)
    return part


def _signature(call: GeminiCall, part: Part) -> str:
    return sign(subject_of(part), "", call.seed)


def _chunks(
    call: GeminiCall, answer: Answer, pace: Pace, ids: Mapping[str, Any]
) -> Iterator[Chunk]:
    """Yield every chunk; the last one has the finish reason, and may say nothing.

    A text's signature comes in that last chunk, in a part whose text is empty.
    """
    choice, meter = answer.choices[0], Meter(call, answer)
    visible = thoughts = 0
    for step in _steps(call, choice, pace.tokens_per_chunk):
        visible, thoughts = visible + step.visible, thoughts + step.thoughts
        if step.parts:
            candidates = [_candidate(step.parts, {})]
            body = {"candidates": candidates, **meter.read(visible, thoughts), **ids}
            yield body, step.visible + step.thoughts, False
    last: Part = {"text": ""}
    if choice.pieces and not choice.tool_calls:
        last["thoughtSignature"] = _signature(call, last)
    parts = [last] if choice.pieces or choice.tool_calls else []
    candidates = [_candidate(parts, _ending(answer))]
    yield {"candidates": candidates, **meter.read(visible, thoughts), **ids}, 0, True
