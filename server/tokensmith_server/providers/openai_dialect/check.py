"""Refuses what the dialect, or one vendor of it, has no way to say. Pure.

``profile.py`` has the table of every parameter's fate; the model's capabilities were checked
before (``providers/capabilities.py``).
"""

from typing import Any, Final

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.catalog.model import ModelSpec
from tokensmith_server.providers.capabilities import is_neutral, param_of, refuse
from tokensmith_server.providers.media_address import (
    PUBLIC_HTTPS,
    AddressPolicy,
    check_media_url,
    image_urls,
)
from tokensmith_server.providers.media_types import MediaRefused
from tokensmith_server.providers.openai_dialect.profile import WITHOUT_EFFECT, DialectProfile

_ALWAYS_SENT: Final = frozenset({"model", "messages", "max_output_tokens"})
_STANDARD_TIERS: Final = ("auto", "default")


def check_dialect(
    params: chat_pb.ChatCompletionParams,
    model: ModelSpec,
    profile: DialectProfile,
    policy: AddressPolicy = PUBLIC_HTTPS,
) -> None:
    """Check every setting against what the vendor's wire format can carry.

    ``policy`` says from where we would fetch images, if that is ours to do.

    Raises:
        ProviderError: kind INVALID_REQUEST with ``param`` and what is allowed.
    """
    for descriptor, value in params.ListFields():
        name = descriptor.name
        if name in _ALWAYS_SENT or is_neutral(name, value):
            continue
        if name == "service_tier":
            _check_service_tier(value, model, profile)
        elif name not in profile.fields and name not in WITHOUT_EFFECT:
            _refuse_field(name, value, model)
    if params.tool_choice.HasField("allowed_tools") and not profile.allowed_tools:
        refuse(
            f"`{model.id}` does not take a tool choice of type `allowed_tools`.",
            "tool_choice.type",
            allowed="none, auto, required, or one named function",
            value=True,
        )
    _check_messages(params, model, profile)
    if not profile.fetches_images:
        _check_image_addresses(params, policy)


def _refuse_field(name: str, value: Any, model: ModelSpec) -> None:
    if name == "store":
        if value:
            refuse(f"The provider of `{model.id}` stores nothing.", "store", allowed="false")
        return
    param = param_of(name)
    refuse(f"`{model.id}` does not take `{param}`.", param, allowed="leave it out")


def _check_service_tier(value: str, model: ModelSpec, profile: DialectProfile) -> None:
    allowed = dict.fromkeys((*_STANDARD_TIERS, *profile.service_tiers))
    if value not in allowed:
        listed = ", ".join(allowed)
        refuse(
            f"`service_tier` of `{model.id}` is one of: {listed}.",
            "service_tier",
            allowed=listed,
            value=True,
        )


def _check_messages(
    params: chat_pb.ChatCompletionParams, model: ModelSpec, profile: DialectProfile
) -> None:
    functions = "functions" in profile.fields
    capabilities = model.text.capabilities if model.text else None
    for index, message in enumerate(params.messages):
        where = f"messages[{index}]"
        if message.role == chat_pb.CHAT_ROLE_FUNCTION and not functions:
            refuse(
                f"`{model.id}` does not take the role `function`.", f"{where}.role", allowed="tool"
            )
        if message.content.WhichOneof("kind") == "parts":
            _check_parts(message.content.parts.parts, f"{where}.content", model, profile)
        if message.role != chat_pb.CHAT_ROLE_ASSISTANT:
            continue
        if message.HasField("function_call") and not functions:
            refuse(
                f"`{model.id}` does not take `function_call`.",
                f"{where}.function_call",
                allowed="tool_calls",
            )
        if message.audio_id and not (capabilities and capabilities.audio_output):
            refuse(f"`{model.id}` does not speak.", f"{where}.audio", allowed="leave it out")
        for place, call in enumerate(message.tool_calls):
            if call.kind == chat_pb.CHAT_TOOL_KIND_CUSTOM and not (
                capabilities and capabilities.custom_tools
            ):
                refuse(
                    f"`{model.id}` takes no custom tools.",
                    f"{where}.tool_calls[{place}].type",
                    allowed="function",
                    value=True,
                )


def _check_image_addresses(params: chat_pb.ChatCompletionParams, policy: AddressPolicy) -> None:
    for param, url in image_urls(params.messages):
        try:
            check_media_url(url, policy)
        except MediaRefused as refusal:
            refuse(
                refusal.reason,
                param,
                allowed="https://..., data:image/png;base64,...",
                value=True,
            )


def _check_parts(parts: Any, where: str, model: ModelSpec, profile: DialectProfile) -> None:
    for place, part in enumerate(parts):
        if part.file.file_id:
            refuse(
                "A `file_id` can't be used in a chat; send the file itself.",
                f"{where}[{place}].file.file_id",
                allowed="file_data",
            )
        if part.HasField("prompt_cache_breakpoint") and not profile.cache_breakpoints:
            refuse(
                f"`{model.id}` does not take `prompt_cache_breakpoint`.",
                f"{where}[{place}].prompt_cache_breakpoint",
                allowed="leave it out",
            )
