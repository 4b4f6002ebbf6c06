"""Things that a caller may ask of a chat model, one or two at a time; each takes some of them."""

from typing import Any

PNG = "data:image/png;base64,iVBORw0KGgo="
PDF = "data:application/pdf;base64,JVBERi0xLjQK"


def of_user(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


TEXT_PART = {"type": "text", "text": "Look"}
FUNCTION = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}
CUSTOM = {"type": "custom", "custom": {"name": "sketch"}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
USER = {"role": "user", "content": "Hello"}
ANSWERED = {"role": "tool", "tool_call_id": "call_1", "content": "Found"}
SCHEMA = {
    "name": "s",
    "schema": {"type": "object", "properties": {}, "additionalProperties": False},
}


def messages_after(assistant: dict[str, Any], *others: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [USER, {"role": "assistant", **assistant}, *others, USER]}


# Each is one thing that a caller may ask for; a model takes it or not.
CHAT_SETTINGS: list[dict[str, Any]] = [
    {},
    *({"n": n} for n in (0, 1, 2, 5, 128, 129)),
    *({"temperature": value} for value in (-0.1, 0, 0.5, 1, 1.5, 2, 2.1)),
    *({"top_p": value} for value in (0, 0.5, 1, 1.5)),
    {"temperature": 0.5, "top_p": 0.5},
    {"temperature": 0.5, "top_p": 1},
    *({"frequency_penalty": value} for value in (-2, 0, 0.5, 2.5)),
    *({"presence_penalty": value} for value in (-2, 0, 0.5, 2.5)),
    {"logit_bias": {"50256": -100}},
    {"logit_bias": {"50256": 101}},
    {"logit_bias": {"hello": 1}},
    {"logprobs": True},
    {"logprobs": False},
    {"top_logprobs": 1},
    *({"logprobs": True, "top_logprobs": count} for count in (0, 5, 20, 21)),
    *({"seed": seed} for seed in (0, 2**31 - 1, 2**31, 2**63 - 1, 2**63)),
    {"stop": "END"},
    {"stop": ["a", "b", "c", "d"]},
    {"stop": ["a", "b", "c", "d", "e"]},
    *(
        {"reasoning_effort": effort}
        for effort in ("none", "minimal", "low", "medium", "high", "xhigh", "max", "most")
    ),
    *({"verbosity": word} for word in ("low", "high", "max")),
    *({"max_completion_tokens": count} for count in (0, 2_000, 16_384, 10**6, 10**7)),
    {"max_completion_tokens": 1_000, "reasoning_effort": "high"},
    {"max_completion_tokens": 1_025, "reasoning_effort": "high"},
    {"max_tokens": 2_000},
    {"max_tokens": 10**7},
    {"stream": True},
    {"stream": True, "stream_options": {"include_usage": True}},
    {"stream_options": {"include_usage": True}},
    {"stream": True, "stream_options": {"include_cost": True}},
    {"tools": [FUNCTION]},
    {"tools": [CUSTOM]},
    {"tools": [FUNCTION], "reasoning_effort": "low"},
    {"tools": [CUSTOM], "reasoning_effort": "low"},
    {"tools": [{"type": "function", "function": {"name": "1st"}}]},
    {"tools": [{"type": "function", "function": {"name": "a b"}}]},
    {"tools": [{"type": "web_search"}]},
    {"tools": [{"type": "function", "function": {"name": "f", "strictness": 1}}]},
    {"tool_choice": "none"},
    {"tool_choice": "any"},
    {"tool_choice": "required"},
    {"tool_choice": {"type": "function", "function": {"name": "look_up"}}},
    {"tools": [FUNCTION], "tool_choice": "required"},
    {"tools": [FUNCTION], "tool_choice": {"type": "function", "function": {"name": "look_up"}}},
    {
        "tools": [FUNCTION],
        "tool_choice": {
            "type": "allowed_tools",
            "allowed_tools": {
                "mode": "auto",
                "tools": [{"type": "function", "function": {"name": "look_up"}}],
            },
        },
    },
    {"tools": [FUNCTION], "parallel_tool_calls": False},
    {"parallel_tool_calls": False},
    {"parallel_tool_calls": True},
    {"functions": [{"name": "look_up"}]},
    {"functions": [{"name": "look_up"}], "function_call": {"name": "look_up"}},
    {"functions": [{"name": "look_up"}], "reasoning_effort": "high"},
    {"response_format": {"type": "text"}},
    {"response_format": {"type": "json_object"}},
    {"response_format": {"type": "json_schema", "json_schema": SCHEMA}},
    {"response_format": {"type": "json_schema", "json_schema": {"name": "s"}}},
    {"response_format": {"type": "yaml"}},
    {"modalities": ["text"]},
    {"modalities": ["text", "text"]},
    {"modalities": ["text", "audio"], "audio": {"format": "wav", "voice": "alloy"}},
    {"audio": {"format": "wav", "voice": "alloy"}},
    {"prediction": {"type": "content", "content": "x"}},
    {"web_search_options": {}},
    {"moderation": {"model": "omni-moderation-latest"}},
    *(
        {"service_tier": tier}
        for tier in ("auto", "default", "flex", "scale", "priority", "fast", "slow")
    ),
    {"store": True},
    {"store": False},
    {"metadata": {"a": "b"}},
    {"metadata": {"a" * 65: "b"}},
    {"metadata": {str(count): "" for count in range(17)}},
    {"safety_identifier": "x" * 128},
    {"safety_identifier": "x" * 129},
    {"user": "somebody"},
    {"prompt_cache_key": "k"},
    {"prompt_cache_retention": "24h"},
    {"prompt_cache_retention": "48h"},
    {"prompt_cache_options": {"mode": "explicit"}},
    {"top_k": 4},
    {"messages": []},
    {"messages": [{"role": "system", "content": "Be brief."}, USER]},
    {"messages": [{"role": "developer", "content": [TEXT_PART]}, USER]},
    {"messages": [{"role": "robot", "content": "Hello"}]},
    {"messages": [{"role": "user", "content": "Hello", "mood": "good"}]},
    {"messages": [{"role": "user", "content": "Hello", "name": "ann", "cache_control": None}]},
    {"messages": [{"role": "user"}]},
    {"messages": of_user(TEXT_PART)},
    {"messages": of_user(TEXT_PART, {"type": "image_url", "image_url": {"url": PNG}})},
    {"messages": of_user({"type": "image_url", "image_url": {"url": PNG, "detail": "high"}})},
    {"messages": of_user({"type": "image_url", "image_url": {"url": "file:///etc/passwd"}})},
    {
        "messages": of_user(
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}
        )
    },
    {
        "messages": of_user(
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "ogg"}}
        )
    },
    {"messages": of_user({"type": "file", "file": {"file_data": PDF, "filename": "a.pdf"}})},
    {"messages": of_user({"type": "file", "file": {"file_id": "file-1"}})},
    {"messages": of_user(TEXT_PART | {"prompt_cache_breakpoint": {"mode": "explicit"}})},
    {"messages": of_user(TEXT_PART | {"cache_control": {"type": "ephemeral"}})},
    {
        "messages": [
            {"role": "system", "content": [{"type": "image_url", "image_url": {"url": PNG}}]}
        ]
    },
    messages_after({"content": "Hello"}),
    messages_after({"content": [{"type": "refusal", "refusal": "No."}]}),
    messages_after({"content": None, "tool_calls": [CALL]}, ANSWERED),
    messages_after(
        {"content": "Hi", "refusal": None, "annotations": [], "parsed": {}, "audio": None}
    ),
    messages_after({}),
    messages_after({"content": "Hi", "function_call": {"name": "f", "arguments": "{}"}}),
    messages_after({"content": "Hi"}, {"role": "function", "name": "f", "content": "1"}),
    messages_after({"content": "Hi", "audio": {"id": "audio_1"}}),
    messages_after(
        {"tool_calls": [{"id": "call_1", "type": "custom", "custom": {"name": "s", "input": ""}}]},
        ANSWERED,
    ),
]
WITH_REASONING = [
    setting | {"reasoning_effort": effort}
    for setting in CHAT_SETTINGS
    if set(setting) & {"temperature", "top_p", "logprobs", "tools", "functions"}
    for effort in ("none", "high")
]
