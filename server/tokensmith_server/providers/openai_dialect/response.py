"""From the body of a chat completion to our answer. Pure.

The answer is built from our own schema: what has no place in it is left behind. Id, model and time
are not taken from the vendor, and usage is a return value of its own.
"""

from dataclasses import dataclass
from typing import Final

import msgspec

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.providers.answers import UsageReading, malformed
from tokensmith_server.providers.openai_dialect import wire
from tokensmith_server.providers.openai_dialect.errors import error_from_body
from tokensmith_server.providers.openai_dialect.parts import (
    PartInvalid,
    annotations_of,
    arguments_of,
    expire_time_of,
    finish_reason_of,
    kind_of,
    logprobs_of,
    name_and_arguments,
    reasoning_of,
    sound_of,
)
from tokensmith_server.providers.openai_dialect.profile import DialectProfile
from tokensmith_server.providers.openai_dialect.usage import read_usage
from tokensmith_server.providers.redaction import REDACT_PATTERNS, Redactor

_decode: Final = msgspec.json.Decoder(wire.Completion).decode


@dataclass(frozen=True, slots=True)
class ParsedChat:
    """A whole answer, what it used, and which model the vendor says has answered."""

    completion: chat_pb.ChatCompletion
    usage: UsageReading
    returned_model: str | None


def parse_chat_response(
    body: bytes, profile: DialectProfile, *, redact: Redactor = REDACT_PATTERNS
) -> ParsedChat:
    """Parse the body of a 200.

    Raises:
        ProviderError: the body is an error after all (any kind), or nothing that makes sense
            (MALFORMED_RESPONSE); phase ANSWERED.
    """
    try:
        answer = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise malformed() from None
    if answer.error or answer.object == "error":
        raise error_from_body(200, body, profile, redact=redact)
    if not answer.choices:
        raise malformed("The provider's answer has no choices.")
    try:
        choices = [_choice(choice, profile) for choice in answer.choices]
    except (PartInvalid, ValueError):
        raise malformed() from None
    completion = chat_pb.ChatCompletion(
        choices=choices,
        service_tier=answer.service_tier or "",
        system_fingerprint=answer.system_fingerprint or "",
        moderation_json=json_text(answer.moderation),
    )
    return ParsedChat(completion, read_usage(answer.usage, profile), answer.model)


def json_text(raw: msgspec.Raw) -> str:
    """Return a raw JSON value as text; empty for an absent one and for ``null``."""
    value = bytes(raw)
    return "" if value == b"null" else value.decode()


def _choice(choice: wire.Choice, profile: DialectProfile) -> chat_pb.ChatChoice:
    message = choice.message
    finish = finish_reason_of(choice.finish_reason) or chat_pb.FINISH_REASON_STOP
    if message.tool_calls and profile.lenient_end and finish == chat_pb.FINISH_REASON_STOP:
        finish = chat_pb.FINISH_REASON_TOOL_CALLS
    return chat_pb.ChatChoice(
        index=choice.index,
        message=_answer(message),
        finish_reason=finish,
        logprobs=logprobs_of(choice.logprobs, message.content or ""),
    )


def _answer(message: wire.Message) -> chat_pb.ChatAnswer:
    content = message.content
    if content == "" and (message.tool_calls or message.function_call):
        content = None  # xAI and Together say "" where OpenAI says null.
    return chat_pb.ChatAnswer(
        content=content,
        refusal=message.refusal,
        reasoning_content=reasoning_of(message) or None,
        tool_calls=[_tool_call(call) for call in message.tool_calls or ()],
        function_call=_function_call(message.function_call),
        audio=_audio(message.audio),
        annotations=annotations_of(message.annotations or ()),
    )


def _tool_call(call: wire.ToolCall) -> chat_pb.ChatToolCall:
    name, arguments = name_and_arguments(call)
    kind = kind_of(call) or chat_pb.CHAT_TOOL_KIND_FUNCTION
    return chat_pb.ChatToolCall(id=call.id or "", kind=kind, name=name, arguments=arguments)


def _function_call(call: wire.FunctionCall | None) -> chat_pb.ChatFunctionCall | None:
    if call is None:
        return None
    return chat_pb.ChatFunctionCall(name=call.name or "", arguments=arguments_of(call))


def _audio(audio: wire.Audio | None) -> chat_pb.ChatAudioAnswer | None:
    if audio is None:
        return None
    return chat_pb.ChatAudioAnswer(
        id=audio.id or "",
        data=sound_of(audio),
        expire_time=expire_time_of(audio),
        transcript=audio.transcript or "",
    )
