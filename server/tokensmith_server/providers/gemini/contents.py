"""From our messages to Gemini's ``systemInstruction`` and ``contents``. Pure.

Gemini knows two roles. System and developer messages become the instruction, wherever they stand;
messages of one role in a row become one content. The results of an assistant's calls stand at the
start of the next user content, as many as there were calls and in the same order; each has the name
of its call, which OpenAI's tool messages lack. The caller has checked the order (``check.py``).
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.providers.media_types import (
    InlineMedia,
    is_data_url,
    read_image_data_url,
    read_pdf,
)
from tokensmith_server.providers.tool_call_ids import plain_id, signature_of

Json = dict[str, Any]

SKIP_SIGNATURE: Final = "skip_thought_signature_validator"
"""What Google documents for calls that have no signature: history of another model, or a client
that changed the ids. It is sent as it stands, which is valid base64 and how the documentation,
gemini-cli and others send it."""

_SYSTEM_ROLES: Final = frozenset({chat_pb.CHAT_ROLE_SYSTEM, chat_pb.CHAT_ROLE_DEVELOPER})
_AUDIO_TYPES: Final = {"wav": "audio/wav", "mp3": "audio/mpeg"}


@dataclass(slots=True)
class Conversation:
    """What a request says: the instruction's parts, and the contents in turn."""

    system_parts: list[Json] = field(default_factory=list)
    contents: list[Json] = field(default_factory=list)

    def add(self, role: str, parts: list[Json]) -> None:
        """Add to the last content if it has the same role; a content can't be empty."""
        if not parts:
            return
        if self.contents and self.contents[-1]["role"] == role:
            self.contents[-1]["parts"] += parts
        else:
            self.contents.append({"role": role, "parts": parts})


def build_conversation(
    messages: Sequence[chat_pb.ChatMessage],
    *,
    media: Mapping[str, InlineMedia],
    signed_tool_calls: bool,
) -> Conversation:
    """Convert the messages.

    ``media`` has the images that are named by address, by that. ``signed_tool_calls`` says that
    the model refuses calls without a signature.
    """
    conversation = Conversation()
    calls: list[chat_pb.ChatToolCall] = []
    results: dict[str, Json] = {}
    for message in messages:
        if message.role == chat_pb.CHAT_ROLE_TOOL:
            results[message.tool_call_id] = _result(_text_of(message.content))
            continue
        conversation.add("user", _responses(calls, results))
        calls, results = list(message.tool_calls), {}
        if message.role in _SYSTEM_ROLES:
            conversation.system_parts += _text_parts(message.content)
        elif message.role == chat_pb.CHAT_ROLE_ASSISTANT:
            conversation.add("model", _assistant_parts(message, signed_tool_calls))
        else:
            conversation.add("user", _user_parts(message, media))
    conversation.add("user", _responses(calls, results))
    return conversation


def _responses(calls: Sequence[chat_pb.ChatToolCall], results: Mapping[str, Json]) -> list[Json]:
    """The results of a turn's calls, in the order of the calls."""
    return [
        {
            "functionResponse": {
                "id": plain_id(call.id),
                "name": call.name,
                "response": results[call.id],
            }
        }
        for call in calls
        if call.id in results
    ]


def _result(text: str) -> Json:
    """Return a tool's result as the object that Gemini wants."""
    parsed = _json_object(text)
    return {"output": text} if parsed is None else parsed


def _json_object(text: str) -> Json | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        return msgspec.json.decode(text.encode(), type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        return None


def _assistant_parts(message: chat_pb.ChatMessage, signed_tool_calls: bool) -> list[Json]:
    parts = _text_parts(message.content)
    if not parts and message.refusal:
        parts.append({"text": message.refusal})
    for place, call in enumerate(message.tool_calls):
        part: Json = {
            "functionCall": {
                "id": plain_id(call.id),
                "name": call.name,
                "args": _arguments(call.arguments),
            }
        }
        signature = signature_of(call.id)
        # Of parallel calls only the first one is signed, and must be.
        if signature is None and signed_tool_calls and place == 0:
            signature = SKIP_SIGNATURE
        if signature is not None:
            part["thoughtSignature"] = signature
        parts.append(part)
    return parts


def _arguments(text: str) -> Json:
    """Return a call's arguments as an object; those that are none (a model's slip) are wrapped."""
    if not text.strip():
        return {}
    parsed = _json_object(text)
    return {"arguments": text} if parsed is None else parsed


def _user_parts(message: chat_pb.ChatMessage, media: Mapping[str, InlineMedia]) -> list[Json]:
    parts = _parts(message.content, media)
    if message.name and parts:
        # There is no place for the speaker's name but the text.
        parts.insert(0, {"text": f"{message.name}:"})
    return parts


def _text_parts(content: chat_pb.ChatContent) -> list[Json]:
    return _parts(content, {})


def _text_of(content: chat_pb.ChatContent) -> str:
    if content.WhichOneof("kind") == "parts":
        return "".join(part.text or part.refusal for part in content.parts.parts)
    return content.text


def _parts(content: chat_pb.ChatContent, media: Mapping[str, InlineMedia]) -> list[Json]:
    """Return the parts of a message's content; an empty text is none."""
    if content.WhichOneof("kind") == "parts":
        converted = [_part(part, media) for part in content.parts.parts]
        return [part for part in converted if part is not None]
    return [{"text": content.text}] if content.text else []


def _part(part: chat_pb.ChatContentPart, media: Mapping[str, InlineMedia]) -> Json | None:
    match part.WhichOneof("kind"):
        case "image":
            url = part.image.url
            return _inline(read_image_data_url(url) if is_data_url(url) else media[url])
        case "input_audio":
            data = base64.b64encode(part.input_audio.data).decode("ascii")
            mime_type = _AUDIO_TYPES.get(part.input_audio.format, "audio/wav")
            return _inline(InlineMedia(mime_type, data))
        case "file":
            return _inline(read_pdf(part.file.file_data))
        case _:
            text = part.text or part.refusal
            return {"text": text} if text else None


def _inline(media: InlineMedia) -> Json:
    return {"inlineData": {"mimeType": media.mime_type, "data": media.base64_text}}
