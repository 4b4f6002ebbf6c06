"""The fields of OpenAI's chat completion request, as one table."""

from __future__ import annotations

from typing import Final

from tokensmith_simulator.openai_chat import shapes
from tokensmith_simulator.openai_chat.fields import (
    Check,
    anything,
    array,
    boolean,
    either,
    integer,
    number,
    one_of,
    optional,
    string,
    string_map,
    structure,
    tagged,
)

_NAMED_CUSTOM: Final = structure(
    {"type": anything, "custom": structure({"name": shapes.NAME}, required=["name"])},
    required=["custom"],
)
_NAMED_TOOLS: Final = {"function": shapes.NAMED_FUNCTION, "custom": _NAMED_CUSTOM}
_ALLOWED_TOOLS: Final = structure(
    {
        "type": anything,
        "allowed_tools": structure(
            {"mode": one_of("auto", "required"), "tools": array(tagged("type", _NAMED_TOOLS))},
            required=["mode", "tools"],
        ),
    },
    required=["allowed_tools"],
)
_CUSTOM_TOOL: Final = structure(
    {
        "type": anything,
        "custom": structure(
            {
                "name": shapes.NAME,
                "description": optional(string()),
                "format": tagged(
                    "type",
                    {
                        "text": structure({"type": anything}),
                        "grammar": structure(
                            {
                                "type": anything,
                                "grammar": structure(
                                    {"definition": string(), "syntax": one_of("lark", "regex")},
                                    required=["definition", "syntax"],
                                ),
                            },
                            required=["grammar"],
                        ),
                    },
                ),
            },
            required=["name"],
        ),
    },
    required=["custom"],
)
_MESSAGES: Final = shapes.messages(
    developer=shapes.SYSTEM_MESSAGE,
    system=shapes.SYSTEM_MESSAGE,
    user=shapes.message(
        shapes.parts(
            text=shapes.TEXT_PART,
            image_url=shapes.IMAGE_PART,
            input_audio=shapes.AUDIO_PART,
            file=shapes.FILE_PART,
        ),
        "content",
    ),
    assistant=shapes.message(
        optional(shapes.parts(text=shapes.TEXT_PART, refusal=shapes.REFUSAL_PART)),
        refusal=optional(string()),
        tool_calls=array(shapes.TOOL_CALL, least=1),
        audio=optional(structure({"id": string()}, required=["id"])),
        function_call=optional(shapes.FUNCTION_CALL),
    ),
    tool=shapes.TOOL_MESSAGE,
    function=shapes.FUNCTION_MESSAGE,
)
_LOCATION: Final = structure(
    {
        "type": one_of("approximate"),
        "approximate": structure(
            dict.fromkeys(("city", "country", "region", "timezone"), optional(string()))
        ),
    },
    required=["type", "approximate"],
)
_FIELDS: Final[dict[str, Check]] = {
    "model": string(),
    "messages": _MESSAGES,
    "stream": optional(boolean),
    "stream_options": optional(
        structure({"include_usage": boolean, "include_obfuscation": boolean})
    ),
    "max_completion_tokens": optional(integer(1)),
    "max_tokens": optional(integer(1)),
    "temperature": optional(number(0, 2)),
    "top_p": optional(number(0, 1)),
    "frequency_penalty": optional(number(-2, 2)),
    "presence_penalty": optional(number(-2, 2)),
    "logit_bias": optional(string_map(integer(-100, 100))),
    "logprobs": optional(boolean),
    "top_logprobs": optional(integer(0, 20)),
    "n": optional(integer(1, 128)),
    "seed": optional(integer()),
    "stop": optional(
        either("a string or an array of strings", string=string(), array=array(string(), most=4))
    ),
    "tools": array(
        tagged("type", {"function": shapes.FUNCTION_TOOL, "custom": _CUSTOM_TOOL}),
        least=1,
        most=128,
    ),
    "tool_choice": either(
        "one of 'none', 'auto', 'required' or an object",
        string=one_of("none", "auto", "required"),
        object=tagged("type", {**_NAMED_TOOLS, "allowed_tools": _ALLOWED_TOOLS}),
    ),
    "parallel_tool_calls": boolean,
    "functions": array(shapes.FUNCTION, least=1, most=128),
    "function_call": either(
        "one of 'none', 'auto' or an object",
        string=one_of("none", "auto"),
        object=structure({"name": shapes.NAME}, required=["name"]),
    ),
    "response_format": tagged("type", shapes.RESPONSE_FORMATS),
    "reasoning_effort": optional(
        one_of("none", "minimal", "low", "medium", "high", "xhigh", "max")
    ),
    "verbosity": optional(one_of("low", "medium", "high")),
    "modalities": optional(array(one_of("text", "audio"), least=1)),
    "audio": optional(anything),
    "prediction": optional(
        structure(
            {"type": one_of("content"), "content": shapes.TEXT_CONTENT},
            required=["type", "content"],
        )
    ),
    "service_tier": optional(one_of("auto", "default", "flex", "scale", "priority", "fast")),
    "store": optional(boolean),
    "metadata": optional(string_map(string(most=512), most=16, key_most=64)),
    "safety_identifier": string(most=128),
    "prompt_cache_key": string(),
    "prompt_cache_options": optional(anything),
    "prompt_cache_retention": optional(one_of("in_memory", "24h")),
    "user": string(),
    "web_search_options": optional(
        structure(
            {
                "search_context_size": one_of("low", "medium", "high"),
                "user_location": optional(_LOCATION),
            }
        )
    ),
    "moderation": optional(
        structure({"model": string(), "policy": optional(anything)}, required=["model"])
    ),
}
CHECK_BODY: Final = structure(_FIELDS, required=["messages"])
