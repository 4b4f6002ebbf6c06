"""Refuses what Gemini has no way to say, before anything is held. Pure.

``providers/capabilities.py`` was asked before, so what stands as "caps" here is the catalog's word.

=======================  ===========================================================================
Parameter                Fate
=======================  ===========================================================================
messages                 sent; see below
max_output_tokens        sent as ``maxOutputTokens``, always
temperature, top_p       caps; sent
stop                     caps; sent as ``stopSequences``, empty ones left out
seed                     caps; sent if it fits 32 bits, else refused
penalties                caps; sent
n                        caps; ``candidateCount``
logprobs, top_logprobs   caps; ``responseLogprobs``, ``logprobs``
logit_bias               caps: refused
tools                    caps; one ``functionDeclarations``, schemas as ``parametersJsonSchema``
  names                  must begin with a letter or underscore, else refused
  strict                 taken, and promises nothing: Gemini checks arguments in no mode that every
                         schema can go with
  custom                 caps: refused
tool_choice              none NONE, auto AUTO (the default), required ANY, named ANY with the name;
                         allowed_tools: required is ANY with the names, auto shows only those tools
parallel_tool_calls      caps: false is refused
functions (deprecated)   refused
response_format          caps; ``responseMimeType`` and ``responseJsonSchema``; a strict schema with
                         keywords that can't be enforced is refused by the keyword
reasoning_effort         caps; ``thinkingConfig`` by level or budget (``thinking.py``)
verbosity                caps: refused
modalities, audio        text only; else refused
service_tier             auto and default; else refused
store                    false only
metadata, user,          no effect on the answer: taken and not sent
  safety_identifier,
  prompt_cache_key,
  prompt_cache_retention
prompt_cache_options,    refused
  cache breakpoints,
  moderation, prediction,
  web_search_options
=======================  ===========================================================================

Of messages: system and developer messages become the instruction; a user's ``name`` becomes text
before the content, other roles' names say nothing new and are not sent; a refusal becomes text;
earlier reasoning is not sent, since Gemini takes back signatures and no thoughts. Every tool call
must have its result right after it, and no result may stand alone. A conversation can't begin with
an assistant's calls. Images: data URLs of PNG, JPEG, WebP or HEIF, and addresses that pass
``media_address.py``, whose images are fetched by us after the hold; ``detail`` is a hint without
effect. Files: PDF only, and no ``file_id``. Sound: wav and mp3.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.catalog.model import ModelSpec
from tokensmith_server.providers.capabilities import is_neutral, param_of, refuse
from tokensmith_server.providers.gemini.request import RENDERED_FIELDS
from tokensmith_server.providers.gemini.schema import first_wish
from tokensmith_server.providers.media_address import PUBLIC_HTTPS, AddressPolicy, check_media_url
from tokensmith_server.providers.media_types import (
    InlineMedia,
    MediaRefused,
    is_data_url,
    read_image_data_url,
    read_pdf,
)

WITHOUT_EFFECT: Final = frozenset(
    {"metadata", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "user"}
)
"""Hints that are taken and not sent."""

_KNOWN: Final = RENDERED_FIELDS | WITHOUT_EFFECT | {"store", "service_tier"}

IMAGE_TYPES: Final = frozenset(
    {"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"}
)
"""What Gemini takes for an image; GIF is not among them."""

_IMAGES: Final = "PNG, JPEG, WebP, HEIC, HEIF"
_STANDARD_TIERS: Final = ("auto", "default")
_FUNCTION_NAME: Final = re.compile(r"[A-Za-z_]")
_INT32: Final = range(-(2**31), 2**31)

_decode_object = msgspec.json.Decoder(dict[str, Any]).decode


def check_gemini(
    params: chat_pb.ChatCompletionParams,
    model: ModelSpec,
    policy: AddressPolicy = PUBLIC_HTTPS,
) -> None:
    """Check every setting and message against what the wire format can carry.

    Raises:
        ProviderError: kind INVALID_REQUEST with ``param`` and what is allowed.
    """
    for descriptor, value in params.ListFields():
        _check_field(descriptor.name, value, model)
    for index, tool in enumerate(params.tools):
        if not _FUNCTION_NAME.match(tool.function.name):
            refuse(
                f"Functions of `{model.id}` have names that begin with a letter or underscore.",
                f"tools[{index}].function.name",
                allowed="^[A-Za-z_]",
                value=True,
            )
    if params.response_format.json_schema.strict:
        _check_strict_schema(params.response_format.json_schema.schema_json, model)
    _check_turns(params.messages, model)
    for index, message in enumerate(params.messages):
        _check_message(message, f"messages[{index}]", model, policy)


def _check_field(name: str, value: Any, model: ModelSpec) -> None:
    if is_neutral(name, value):
        return
    if name == "seed" and value not in _INT32:
        refuse("`seed` must fit 32 bits.", "seed", allowed="-2147483648 to 2147483647", value=True)
    if name == "service_tier" and value not in _STANDARD_TIERS:
        refuse(
            f"`service_tier` of `{model.id}` is one of: auto, default.",
            "service_tier",
            allowed="auto, default",
            value=True,
        )
    if name == "store" and value:
        refuse(f"The provider of `{model.id}` stores nothing.", "store", allowed="false")
    if name not in _KNOWN:
        param = param_of(name)
        refuse(f"`{model.id}` does not take `{param}`.", param, allowed="leave it out")


def _check_strict_schema(schema_json: str, model: ModelSpec) -> None:
    wish = first_wish(_decode_object(schema_json)) if schema_json else None
    if wish is not None:
        refuse(
            f"`{model.id}` can't be held to `{wish}` in a strict JSON schema.",
            "response_format.json_schema.schema",
            allowed="leave the keyword out, or strict false",
            value=True,
        )


def _check_turns(messages: Sequence[chat_pb.ChatMessage], model: ModelSpec) -> None:
    """Check that calls and results match, and that there is something to answer."""
    open_calls: dict[str, str] = {}
    asked = False  # Whether the user has said anything yet.
    for index, message in enumerate(messages):
        if message.role == chat_pb.CHAT_ROLE_TOOL:
            if open_calls.pop(message.tool_call_id, None) is None:
                refuse(
                    "A tool message must follow the assistant's message with the call"
                    " that it answers, once.",
                    f"messages[{index}].tool_call_id",
                )
            continue
        _refuse_open(open_calls)
        if message.tool_calls and not asked:
            refuse(
                f"A conversation with `{model.id}` can't begin with tool calls.",
                f"messages[{index}].tool_calls",
                allowed="a user's message before it",
            )
        asked = asked or (message.role == chat_pb.CHAT_ROLE_USER and _says_something(message))
        for place, call in enumerate(message.tool_calls):
            where = f"messages[{index}].tool_calls[{place}]"
            if call.id in open_calls:
                refuse("The calls of a message need different ids.", f"{where}.id")
            open_calls[call.id] = where
    _refuse_open(open_calls)
    if not any(_says_something(message) for message in messages):
        refuse(f"`{model.id}` needs at least one message that is not empty.", "messages")


def _refuse_open(open_calls: dict[str, str]) -> None:
    for where in open_calls.values():
        refuse("Every tool call must be followed by a tool message with its result.", where)


def _says_something(message: chat_pb.ChatMessage) -> bool:
    if message.content.WhichOneof("kind") == "parts":
        parts = message.content.parts.parts
        return any(part.text or part.refusal or not _is_text(part) for part in parts)
    return bool(message.content.text or message.refusal or message.tool_calls)


def _is_text(part: chat_pb.ChatContentPart) -> bool:
    return part.WhichOneof("kind") in (None, "text", "refusal")


def _check_message(
    message: chat_pb.ChatMessage, where: str, model: ModelSpec, policy: AddressPolicy
) -> None:
    if message.role == chat_pb.CHAT_ROLE_FUNCTION:
        refuse(f"`{model.id}` does not take the role `function`.", f"{where}.role", allowed="tool")
    if message.HasField("function_call"):
        refuse(
            f"`{model.id}` does not take `function_call`.",
            f"{where}.function_call",
            allowed="tool_calls",
        )
    if message.audio_id:
        refuse(f"`{model.id}` does not speak.", f"{where}.audio", allowed="leave it out")
    for place, call in enumerate(message.tool_calls):
        if call.kind == chat_pb.CHAT_TOOL_KIND_CUSTOM:
            refuse(
                f"`{model.id}` takes no custom tools.",
                f"{where}.tool_calls[{place}].type",
                allowed="function",
                value=True,
            )
    if message.content.WhichOneof("kind") == "parts":
        for place, part in enumerate(message.content.parts.parts):
            _check_part(part, f"{where}.content[{place}]", model, policy)


def _check_part(
    part: chat_pb.ChatContentPart, where: str, model: ModelSpec, policy: AddressPolicy
) -> None:
    if part.HasField("prompt_cache_breakpoint"):
        refuse(
            f"`{model.id}` does not take `prompt_cache_breakpoint`.",
            f"{where}.prompt_cache_breakpoint",
            allowed="leave it out",
        )
    kind = part.WhichOneof("kind")
    try:
        if kind == "image":
            _check_image(part.image.url, policy)
        elif kind == "file":
            _check_file(part.file, where)
    except MediaRefused as refusal:
        field = "image_url.url" if kind == "image" else "file.file_data"
        allowed = _IMAGES if kind == "image" else "PDF"
        refuse(refusal.reason, f"{where}.{field}", allowed=allowed, value=True)


def _check_image(url: str, policy: AddressPolicy) -> None:
    if is_data_url(url):
        check_image_type(read_image_data_url(url))
    else:
        check_media_url(url, policy)


def check_image_type(image: InlineMedia) -> None:
    """Check that Gemini takes this type of image.

    Raises:
        MediaRefused: it does not.
    """
    if image.mime_type not in IMAGE_TYPES:
        raise MediaRefused(f"The model takes images of these types: {_IMAGES}.")


def _check_file(file: chat_pb.ChatFile, where: str) -> None:
    if file.file_id:
        refuse(
            "A `file_id` can't be used in a chat; send the file itself.",
            f"{where}.file.file_id",
            allowed="file_data",
        )
    read_pdf(file.file_data)
