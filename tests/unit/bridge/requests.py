"""Hypothesis strategies for every chat request that OpenAI documents."""

import base64
from typing import Any

from hypothesis import strategies as st

Strategy = st.SearchStrategy[Any]

text = st.text(st.characters(codec="utf-8"), max_size=20)
name = st.from_regex(r"\A[A-Za-z0-9_-]{1,64}\Z")
json_values: Strategy = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
json_objects = st.dictionaries(text, json_values, max_size=4)


def objects(required: dict[str, Strategy], **optional: Strategy) -> Strategy:
    return st.fixed_dictionaries(required, optional=optional)


def tagged(kind: str, **more: Strategy) -> Strategy:
    return st.fixed_dictionaries({"type": st.just(kind), **more})


breakpoints = objects({"mode": st.just("explicit")}, ttl=st.sampled_from(["30m", "12h"]))


def part(kind: str, **content: Strategy) -> Strategy:
    return objects({"type": st.just(kind), **content}, prompt_cache_breakpoint=breakpoints)


text_parts = part("text", text=text)
image_parts = part(
    "image_url",
    image_url=objects({"url": text}, detail=st.sampled_from(["auto", "low", "high", "original"])),
)
audio_parts = part(
    "input_audio",
    input_audio=objects(
        {
            "data": st.binary(max_size=20).map(lambda data: base64.b64encode(data).decode()),
            "format": st.sampled_from(["wav", "mp3"]),
        }
    ),
)
file_parts = part(
    "file", file=objects({"file_id": text}, filename=text) | objects({"file_data": text})
)


def content(*parts: Strategy) -> Strategy:
    return text | st.lists(st.one_of(*parts), min_size=1, max_size=3)


tool_calls = tagged(
    "function", id=text, function=objects({"name": text, "arguments": text})
) | tagged("custom", id=text, custom=objects({"name": text, "input": text}))

messages = st.one_of(
    objects({"role": st.just("developer"), "content": content(text_parts)}, name=text),
    objects({"role": st.just("system"), "content": content(text_parts)}, name=text),
    objects(
        {
            "role": st.just("user"),
            "content": content(text_parts, image_parts, audio_parts, file_parts),
        },
        name=text,
    ),
    objects(
        {
            "role": st.just("assistant"),
            "content": content(text_parts, tagged("refusal", refusal=text)),
        },
        name=text,
        refusal=text,
        reasoning_content=text,
        tool_calls=st.lists(tool_calls, min_size=1, max_size=2),
        function_call=objects({"name": text, "arguments": text}),
        audio=objects({"id": text.filter(bool)}),
    ),
    objects(
        {
            "role": st.just("assistant"),
            "tool_calls": st.lists(tool_calls, min_size=1, max_size=2),
        }
    ),
    objects({"role": st.just("tool"), "content": content(text_parts), "tool_call_id": text}),
    objects({"role": st.just("function"), "content": st.none() | text, "name": text}),
)

functions = objects({"name": name}, description=text, parameters=json_objects)
tools = tagged(
    "function",
    function=objects(
        {"name": name}, description=text, parameters=json_objects, strict=st.booleans()
    ),
) | tagged(
    "custom",
    custom=objects(
        {"name": text},
        description=text,
        format=tagged(
            "grammar",
            grammar=objects({"definition": text, "syntax": st.sampled_from(["lark", "regex"])}),
        ),
    ),
)
references = tagged("function", function=objects({"name": text})) | tagged(
    "custom", custom=objects({"name": text})
)
tool_choices = (
    st.sampled_from(["none", "auto", "required"])
    | references
    | tagged(
        "allowed_tools",
        allowed_tools=objects(
            {
                "mode": st.sampled_from(["auto", "required"]),
                "tools": st.lists(references, max_size=2),
            }
        ),
    )
)
response_formats = (
    tagged("text")
    | tagged("json_object")
    | tagged(
        "json_schema",
        json_schema=objects(
            {"name": name}, description=text, schema=json_objects, strict=st.booleans()
        ),
    )
)
audio = objects(
    {
        "format": st.sampled_from(["wav", "aac", "mp3", "flac", "opus", "pcm16"]),
        "voice": text | objects({"id": text}),
    }
)
locations = tagged(
    "approximate",
    approximate=objects({}, city=text, country=text, region=text, timezone=text),
)
sides = objects({"mode": st.sampled_from(["score", "block"])})
policies = objects({}, input=sides, output=sides).filter(bool)
levels = st.sampled_from(["low", "medium", "high"])


def floats(least: float, most: float) -> Strategy:
    return st.floats(least, most, allow_nan=False)


chat_requests = objects(
    {
        "model": st.text(st.characters(codec="utf-8"), min_size=1, max_size=20),
        "messages": st.lists(messages, min_size=1, max_size=4),
    },
    max_completion_tokens=st.integers(1, 2**31 - 1),
    temperature=floats(0, 2),
    top_p=floats(0, 1),
    frequency_penalty=floats(-2, 2),
    presence_penalty=floats(-2, 2),
    logit_bias=st.dictionaries(
        st.integers(0, 300_000).map(str), st.integers(-100, 100), min_size=1, max_size=3
    ),
    logprobs=st.just(True),
    n=st.integers(1, 128),
    seed=st.integers(-(2**63), 2**63 - 1),
    stop=st.lists(text, min_size=1, max_size=4),
    tools=st.lists(tools, min_size=1, max_size=3),
    tool_choice=tool_choices,
    parallel_tool_calls=st.booleans(),
    functions=st.lists(functions, min_size=1, max_size=2),
    function_call=st.sampled_from(["none", "auto"]) | objects({"name": text}),
    response_format=response_formats,
    reasoning_effort=st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh", "max"]),
    verbosity=levels,
    modalities=st.lists(st.just("text"), min_size=1, max_size=2),
    audio=audio,
    prediction=tagged("content", content=text | st.lists(tagged("text", text=text), min_size=1)),
    service_tier=st.sampled_from(["auto", "default", "flex", "scale", "priority", "fast"]),
    store=st.booleans(),
    metadata=st.dictionaries(text, text, min_size=1, max_size=4),
    safety_identifier=text,
    prompt_cache_key=text,
    prompt_cache_options=objects(
        {}, mode=st.sampled_from(["implicit", "explicit"]), ttl=st.just("30m")
    ),
    prompt_cache_retention=st.sampled_from(["in_memory", "24h"]),
    user=text,
    web_search_options=objects({}, search_context_size=levels, user_location=locations),
    moderation=objects({"model": text}, policy=policies),
)
