"""The field tables of chat completions that the vendors share: messages, tools, formats."""

from __future__ import annotations

from typing import Final

from tokensmith_simulator.openai_chat.fields import (
    Check,
    anything,
    array,
    boolean,
    either,
    one_of,
    optional,
    string,
    string_map,
    structure,
    tagged,
)

NAME: Final = string(least=1, most=64, pattern=r"[a-zA-Z0-9_-]+")
BREAKPOINT: Final = structure(
    {"mode": one_of("explicit"), "ttl": one_of("30m", "12h")}, required=["mode"]
)


def part(fields: dict[str, Check], *, required: str) -> Check:
    """Describe a content part: its type, one payload field, and cache breakpoints."""
    return structure(
        {"type": string(), "prompt_cache_breakpoint": BREAKPOINT, **fields},
        required=["type", required],
    )


TEXT_PART: Final = part({"text": string()}, required="text")
REFUSAL_PART: Final = part({"refusal": string()}, required="refusal")
IMAGE_PART: Final = part(
    {
        "image_url": structure(
            {"url": string(least=1), "detail": one_of("auto", "low", "high", "original")},
            required=["url"],
        )
    },
    required="image_url",
)
AUDIO_PART: Final = part(
    {
        "input_audio": structure(
            {"data": string(least=1), "format": one_of("wav", "mp3")}, required=["data", "format"]
        )
    },
    required="input_audio",
)
FILE_PART: Final = part(
    {"file": structure({"file_id": string(), "file_data": string(), "filename": string()})},
    required="file",
)


def parts(**variants: Check) -> Check:
    """Accept a string, or a non-empty list of these content parts."""
    return either(
        "one of a string or array of objects",
        string=string(),
        array=array(tagged("type", variants), least=1),
    )


TEXT_CONTENT: Final = parts(text=TEXT_PART)

FUNCTION_CALL: Final = structure(
    {"name": NAME, "arguments": string()}, required=["name", "arguments"]
)
TOOL_CALL: Final = tagged(
    "type",
    {
        "function": structure(
            {"id": string(least=1), "type": anything, "function": FUNCTION_CALL},
            required=["id", "function"],
        ),
        "custom": structure(
            {
                "id": string(least=1),
                "type": anything,
                "custom": structure({"name": NAME, "input": string()}, required=["name", "input"]),
            },
            required=["id", "custom"],
        ),
    },
)

FUNCTION: Final = structure(
    {
        "name": NAME,
        "description": optional(string()),
        "parameters": optional(string_map(anything)),
        "strict": optional(boolean),
    },
    required=["name"],
)
FUNCTION_TOOL: Final = structure(
    {"type": anything, "function": FUNCTION}, required=["type", "function"]
)
NAMED_FUNCTION: Final = structure(
    {"type": anything, "function": structure({"name": NAME}, required=["name"])},
    required=["function"],
)

JSON_SCHEMA_FORMAT: Final = structure(
    {
        "type": anything,
        "json_schema": structure(
            {
                "name": NAME,
                "description": optional(string()),
                "schema": string_map(anything),
                "strict": optional(boolean),
            },
            required=["name"],
        ),
    },
    required=["json_schema"],
)
RESPONSE_FORMATS: Final[dict[str, Check]] = {
    "text": structure({"type": anything}),
    "json_object": structure({"type": anything}),
    "json_schema": JSON_SCHEMA_FORMAT,
}


def message(content: Check, *required: str, **fields: Check) -> Check:
    """Describe one role's message."""
    return structure(
        {"role": anything, "name": optional(string()), "content": content, **fields},
        required=["role", *required],
    )


SYSTEM_MESSAGE: Final = message(TEXT_CONTENT, "content")
TOOL_MESSAGE: Final = message(TEXT_CONTENT, "content", "tool_call_id", tool_call_id=string(least=1))
FUNCTION_MESSAGE: Final = message(optional(string()), "content", "name")


def messages(**roles: Check) -> Check:
    """Describe a conversation: at least one message, each of a known role."""
    return array(tagged("role", roles), least=1)
