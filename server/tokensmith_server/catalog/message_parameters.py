"""The messages that a chat model takes, as definitions for its parameter schema. Pure."""

from typing import Any, Final

from tokensmith_server.catalog.model import Capabilities
from tokensmith_server.catalog.parameter_terms import (
    Json,
    array,
    choice,
    either,
    mapping,
    record,
    tagged,
    text,
)
from tokensmith_server.catalog.parameter_vendors import Vendor

MESSAGES_MAX: Final = 4_096
PARTS_MAX: Final = 2_048

_CACHE_CONTROL: Final[Json] = {
    "cache_control": mapping(True, "Anthropic's mark for its cache; taken, without effect.")
}
_ANYTHING: Final[Any] = True


def messages_of(can: Capabilities, vendor: Vendor) -> Json:
    """The schema of ``messages``, which refers to ``message_definitions``."""
    roles = [role for role in _ROLES if role != "function" or "functions" in vendor.fields]
    return array(
        {"anyOf": [_ref(f"{role}_message") for role in roles]},
        "The conversation so far, the oldest message first.",
        minItems=1,
        maxItems=MESSAGES_MAX,
    )


def message_definitions(can: Capabilities, vendor: Vendor) -> dict[str, Json]:
    """What ``messages`` refers to under ``$defs``."""
    mark = _CACHE_CONTROL | (
        {"prompt_cache_breakpoint": _BREAKPOINT} if vendor.cache_breakpoints else {}
    )
    parts = {"text_part": tagged("text", {"text": text()}, mark)}
    if can.image_input:
        parts["image_part"] = tagged("image_url", {"image_url": _IMAGE}, mark)
    if can.audio_input:
        parts["sound_part"] = tagged("input_audio", {"input_audio": _SOUND}, mark)
    if can.file_input:
        parts["file_part"] = tagged("file", {"file": _FILE}, mark)
    refusal = tagged("refusal", {"refusal": text("How the model declined.")}, _CACHE_CONTROL)
    return {
        **parts,
        "text_content": _content(_ref("text_part")),
        "user_content": _content(*(_ref(name) for name in parts)),
        "assistant_content": _content(_ref("text_part"), refusal),
        "developer_message": _message("developer", "Instructions of the application."),
        "system_message": _message("system", "Instructions, under their former name."),
        "user_message": _message("user", "What the person says.", content="user_content"),
        "assistant_message": _assistant(can, vendor),
        "tool_message": _message(
            "tool",
            "The result of a tool call.",
            required={"tool_call_id": text("The call that it answers.", minLength=1)},
        ),
        **({"function_message": _FUNCTION_MESSAGE} if "functions" in vendor.fields else {}),
    }


_ROLES: Final = ("developer", "system", "user", "assistant", "tool", "function")

_BREAKPOINT: Final = record(
    {"mode": {"const": "explicit"}},
    {"ttl": choice(("30m", "12h"))},
    "Ends a prefix that the provider's cache may keep.",
)
_IMAGE: Final = record(
    {"url": text("An http(s) address, or a data URL.", pattern="^(https?://|data:image/)")},
    {"detail": choice(("auto", "low", "high", "original"), "How closely to look.")},
)
_SOUND: Final = record({"data": text("Base64.", minLength=1), "format": choice(("wav", "mp3"))})
_FILE: Final = record(
    {"file_data": text("A data URL, or base64.", minLength=1)}, {"filename": text()}
)
_FUNCTION_MESSAGE: Final = record(
    {"role": {"const": "function"}, "content": text(), "name": text()},
    description="A function's result, as it was said before tools.",
) | {"deprecated": True}


def _ref(name: str) -> Json:
    return {"$ref": f"#/$defs/{name}"}


def _content(*parts: Json) -> Json:
    return either([text(), array(either(parts), minItems=1, maxItems=PARTS_MAX)])


def _message(
    role: str,
    description: str,
    *,
    content: str = "text_content",
    required: dict[str, Json] | None = None,
) -> Json:
    return record(
        {"role": {"const": role}, "content": _ref(content), **(required or {})},
        {"name": text("Who of several speaks."), **_CACHE_CONTROL},
        description,
    )


def _assistant(can: Capabilities, vendor: Vendor) -> Json:
    """The model's own turn, with what clients leave in an answer that they send back."""
    optional = {
        "content": _ref("assistant_content"),
        "name": text(),
        "refusal": text(),
        "tool_calls": array(either(_tool_calls(can, vendor))),
        "reasoning_content": text("Earlier reasoning."),
        "annotations": array({}),
        "parsed": _ANYTHING,
        "provider_specific_fields": _ANYTHING,
        "thinking_blocks": _ANYTHING,
        "function_call": {"type": "null"},
        "audio": {"type": "null"},
        **_CACHE_CONTROL,
    }
    if "functions" in vendor.fields:
        optional["function_call"] = _called_function() | {"deprecated": True}
    if can.audio_output:
        optional["audio"] = record(
            {"id": text("An earlier spoken answer.")},
            {"data": text(), "expires_at": {"type": "integer"}, "transcript": text()},
        )
    speaks = ("content", "tool_calls", "function_call", "audio", "refusal")
    return record({"role": {"const": "assistant"}}, optional, "What the model said.") | {
        "anyOf": [{"required": [name]} for name in speaks]
    }


def _tool_calls(can: Capabilities, vendor: Vendor) -> list[Json]:
    call_id = {"id": text(minLength=1)}
    index = {"index": {"type": "integer"}, **_CACHE_CONTROL}
    calls = [
        tagged(
            "function",
            {**call_id, "function": _called_function()},
            {**index, "provider_specific_fields": _ANYTHING},
        )
    ]
    if can.custom_tools and "custom_tools" in vendor.fields:
        custom = record({"name": text(minLength=1), "input": text()})
        calls.append(tagged("custom", {**call_id, "custom": custom}, index))
    return calls


def _called_function() -> Json:
    return record(
        {"name": text(minLength=1), "arguments": text("JSON, as text.")},
        {"parsed_arguments": _ANYTHING, "provider_specific_fields": _ANYTHING},
    )
