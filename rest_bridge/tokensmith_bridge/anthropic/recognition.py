"""Tells a body of ``POST /v1/messages`` from a chat's: both have ``messages``. Pure."""

from typing import Final, get_args

import msgspec

from tokensmith_bridge.anthropic.block_schema import AssistantBlock, SystemBlock, UserBlock
from tokensmith_bridge.anthropic.schema import MessagesRequest
from tokensmith_bridge.openai.schema import ChatRequest

_MESSAGES_FIELDS: Final = frozenset(MessagesRequest.__struct_fields__)
_CHAT_FIELDS: Final = frozenset(ChatRequest.__struct_fields__)
_BLOCKS: Final = frozenset(
    block.__struct_config__.tag
    for blocks in (UserBlock, AssistantBlock, SystemBlock)
    for block in get_args(blocks)
) - {"text"}
"""Kinds of content that a chat does not have."""


class _Tool(msgspec.Struct):
    """A chat's tools have their names further in."""

    name: str | None = None


class _Block(msgspec.Struct):
    type: str | None = None


class _Message(msgspec.Struct):
    content: str | list[_Block] | None = None


class _Body(msgspec.Struct):
    messages: list[_Message]
    tools: list[_Tool] | None = None


_fields_decoder: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_body_decoder: Final = msgspec.json.Decoder(_Body)


def is_messages_body(body: bytes) -> bool:
    """Whether something of a JSON object is Anthropic's alone, and no field of it a chat's alone.

    What both endpoints take is a chat's: it comes to the same.
    """
    try:
        names = _fields_decoder.decode(body).keys()
        if names & (_CHAT_FIELDS ^ _MESSAGES_FIELDS):
            return not names & (_CHAT_FIELDS - _MESSAGES_FIELDS)
        read = _body_decoder.decode(body)
    except msgspec.DecodeError:
        return False
    return any(tool.name is not None for tool in read.tools or ()) or any(
        block.type in _BLOCKS
        for message in read.messages
        if isinstance(message.content, list)
        for block in message.content
    )
