"""The pieces that whole answers and streams share: calls, logprobs, audio, citations. Pure."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.providers.openai_dialect import wire

_FINISH_REASONS: Final = {
    "stop": chat_pb.FINISH_REASON_STOP,
    "eos": chat_pb.FINISH_REASON_STOP,
    "length": chat_pb.FINISH_REASON_LENGTH,
    "max_tokens": chat_pb.FINISH_REASON_LENGTH,
    "tool_calls": chat_pb.FINISH_REASON_TOOL_CALLS,
    "content_filter": chat_pb.FINISH_REASON_CONTENT_FILTER,
    "function_call": chat_pb.FINISH_REASON_FUNCTION_CALL,
}


class PartInvalid(ValueError):
    """A part of an answer has a shape that nothing can be made of."""


def finish_reason_of(text: str | None) -> chat_pb.FinishReason:
    """Translate a finish reason; an unknown one is a stop, an empty one is none yet."""
    if not text:
        return chat_pb.FINISH_REASON_UNSPECIFIED
    return _FINISH_REASONS.get(text, chat_pb.FINISH_REASON_STOP)


def reasoning_of(message: wire.Message) -> str:
    """Return the shown reasoning, under either of its two names."""
    for value in (message.reasoning_content, message.reasoning):
        if isinstance(value, str) and value:
            return value
    return ""


def arguments_of(call: wire.FunctionCall) -> str:
    """Return a call's arguments as JSON text."""
    if call.arguments is None or isinstance(call.arguments, str):
        return call.arguments or ""
    return msgspec.json.encode(call.arguments).decode()


def kind_of(call: wire.ToolCall) -> chat_pb.ChatToolKind:
    """Return a tool call's kind; UNSPECIFIED where the part does not say."""
    if call.type == "custom" or call.custom is not None:
        return chat_pb.CHAT_TOOL_KIND_CUSTOM
    if call.type == "function" or (call.function is not None and call.id):
        return chat_pb.CHAT_TOOL_KIND_FUNCTION
    return chat_pb.CHAT_TOOL_KIND_UNSPECIFIED


def name_and_arguments(call: wire.ToolCall) -> tuple[str, str]:
    """Return the name and the arguments or input that a tool call, or a part of one, has."""
    if call.custom is not None:
        return call.custom.name or "", call.custom.input or ""
    if call.function is not None:
        return call.function.name or "", arguments_of(call.function)
    return "", ""


def annotations_of(annotations: Sequence[wire.Annotation]) -> list[chat_pb.ChatAnnotation]:
    """Translate citations; other kinds of annotations have no place in our contract."""
    return [
        chat_pb.ChatAnnotation(
            start_index=cited.start_index,
            end_index=cited.end_index,
            title=cited.title or "",
            url=cited.url or "",
        )
        for annotation in annotations
        if (cited := annotation.url_citation) is not None
    ]


def sound_of(audio: wire.Audio) -> bytes:
    """Decode a piece of sound.

    Raises:
        PartInvalid: it is not base64.
    """
    try:
        return base64.b64decode(audio.data or "", validate=True)
    except binascii.Error:
        raise PartInvalid("audio.data is not base64") from None


def expire_time_of(audio: wire.Audio) -> Timestamp | None:
    """Return when an audio answer's id stops working, where that is said."""
    return None if audio.expires_at is None else Timestamp(seconds=audio.expires_at)


class _TopLogprob(msgspec.Struct):
    token: str
    logprob: float
    bytes: list[int] | None = None


class _TokenLogprob(msgspec.Struct):
    token: str
    logprob: float
    bytes: list[int] | None = None
    top_logprobs: list[_TopLogprob] | None = None


class _Logprobs(msgspec.Struct):
    content: list[_TokenLogprob] | None = None
    refusal: list[_TokenLogprob] | None = None


class _ListedLogprobs(msgspec.Struct):
    """Together's shape: one list per property."""

    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None] | None = None


def logprobs_of(value: Any, text: str) -> chat_pb.ChatLogprobs | None:
    """Translate log probabilities in OpenAI's shape, Together's lists, or its one number a chunk.

    ``text`` is the chunk's text, which is the token that a lone number speaks of.

    Raises:
        PartInvalid: it is none of these.
    """
    if value is None:
        return None
    if isinstance(value, int | float):
        token = chat_pb.ChatTokenLogprob(token=text, logprob=value, token_bytes=text.encode())
        return chat_pb.ChatLogprobs(content=[token]) if text else None
    try:
        if isinstance(value, dict) and "tokens" in value:
            return _from_lists(msgspec.convert(value, _ListedLogprobs))
        wanted = msgspec.convert(value, _Logprobs)
        return chat_pb.ChatLogprobs(
            content=[_token(item) for item in wanted.content or ()],
            refusal=[_token(item) for item in wanted.refusal or ()],
        )
    except (msgspec.ValidationError, ValueError) as error:
        raise PartInvalid(f"logprobs: {error}") from None


def _token(item: _TokenLogprob) -> chat_pb.ChatTokenLogprob:
    return chat_pb.ChatTokenLogprob(
        token=item.token,
        logprob=item.logprob,
        token_bytes=None if item.bytes is None else bytes(item.bytes),
        top_logprobs=[
            chat_pb.ChatTopLogprob(
                token=top.token,
                logprob=top.logprob,
                token_bytes=None if top.bytes is None else bytes(top.bytes),
            )
            for top in item.top_logprobs or ()
        ],
    )


def _from_lists(lists: _ListedLogprobs) -> chat_pb.ChatLogprobs:
    tops = lists.top_logprobs or [None] * len(lists.tokens)
    logprobs = chat_pb.ChatLogprobs()
    for token, logprob, top in zip(lists.tokens, lists.token_logprobs, tops, strict=False):
        entry = logprobs.content.add(token=token, logprob=logprob or 0.0)
        for other, other_logprob in (top or {}).items():
            entry.top_logprobs.add(token=other, logprob=other_logprob)
    return logprobs
