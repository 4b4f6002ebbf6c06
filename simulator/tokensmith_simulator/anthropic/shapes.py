"""The fields of Anthropic's requests: blocks, messages, tools, settings (SDK 2.12, `types/`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tokensmith_simulator.anthropic.checks import (
    Check,
    anything,
    array,
    boolean,
    integer,
    mapping,
    number,
    one_of,
    only_null,
    optional,
    refuse,
    string,
    structure,
    tagged,
    text_or,
)
from tokensmith_simulator.errors import RefusalError

CACHE_CONTROL: Final = optional(
    tagged({"ephemeral": structure({"type": anything, "ttl": one_of("5m", "1h")})})
)
_ID: Final = string(pattern="^[a-zA-Z0-9_-]+$")
_TOOL_NAME: Final = string(least=1, pattern="^[a-zA-Z0-9_-]{1,64}$")
_CITATIONS: Final = optional(structure({"enabled": boolean}))


def _block(required: Mapping[str, Check], optionals: Mapping[str, Check] | None = None) -> Check:
    fields = {"type": anything, "cache_control": CACHE_CONTROL, **required, **(optionals or {})}
    return structure(fields, required=tuple(required))


def _bare(**required: Check) -> Check:
    """Describe a block that cannot carry a cache breakpoint."""
    return structure({"type": anything, **required}, required=tuple(required))


def _of_type(media: Check) -> Check:
    return structure(
        {"type": anything, "media_type": media, "data": string(least=1)},
        required=("media_type", "data"),
    )


_URL: Final = structure({"type": anything, "url": string(least=1)}, required=("url",))
_FILE: Final = structure({"type": anything, "file_id": string(least=1)}, required=("file_id",))

TEXT: Final = _block({"text": string()}, {"citations": optional(array(mapping))})
IMAGE: Final = _block(
    {
        "source": tagged(
            {
                "base64": _of_type(one_of("image/jpeg", "image/png", "image/gif", "image/webp")),
                "url": _URL,
                "file": _FILE,
            }
        )
    },
    {"transformations": optional(mapping)},
)
DOCUMENT: Final = _block(
    {
        "source": tagged(
            {
                "base64": _of_type(one_of("application/pdf")),
                "text": _of_type(one_of("text/plain")),
                "url": _URL,
                "file": _FILE,
                "content": structure(
                    {
                        "type": anything,
                        "content": text_or(array(tagged({"text": TEXT, "image": IMAGE}))),
                    },
                    required=("content",),
                ),
            }
        )
    },
    {"citations": _CITATIONS, "title": optional(string()), "context": optional(string())},
)
SEARCH_RESULT: Final = _block(
    {"content": array(tagged({"text": TEXT})), "source": string(), "title": string()},
    {"citations": _CITATIONS},
)
TOOL_USE: Final = _block(
    {"id": _ID, "name": string(least=1), "input": mapping},
    {"caller": tagged({"direct": structure({"type": anything})}), "toolset_name": only_null},
)
TOOL_RESULT: Final = _block(
    {"tool_use_id": _ID},
    {
        "content": text_or(
            array(
                tagged(
                    {
                        "text": TEXT,
                        "image": IMAGE,
                        "document": DOCUMENT,
                        "search_result": SEARCH_RESULT,
                    }
                )
            )
        ),
        "is_error": boolean,
        "toolset_name": only_null,
    },
)
BLOCKS: Final[dict[str, Check]] = {
    "text": TEXT,
    "image": IMAGE,
    "document": DOCUMENT,
    "search_result": SEARCH_RESULT,
    "thinking": _bare(thinking=string(), signature=string(least=1)),
    "redacted_thinking": _bare(data=string(least=1)),
    "tool_use": TOOL_USE,
    "tool_result": TOOL_RESULT,
}


def _role(value: object, path: str) -> None:
    if value == "system":
        refuse(
            path.rpartition(".")[0].rpartition(".")[0],
            'Unexpected role "system". The Messages API accepts a top-level `system` parameter, '
            'not "system" as an input message role.',
        )
    one_of("user", "assistant")(value, path)


def _no_thread(value: object, path: str) -> None:
    """Refuse to keep a conversation, in the way that lets the SDK go on without."""
    details = {"error_code": "thread_unsupported_request", "unsupported": []}
    raise RefusalError("This request cannot be served as a thread.", param=path, details=[details])


MESSAGE: Final = structure(
    {"role": _role, "content": text_or(array(tagged(BLOCKS)))}, required=("role", "content")
)
_CUSTOM_TOOL: Final = structure(
    {
        "type": anything,
        "name": _TOOL_NAME,
        "description": string(),
        "input_schema": mapping,
        "strict": boolean,
        "cache_control": CACHE_CONTROL,
        "eager_input_streaming": optional(boolean),
        "input_examples": array(mapping),
        "defer_loading": boolean,
        "allowed_callers": array(one_of("direct")),
    },
    required=("name", "input_schema"),
)


def _choice(**fields: Check) -> Check:
    parallel: dict[str, Check] = {"disable_parallel_tool_use": boolean}
    return structure({"type": anything, **parallel, **fields}, required=tuple(fields))


TOOL_CHOICE: Final = tagged(
    {
        "auto": _choice(),
        "any": _choice(),
        "tool": _choice(name=string(least=1)),
        "none": structure({"type": anything}),
    }
)
_DISPLAY: Final = optional(one_of("summarized", "omitted"))
THINKING: Final = tagged(
    {
        "enabled": structure(
            {"type": anything, "budget_tokens": integer(1024), "display": _DISPLAY},
            required=("budget_tokens",),
        ),
        "disabled": structure({"type": anything}),
        "adaptive": structure({"type": anything, "display": _DISPLAY}),
        "between_tools": structure({"type": anything}),
    }
)
OUTPUT_CONFIG: Final = structure(
    {
        "effort": optional(one_of("low", "medium", "high", "xhigh", "max")),
        "format": optional(
            tagged(
                {
                    "json_schema": structure(
                        {"type": anything, "schema": mapping}, required=("schema",)
                    )
                }
            )
        ),
    }
)
_PROMPT: Final[dict[str, Check]] = {
    "model": string(least=1),
    "messages": array(MESSAGE, least=1, most=100_000),
    "system": text_or(array(tagged({"text": TEXT}))),
    "tools": array(tagged({"custom": _CUSTOM_TOOL}, default="custom")),
    "tool_choice": TOOL_CHOICE,
    "thinking": THINKING,
    "output_config": OUTPUT_CONFIG,
    "cache_control": CACHE_CONTROL,
    "speed": optional(one_of("standard")),
}
_SAMPLING: Final[dict[str, Check]] = {
    "temperature": number(0, 1),
    "top_p": number(0, 1),
    "top_k": integer(0),
}
_CREATE: Final[dict[str, Check]] = {
    **_PROMPT,
    "max_tokens": integer(0),
    "stop_sequences": array(string()),
    "stream": boolean,
    "metadata": structure({"user_id": optional(string())}),
    "service_tier": one_of("auto", "standard_only"),
    "inference_geo": optional(string()),
    "container": only_null,
    "diagnostics": only_null,
    "thread": optional(_no_thread),
}
CHECK_CREATE: Final[dict[str, Check]] = {
    "2023-06-01": structure({**_CREATE, **_SAMPLING}, required=("model", "messages", "max_tokens")),
    "2026-10-21": structure(_CREATE, required=("model", "messages", "max_tokens")),
}
"""By `anthropic-version`: the newer one knows no sampling parameters."""
CHECK_COUNT: Final = structure(_PROMPT, required=("model", "messages"))
