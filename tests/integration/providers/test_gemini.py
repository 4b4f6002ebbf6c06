"""The Gemini adapter against the simulator: answers, settings, tool loops, media."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from tests.integration.providers.conftest import Streamed, Upstream, finish_of, text_of
from tests.integration.providers.gemini import (
    FLASH,
    MODELS,
    PNG,
    PRO,
    complete,
    gemini_upstream,
    stream,
)
from tests.unit.server.providers.chats import function_tool, parts_of, said
from tests.unit.server.providers.test_media_types import PDF, encoded
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.providers.base import (
    Phase,
    ProviderError,
)
from tokensmith_server.providers.gemini.provider import NAME
from tokensmith_server.providers.tool_call_ids import plain_id, signature_of

Part = chat_pb.ChatContentPart


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with gemini_upstream() as upstream:
        yield upstream


def reasoning_of(streamed: Streamed) -> str:
    return "".join(d.reasoning_content for b in streamed.batches for d in b.deltas)


@pytest.mark.parametrize("effort", [None, "none", "minimal", "low", "high", "xhigh"])
@pytest.mark.parametrize("model_id", MODELS)
async def test_every_model_answers_alike_whole_and_streamed(
    upstream: Upstream, model_id: str, effort: str | None
) -> None:
    fields: dict[str, Any] = {"model_id": model_id, "cap": 2_000}
    if effort is not None:
        fields["reasoning_effort"] = effort
    whole = await complete(upstream, **fields)
    streamed = await stream(upstream, **fields)
    message = whole.completion.choices[0].message
    assert text_of(whole)
    assert streamed.text == text_of(whole)
    assert reasoning_of(streamed) == message.reasoning_content
    assert streamed.usage == whole.usage
    assert whole.usage is not None
    least = model_id == FLASH and effort in ("none", "minimal")
    assert bool(whole.usage.reasoning_tokens) is not least
    assert bool(message.reasoning_content) is not least
    assert streamed.finish_reason == finish_of(whole) == chat_pb.FINISH_REASON_STOP


async def test_usage_is_what_the_vendor_bills(upstream: Upstream) -> None:
    result = await complete(upstream, "[[sim:cached=5 words=30]] Say much.", cap=2_000)
    [entry] = await upstream.simulator.wait_done(1)
    assert result.usage is not None
    assert entry.billed_usage == {
        "prompt_tokens": result.usage.input_tokens,
        "output_tokens": result.usage.output_tokens,
    }
    assert result.usage.cached_input_tokens == 5
    assert result.facts.upstream_request_id


async def test_returned_model_and_id_are_facts(upstream: Upstream) -> None:
    call = upstream.call(NAME, model_id=PRO, cap=2_000)
    opened = await upstream.providers[NAME].stream_chat(call)
    assert opened.facts.returned_model == "gemini-3.1-pro-preview"
    assert opened.facts.upstream_request_id
    await opened.aclose()


async def test_upstream_gets_the_cap_and_the_level(upstream: Upstream) -> None:
    await complete(upstream, model_id=PRO, cap=1_234, reasoning_effort="minimal")
    config = upstream.sent_body()["generationConfig"]
    assert config["maxOutputTokens"] == 1_234
    assert config["thinkingConfig"] == {"includeThoughts": True, "thinkingLevel": "low"}


def tool(name: str) -> chat_pb.ChatTool:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "city": {"type": "string", "minLength": 1},
            "unit": {"allOf": [{"$ref": "#/definitions/Unit"}], "description": "which"},
        },
        "required": ["city"],
        "additionalProperties": False,
        "definitions": {"Unit": {"type": "string", "enum": ["c", "f"]}},
    }
    text = msgspec.json.encode(schema).decode()
    return function_tool(name, description="finds", parameters_json=text)


TOOLS = [tool("look_up"), tool("ask")]
REQUIRED = chat_pb.ChatToolChoice(mode="required")


def answer_of(streamed: Streamed) -> chat_pb.ChatAnswer:
    made = chat_pb.ChatAnswer()
    for part in (p for b in streamed.batches for d in b.deltas for p in d.tool_calls):
        made.tool_calls.add(id=part.id, kind=part.kind, name=part.name, arguments=part.arguments)
    return made


def echo_of(message: chat_pb.ChatAnswer) -> list[chat_pb.ChatMessage]:
    """What a client sends back that knows OpenAI's fields alone, and the tools' results."""
    messages = [
        chat_pb.ChatMessage(role=chat_pb.CHAT_ROLE_ASSISTANT, tool_calls=message.tool_calls)
    ]
    for call in reversed(message.tool_calls):
        result = said("sunny", chat_pb.CHAT_ROLE_TOOL)
        result.tool_call_id = call.id
        messages.append(result)
    return messages


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("model_id", MODELS)
async def test_a_tool_loop_brings_the_signatures_back(
    upstream: Upstream, model_id: str, streamed: bool
) -> None:
    fields: dict[str, Any] = {"model_id": model_id, "tools": TOOLS, "cap": 2_000}
    messages = [said("Weather?")]
    for _ in range(3):
        asked = {**fields, "messages": messages, "tool_choice": REQUIRED}
        if streamed:
            message = answer_of(await stream(upstream, **asked))
        else:
            result = await complete(upstream, **asked)
            assert finish_of(result) == chat_pb.FINISH_REASON_TOOL_CALLS
            message = result.completion.choices[0].message
            assert not message.HasField("content")
        assert signature_of(message.tool_calls[0].id)
        messages += echo_of(message)
    assert text_of(await complete(upstream, **fields, messages=messages))
    sent = upstream.sent_body()["contents"]
    assert [one["role"] for one in sent] == ["user", *["model", "user"] * 3]
    for turn in sent[1::2]:
        assert turn["parts"][0]["thoughtSignature"] != "skip_thought_signature_validator"


async def test_a_tool_loop_survives_a_client_that_cuts_or_renames_ids(upstream: Upstream) -> None:
    result = await complete(upstream, "Weather?", tools=TOOLS, tool_choice=REQUIRED, cap=2_000)
    message = result.completion.choices[0].message
    for new_id in (message.tool_calls[0].id[:40], "call_1"):
        message.tool_calls[0].id = new_id
        messages = [said("Weather?"), *echo_of(message)]
        assert text_of(await complete(upstream, messages=messages, tools=TOOLS, cap=2_000))
        [part] = upstream.sent_body()["contents"][1]["parts"]
        assert part["thoughtSignature"] == "skip_thought_signature_validator"
        assert part["functionCall"]["id"] == plain_id(new_id)


async def test_a_history_of_another_model_goes_on_here(upstream: Upstream) -> None:
    calls = [
        chat_pb.ChatToolCall(id=f"toolu_{name}", name=name, arguments='{"city":"Rome"}')
        for name in ("look_up", "ask")
    ]
    messages = [said("Weather?"), *echo_of(chat_pb.ChatAnswer(tool_calls=calls)), said("So?")]
    assert text_of(await complete(upstream, messages=messages, tools=TOOLS, cap=2_000))


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        (chat_pb.ChatToolChoice(function_name="ask"), "ask"),
        (
            chat_pb.ChatToolChoice(
                allowed_tools=chat_pb.ChatAllowedTools(
                    mode="required", tools=[chat_pb.ChatToolReference(name="ask")]
                )
            ),
            "ask",
        ),
        (chat_pb.ChatToolChoice(mode="none"), None),
    ],
)
async def test_a_forced_call_is_the_one_and_a_forbidden_one_is_none(
    upstream: Upstream, choice: chat_pb.ChatToolChoice, called: str | None
) -> None:
    fields: dict[str, Any] = {"tools": TOOLS, "tool_choice": choice, "cap": 2_000}
    message = (await complete(upstream, "Weather?", **fields)).completion.choices[0].message
    assert {call.name for call in message.tool_calls} == ({called} if called else set())


async def test_a_schema_is_followed(upstream: Upstream) -> None:
    schema = chat_pb.ChatJsonSchemaFormat(
        name="s",
        schema_json=(
            '{"type":"object","properties":{"a":{"type":"integer","exclusiveMinimum":3},'
            '"b":{"const":"x"}},"required":["a","b"],"additionalProperties":false}'
        ),
        strict=True,
    )
    wanted = chat_pb.ChatResponseFormat(json_schema=schema)
    made = msgspec.json.decode(text_of(await complete(upstream, response_format=wanted, cap=2_000)))
    assert made.keys() == {"a", "b"}
    assert made["b"] == "x"


async def test_every_setting_is_understood(upstream: Upstream) -> None:
    result = await complete(
        upstream,
        temperature=0.5,
        top_p=0.9,
        seed=7,
        stop_sequences=["\n\n\n"],
        user="u",
        metadata={"a": "b"},
        store=False,
        reasoning_effort="low",
        cap=2_000,
    )
    assert text_of(result)


@pytest.mark.parametrize(
    ("param", "fields"),
    [
        ("n", {"choice_count": 2}),
        ("frequency_penalty", {"frequency_penalty": 0.5}),
        ("logprobs", {"logprobs": True}),
        ("logit_bias", {"logit_bias": {"1": 1}}),
        ("parallel_tool_calls", {"parallel_tool_calls": False}),
        ("reasoning_effort", {"reasoning_effort": "max"}),
    ],
)
async def test_what_gemini_3_refuses_never_leaves(
    upstream: Upstream, param: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(ProviderError) as caught:
        await complete(upstream, **fields)
    assert (caught.value.param, caught.value.phase) == (param, Phase.CONNECT)
    assert upstream.simulator.journal.entries() == []


async def test_media_in_the_request_and_every_role(upstream: Upstream) -> None:
    named = said("And I am ann.")
    named.name = "ann"
    messages = [
        said("Be brief.", chat_pb.CHAT_ROLE_SYSTEM),
        chat_pb.ChatMessage(
            role=chat_pb.CHAT_ROLE_USER,
            content=parts_of(
                Part(text="See."),
                Part(image=chat_pb.ChatImage(url=f"data:image/jpeg;base64,{PNG}")),
                Part(file=chat_pb.ChatFile(file_data=encoded(PDF))),
                Part(input_audio=chat_pb.ChatInputAudio(data=b"RIFF0000WAVE", format="wav")),
            ),
        ),
        said("I see.", chat_pb.CHAT_ROLE_ASSISTANT),
        said("Be kind.", chat_pb.CHAT_ROLE_DEVELOPER),
        named,
    ]
    result = await complete(upstream, messages=messages, cap=2_000)
    assert text_of(result)
    assert result.usage is not None
    assert result.usage.input_image_tokens
    system = upstream.sent_body()["systemInstruction"]["parts"]
    assert [part["text"] for part in system] == ["Be brief.", "Be kind."]
