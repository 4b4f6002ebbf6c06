"""From the body of a Messages answer to our own. Pure.

The answer is built from our own schema: what has no place in it is left behind. Id, model and time
are not taken from the vendor, and usage is a return value of its own.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.providers.answers import UsageReading, malformed
from tokensmith_server.providers.anthropic import wire
from tokensmith_server.providers.anthropic.errors import error_from_body
from tokensmith_server.providers.anthropic.parts import (
    THINKING_JOINT,
    arguments_of,
    finish_reason_of,
    refusal_of,
    without_fence,
)
from tokensmith_server.providers.anthropic.signed import signed_thinking_of
from tokensmith_server.providers.anthropic.turn import OpenTurn
from tokensmith_server.providers.anthropic.usage import read_usage
from tokensmith_server.providers.redaction import REDACT_PATTERNS, Redactor

_decode: Final = msgspec.json.Decoder(wire.Answer).decode
_decode_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_blocks: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_type: Final = msgspec.json.Decoder(wire.TypedBlock).decode
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """A whole answer, what it used, which model the vendor says has answered, and its blocks."""

    completion: chat_pb.ChatCompletion
    usage: UsageReading
    returned_model: str | None
    blocks: list[dict[str, Any]]
    """The content in Anthropic's own shape, for ``memory.py``; empty where it did not think."""


def parse_answer(
    body: bytes,
    *,
    upstream_model: str = "",
    json_object: bool = False,
    redact: Redactor = REDACT_PATTERNS,
) -> ParsedAnswer:
    """Parse the body of a 200 to a request for ``upstream_model``.

    Raises:
        ProviderError: the body is an error after all (any kind), or nothing that makes sense
            (MALFORMED_RESPONSE); phase ANSWERED.
    """
    answer = _read(body)
    if answer.type == "error":
        raise error_from_body(200, body, redact=redact)
    if answer.content is None:
        raise malformed("The provider's answer has no content.")
    usage = read_usage(answer.usage)
    message = _message(answer, answer.content, json_object=json_object)
    message.signed_thinking.extend(signed_thinking_of(answer.content, upstream_model))
    choice = chat_pb.ChatChoice(
        message=message,
        finish_reason=_finish(answer, message),
        stop_sequence=answer.stop_sequence,
    )
    completion = chat_pb.ChatCompletion(choices=[choice], service_tier=usage.service_tier)
    return ParsedAnswer(completion, usage, answer.model, _remembered(answer.content))


def _read(body: bytes) -> wire.Answer:
    try:
        return _decode(body)
    except _UNREADABLE:
        return _read_known_blocks(body)


def _read_known_blocks(body: bytes) -> wire.Answer:
    try:
        return _decode(_of_known_blocks(body))
    except (*_UNREADABLE, KeyError):
        raise malformed() from None


def _of_known_blocks(body: bytes) -> bytes:
    """Return an answer without blocks of unknown types: their fields can be anything."""
    fields = _decode_fields(body)
    blocks = [
        block
        for block in _decode_blocks(fields["content"])
        if _decode_type(block).type in wire.BLOCK_TYPES
    ]
    return msgspec.json.encode({**fields, "content": blocks})


def _message(
    answer: wire.Answer, content: list[wire.Block], *, json_object: bool
) -> chat_pb.ChatAnswer:
    text = "".join(block.text or "" for block in content if block.type == "text")
    thinking = [block.thinking for block in content if block.type == "thinking" and block.thinking]
    refusal = refusal_of(answer.stop_reason, answer.stop_details)
    calls = [
        chat_pb.ChatToolCall(
            id=block.id or "",
            kind=chat_pb.CHAT_TOOL_KIND_FUNCTION,
            name=block.name or "",
            arguments=arguments_of(block),
        )
        for block in content
        if block.type == "tool_use"
    ]
    if json_object:
        text = without_fence(text)
    return chat_pb.ChatAnswer(
        content=None if not text and (calls or refusal) else text,
        refusal=refusal or None,
        reasoning_content=THINKING_JOINT.join(thinking) or None,
        tool_calls=calls,
    )


def _finish(answer: wire.Answer, message: chat_pb.ChatAnswer) -> chat_pb.FinishReason:
    if not answer.stop_reason and message.tool_calls:
        return chat_pb.FINISH_REASON_TOOL_CALLS
    return finish_reason_of(answer.stop_reason)


def _remembered(content: list[wire.Block]) -> list[dict[str, Any]]:
    if not any(block.type.endswith("thinking") for block in content):
        return []
    turn = OpenTurn()
    for index, block in enumerate(content):
        call = turn.begin(index, block)
        if call is not None:
            call.arguments.append(call.given)
    return turn.blocks()
