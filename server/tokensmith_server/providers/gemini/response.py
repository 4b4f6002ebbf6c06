"""From the body of ``generateContent`` to our answer. Pure but for the ids of calls without one.

The answer is built from our own schema: what has no place in it is left behind.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.providers.answers import UsageReading, malformed
from tokensmith_server.providers.base import ProviderError
from tokensmith_server.providers.gemini import wire
from tokensmith_server.providers.gemini.errors import error_from_body, no_answer, prompt_blocked
from tokensmith_server.providers.gemini.parts import (
    PartInvalid,
    arguments_of,
    call_id_of,
    finish_of,
    is_failure,
    logprobs_of,
    new_call_id,
)
from tokensmith_server.providers.gemini.usage import read_usage
from tokensmith_server.providers.redaction import REDACT_PATTERNS, Redactor

NewId = Callable[[], str]

_decode: Final = msgspec.json.Decoder(wire.Answer).decode


@dataclass(frozen=True, slots=True)
class ParsedChat:
    """A whole answer, what it used, and how the provider names the model and the answer."""

    completion: chat_pb.ChatCompletion
    usage: UsageReading
    returned_model: str | None
    response_id: str | None


def parse_chat_response(
    body: bytes, *, new_id: NewId = new_call_id, redact: Redactor = REDACT_PATTERNS
) -> ParsedChat:
    """Parse the body of a 200.

    Raises:
        ProviderError: the body is an error after all (any kind), the prompt was blocked
            (CONTENT_REFUSED), or nothing makes sense (MALFORMED_RESPONSE); phase ANSWERED.
    """
    try:
        answer = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        if body.lstrip().startswith(b"["):
            raise error_from_body(200, body, redact=redact) from None
        raise malformed() from None
    if answer.error:
        raise error_from_body(200, body, redact=redact)
    reading = read_usage(answer.usage_metadata)
    try:
        choices = _choices(answer, new_id, redact)
    except ProviderError as error:
        error.usage = reading.usage
        raise
    completion = chat_pb.ChatCompletion(choices=choices)
    return ParsedChat(completion, reading, answer.model_version, answer.response_id)


def _choices(answer: wire.Answer, new_id: NewId, redact: Redactor) -> list[chat_pb.ChatChoice]:
    if not answer.candidates:
        feedback = answer.prompt_feedback
        if feedback is not None and feedback.block_reason:
            raise prompt_blocked(feedback.block_reason, redact=redact)
        raise malformed("The provider's answer has no candidates.")
    try:
        choices = [_choice(candidate, new_id) for candidate in answer.candidates]
    except (PartInvalid, ValueError):
        raise malformed() from None
    reason = answer.candidates[0].finish_reason or "OTHER"
    silent = not any(choice.message.content or choice.message.tool_calls for choice in choices)
    if silent and is_failure(reason):
        raise no_answer(reason, redact=redact)
    return choices


def _choice(candidate: wire.Candidate, new_id: NewId) -> chat_pb.ChatChoice:
    parts = (candidate.content.parts if candidate.content else None) or []
    calls = [_tool_call(part, part.function_call, new_id) for part in parts if part.function_call]
    text = "".join(part.text or "" for part in parts if not part.thought)
    thoughts = "".join(part.text or "" for part in parts if part.thought)
    message = chat_pb.ChatAnswer(
        content=None if calls and not text else text,
        reasoning_content=thoughts or None,
        tool_calls=calls,
    )
    return chat_pb.ChatChoice(
        index=candidate.index,
        message=message,
        finish_reason=finish_of(candidate.finish_reason or "OTHER", calls=bool(calls)),
        logprobs=logprobs_of(candidate.logprobs_result),
    )


def _tool_call(part: wire.Part, call: wire.FunctionCall, new_id: NewId) -> chat_pb.ChatToolCall:
    return chat_pb.ChatToolCall(
        id=call_id_of(part, call, new_id()),
        kind=chat_pb.CHAT_TOOL_KIND_FUNCTION,
        name=call.name or "",
        arguments=arguments_of(call),
    )
