"""Whatever a body holds, a vendor answers it or refuses it; the simulator itself never breaks."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulator.wire import PNG, WEATHER
from tokensmith_simulator.answering.answer import plan_answer
from tokensmith_simulator.anthropic.call import read_messages_call
from tokensmith_simulator.anthropic.render import render_message
from tokensmith_simulator.anthropic.vendor import Anthropic
from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.faults import Pace
from tokensmith_simulator.gemini.call import read_gemini_call
from tokensmith_simulator.gemini.render import render_response
from tokensmith_simulator.gemini.vendor import Gemini
from tokensmith_simulator.openai import OpenAI
from tokensmith_simulator.openai_chat.service import ChatVendor
from tokensmith_simulator.signatures import sign
from tokensmith_simulator.together import Together
from tokensmith_simulator.xai import XAI

_CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
_BODY: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "Be brief"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Weather in Oslo? Use JSON."},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            ],
        },
        {"role": "assistant", "content": None, "tool_calls": [_CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": '{"a": 1}'},
        {"role": "user", "content": "And in two sentences?"},
    ],
    "tools": [WEATHER],
    "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
    "response_format": {
        "type": "json_schema",
        "json_schema": {
            "name": "answer",
            "schema": {
                "type": "object",
                "properties": {"a": {"type": "array", "items": {"$ref": "#/$defs/b"}}},
                "$defs": {"b": {"anyOf": [{"type": "integer", "minimum": 3}, {"type": "null"}]}},
            },
        },
    },
    "stream": True,
    "stream_options": {"include_usage": True},
    "temperature": 1,
    "n": 2,
    "seed": 7,
}
_TEXT = st.text(max_size=6)
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(-9, 9)
    | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=5,
)
_VENDORS: list[tuple[ChatVendor, str]] = [
    (OpenAI(), "gpt-5.4-mini"),
    (XAI(), "grok-4.20-0309-non-reasoning"),
    (Together(), "google/gemma-4-31B-it"),
]


def _paths(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    steps = list(node) if isinstance(node, dict) else []
    if isinstance(node, list):
        steps = list(range(len(node)))
    return [path, *(found for step in steps for found in _paths(node[step], (*path, step)))]


def _replaced(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    node = copied = copy.deepcopy(body)
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return copied


def _outcome(vendor: ChatVendor, body: Any) -> str:
    try:
        call = vendor.read_call(msgspec.json.decode(msgspec.json.encode(body)))
        reply = vendor.render(call, plan_answer(call), Pace(), "req")
    except RefusalError as error:
        msgspec.json.decode(vendor.error_body(error, "req"))
        return "refused"
    assert reply.frames
    return "answered"


@pytest.mark.parametrize(("vendor", "model"), _VENDORS, ids=["openai", "xai", "together"])
def test_body_as_it_stands_is_answered(vendor: ChatVendor, model: str) -> None:
    assert _outcome(vendor, {"model": model, **_BODY}) == "answered"


@settings(max_examples=300)
@given(st.sampled_from(_VENDORS), st.sampled_from(_paths(_BODY)[1:]), _JSON)
def test_body_with_anything_anywhere_is_answered_or_refused(
    target: tuple[ChatVendor, str], path: tuple[Any, ...], value: Any
) -> None:
    vendor, model = target
    assert _outcome(vendor, _replaced({"model": model, **_BODY}, path, value))


_SIGNED = sign("claude-sonnet-4-6/thinking", "Hm", "salt")
_ANTHROPIC: dict[str, Any] = {
    "model": "claude-sonnet-4-6",
    "max_tokens": 3000,
    "system": [{"type": "text", "text": "Be brief", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Weather in Oslo? Use JSON."},
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": PNG},
                },
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "x"},
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm", "signature": _SIGNED},
                {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": '{"a": 1}'},
                {"type": "text", "text": "And in two sentences?"},
            ],
        },
    ],
    "tools": [{"name": "f", "input_schema": WEATHER["function"]["parameters"]}],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "thinking": {"type": "adaptive", "display": "summarized"},
    "output_config": {
        "effort": "low",
        "format": {
            "type": "json_schema",
            "schema": {
                "type": "object",
                "properties": {"a": {"type": "array", "items": {"$ref": "#/$defs/b"}}},
                "required": ["a"],
                "additionalProperties": False,
                "$defs": {"b": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
            },
        },
    },
    "stop_sequences": ["zebra"],
    "metadata": {"user_id": "u"},
    "stream": True,
}
_GEMINI: dict[str, Any] = {
    "systemInstruction": {"parts": [{"text": "Be brief"}]},
    "contents": [
        {
            "role": "user",
            "parts": [
                {"text": "Weather in Oslo?"},
                {"inlineData": {"mimeType": "image/png", "data": PNG}},
            ],
        },
        {
            "role": "model",
            "parts": [
                {
                    "functionCall": {"id": "1", "name": "f", "args": {"a": 1}},
                    "thoughtSignature": "skip_thought_signature_validator",
                }
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "1", "name": "f", "response": {"output": "rain"}}}
            ],
        },
    ],
    "tools": [
        {
            "functionDeclarations": [
                {"name": "f", "parametersJsonSchema": WEATHER["function"]["parameters"]},
                {
                    "name": "g",
                    "parameters": {
                        "type": "OBJECT",
                        "properties": {"a": {"type": "STRING", "enum": ["x"]}},
                        "required": ["a"],
                    },
                },
            ]
        }
    ],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["g"]}},
    "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}],
    "generationConfig": {
        "maxOutputTokens": 900,
        "temperature": 1,
        "stopSequences": ["zebra"],
        "responseMimeType": "application/json",
        "responseJsonSchema": {
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/b"}},
            "$defs": {"b": {"anyOf": [{"type": "integer", "minimum": 3}, {"type": "null"}]}},
        },
        "thinkingConfig": {"includeThoughts": True, "thinkingLevel": "low"},
    },
}


def _anthropic_outcome(body: Any) -> str:
    try:
        call = read_messages_call(msgspec.json.decode(msgspec.json.encode(body)), "2023-06-01")
        reply = render_message(call, plan_answer(call), Pace(), {})
    except RefusalError as error:
        msgspec.json.decode(Anthropic().error_body(error, "req"))
        return "refused"
    assert reply.frames
    return "answered"


def _gemini_outcome(body: Any) -> str:
    read = msgspec.json.decode(msgspec.json.encode(body))
    try:
        call = read_gemini_call(read, "gemini-3-flash-preview", stream=True, sse=True)
        reply = render_response(call, plan_answer(call), Pace(), {})
    except RefusalError as error:
        msgspec.json.decode(Gemini().error_body(error, "req"))
        return "refused"
    assert reply.frames
    return "answered"


def test_bodies_of_own_dialects_are_answered() -> None:
    assert _anthropic_outcome(_ANTHROPIC) == "answered"
    assert _gemini_outcome(_GEMINI) == "answered"


@settings(max_examples=300)
@given(st.sampled_from(_paths(_ANTHROPIC)[1:]), _JSON)
def test_message_with_anything_anywhere(path: tuple[Any, ...], value: Any) -> None:
    assert _anthropic_outcome(_replaced(_ANTHROPIC, path, value))


@settings(max_examples=300)
@given(st.sampled_from(_paths(_GEMINI)[1:]), _JSON)
def test_content_with_anything_anywhere(path: tuple[Any, ...], value: Any) -> None:
    assert _gemini_outcome(_replaced(_GEMINI, path, value))


@given(_JSON)
def test_body_that_is_anything(value: Any) -> None:
    assert _anthropic_outcome(value) == "refused"
    assert _gemini_outcome(value) == "refused"
