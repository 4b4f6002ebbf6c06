"""The Anthropic adapter against the simulator: answers, tool loops, thinking, conversations."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from anthropic import AsyncAnthropic

from tests.integration.providers.claude import (
    HAIKU,
    KEY,
    MODELS,
    OPUS,
    VENDOR,
    anthropic_upstream,
    complete,
    stream,
)
from tests.integration.providers.conftest import Streamed, Upstream, finish_of, text_of
from tests.unit.server.providers.chats import function_tool, parts_of, said
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.providers.anthropic.provider import create
from tokensmith_server.providers.base import ProviderSettings
from tokensmith_server.providers.http import create_session

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABpfZFQAAAAABJRU5ErkJggg"
    "=="
)


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with anthropic_upstream() as upstream:
        yield upstream


def reasoning_of(streamed: Streamed) -> str:
    return "".join(d.reasoning_content for b in streamed.batches for d in b.deltas)


@pytest.mark.parametrize("effort", ["none", "minimal", "high", "xhigh"])
@pytest.mark.parametrize("model_id", MODELS)
async def test_every_model_answers_alike_whole_and_streamed(
    upstream: Upstream, model_id: str, effort: str
) -> None:
    fields: dict[str, Any] = {"model_id": model_id, "reasoning_effort": effort, "cap": 3_000}
    whole = await complete(upstream, **fields)
    streamed = await stream(upstream, **fields)
    message = whole.completion.choices[0].message
    assert text_of(whole)
    assert streamed.text == text_of(whole)
    assert reasoning_of(streamed) == message.reasoning_content
    assert bool(message.reasoning_content) == (effort != "none")
    assert streamed.usage == whole.usage
    assert bool(whole.usage.reasoning_tokens) == (effort != "none")
    assert streamed.finish_reason == finish_of(whole) == chat_pb.FINISH_REASON_STOP


async def test_usage_is_what_the_vendor_bills(upstream: Upstream) -> None:
    result = await complete(upstream, "[[sim:cached=5 cache_write=3 words=30]] Say much.")
    [entry] = await upstream.simulator.wait_done(1)
    assert entry.billed_usage == {
        "prompt_tokens": result.usage.input_tokens,
        "output_tokens": result.usage.output_tokens,
    }
    assert (result.usage.cached_input_tokens, result.usage.cache_write_tokens) == (5, 3)
    assert result.facts.upstream_request_id == entry.request_id


async def test_returned_model_is_a_fact(upstream: Upstream) -> None:
    call = upstream.call(VENDOR, model_id=HAIKU)
    opened = await upstream.providers[VENDOR].stream_chat(call)
    assert opened.facts.returned_model == "claude-haiku-4-5-20251001"
    await opened.aclose()


TOOLS = [
    function_tool(
        name,
        description="finds",
        parameters_json=(
            '{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}'
        ),
    )
    for name in ("look_up", "ask")
]


def echo_of(message: chat_pb.ChatAnswer) -> chat_pb.ChatMessage:
    """What a client sends back that knows OpenAI's fields only."""
    echo = chat_pb.ChatMessage(role=chat_pb.CHAT_ROLE_ASSISTANT, tool_calls=message.tool_calls)
    if message.content:
        echo.content.text = message.content
    return echo


def results_of(message: chat_pb.ChatAnswer) -> list[chat_pb.ChatMessage]:
    results = []
    for call in message.tool_calls:
        result = said("sunny", chat_pb.CHAT_ROLE_TOOL)
        result.tool_call_id = call.id
        results.append(result)
    return results


def answer_of(streamed: Streamed) -> chat_pb.ChatAnswer:
    answer = chat_pb.ChatAnswer(content=streamed.text)
    for part in (p for b in streamed.batches for d in b.deltas for p in d.tool_calls):
        if part.id:
            answer.tool_calls.add(id=part.id, kind=part.kind, name=part.name)
        answer.tool_calls[part.index].arguments += part.arguments
    return answer


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("effort", ["none", "high"])
@pytest.mark.parametrize("model_id", MODELS)
async def test_tool_loop_brings_thinking_back(
    upstream: Upstream, model_id: str, effort: str, *, streamed: bool
) -> None:
    fields: dict[str, Any] = {
        "model_id": model_id,
        "reasoning_effort": effort,
        "tools": TOOLS,
        "cap": 3_000,
    }
    if streamed:
        read = await stream(upstream, "Use the tools: weather?", **fields)
        message, usage = answer_of(read), read.usage
    else:
        result = await complete(upstream, "Use the tools: weather?", **fields)
        assert finish_of(result) == chat_pb.FINISH_REASON_TOOL_CALLS
        message, usage = result.completion.choices[0].message, result.usage
    assert usage is not None
    assert message.tool_calls
    assert all(msgspec.json.decode(call.arguments) for call in message.tool_calls)
    messages = [said("Use the tools: weather?"), echo_of(message), *results_of(message)]
    call = upstream.call(VENDOR, messages=messages, **fields)
    told = upstream.providers[VENDOR].recalled_input(call.params, call.model, call.route, "")
    assert told.token_count == told.turn_token_count == (usage.reasoning_tokens or 0)
    assert (told.byte_count > 0) == (effort == "high")
    assert text_of(await complete(upstream, messages=messages, **fields))
    sent = upstream.sent_body()
    kinds = [block["type"] for block in sent["messages"][1]["content"]]
    assert (kinds[0] == "thinking") == (effort == "high")
    assert ("thinking" in sent) == (effort == "high")
    assert {block["type"] for block in sent["messages"][2]["content"]} == {"tool_result"}


@pytest.mark.parametrize("model_id", MODELS)
async def test_forgotten_thinking_is_no_failure(upstream: Upstream, model_id: str) -> None:
    fields: dict[str, Any] = {
        "model_id": model_id,
        "reasoning_effort": "high",
        "tools": TOOLS,
        "cap": 3_000,
    }
    message = (await complete(upstream, "Use tools.", **fields)).completion.choices[0].message
    async with create_session() as session:
        # Another process, or the same one after a restart.
        settings = ProviderSettings(KEY, upstream.simulator.anthropic_base_url)
        upstream.providers = {VENDOR: create(settings, session)}
        messages = [said("Use tools."), echo_of(message), *results_of(message)]
        assert text_of(await complete(upstream, messages=messages, **fields))
    assert ("thinking" in upstream.sent_body()) == (model_id != HAIKU)


@pytest.mark.parametrize("model_id", MODELS)
async def test_thinking_that_the_client_brings_needs_no_memory(
    upstream: Upstream, model_id: str
) -> None:
    fields: dict[str, Any] = {
        "model_id": model_id,
        "reasoning_effort": "high",
        "tools": TOOLS,
        "cap": 3_000,
    }
    message = (await complete(upstream, "Use tools.", **fields)).completion.choices[0].message
    assert message.signed_thinking
    echo = echo_of(message)
    echo.signed_thinking.extend(message.signed_thinking)
    messages = [said("Use tools."), echo, *results_of(message)]
    async with create_session() as session:
        # Another process, or the same one after a restart.
        settings = ProviderSettings(KEY, upstream.simulator.anthropic_base_url)
        upstream.providers = {VENDOR: create(settings, session)}
        assert text_of(await complete(upstream, messages=messages, **fields))
        sent = upstream.sent_body()
        assert "thinking" in sent
        assert sent["messages"][1]["content"][0]["type"] == "thinking"
        # To another model it means nothing, and it is no failure either.
        other = next(model for model in MODELS if model != model_id)
        assert text_of(await complete(upstream, messages=messages, **fields | {"model_id": other}))


async def test_redacted_thinking_comes_back(upstream: Upstream) -> None:
    trigger = "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING_46C9A13E193C177646C7398A98432ECC"
    prompt = f"Use tools. {trigger}"
    fields: dict[str, Any] = {"reasoning_effort": "low", "tools": TOOLS, "cap": 3_000}
    message = (await complete(upstream, prompt, **fields)).completion.choices[0].message
    messages = [said(prompt), echo_of(message), *results_of(message)]
    await complete(upstream, messages=messages, **fields)
    assert upstream.sent_body()["messages"][1]["content"][0]["type"] == "redacted_thinking"


async def test_one_call_a_turn_if_parallel_calls_are_off(upstream: Upstream) -> None:
    choice = chat_pb.ChatToolChoice(mode="required")
    result = await complete(
        upstream, "Weather?", tools=TOOLS, tool_choice=choice, parallel_tool_calls=False
    )
    assert len(result.completion.choices[0].message.tool_calls) == 1


@pytest.mark.parametrize("model_id", MODELS)
async def test_schema_stop_and_sampling_are_understood(upstream: Upstream, model_id: str) -> None:
    schema = chat_pb.ChatJsonSchemaFormat(
        name="s",
        schema_json='{"type":"object","properties":{"a":{"type":"integer","minimum":1}}}',
    )
    sampling = {} if model_id == OPUS else {"top_p": 0.9}
    result = await complete(
        upstream,
        model_id=model_id,
        response_format=chat_pb.ChatResponseFormat(json_schema=schema),
        temperature=1.0,
        stop_sequences=["END"],
        user="u",
        prompt_cache_key="k",
        service_tier="default",
        store=False,
        messages=[said("Be brief.", chat_pb.CHAT_ROLE_DEVELOPER), said("Numbers, please.")],
        **sampling,
    )
    assert isinstance(msgspec.json.decode(text_of(result)), dict)


async def test_strict_tools_images_and_documents_are_understood(upstream: Upstream) -> None:
    pdf = "JVBERi0xLjQKJSVFT0YK"
    content = parts_of(
        chat_pb.ChatContentPart(text="What is this?"),
        chat_pb.ChatContentPart(image=chat_pb.ChatImage(url=f"data:image/png;base64,{PNG}")),
        chat_pb.ChatContentPart(image=chat_pb.ChatImage(url="https://example.org/a.png")),
        chat_pb.ChatContentPart(file=chat_pb.ChatFile(file_data=pdf, filename="a.pdf")),
        chat_pb.ChatContentPart(file=chat_pb.ChatFile(file_data="data:text/plain;base64,aGVsbG8=")),
    )
    strict = function_tool(parameters_json=TOOLS[0].function.parameters_json, strict=True)
    message = chat_pb.ChatMessage(role=chat_pb.CHAT_ROLE_USER, content=content)
    none = chat_pb.ChatToolChoice(mode="none")
    assert text_of(await complete(upstream, messages=[message], tools=[strict], tool_choice=none))


async def test_awkward_conversations_are_taken(upstream: Upstream) -> None:
    assistant, tool = chat_pb.CHAT_ROLE_ASSISTANT, chat_pb.CHAT_ROLE_TOOL
    asked = chat_pb.ChatMessage(role=assistant)
    for call_id in ("call:1", "call/1"):
        asked.tool_calls.add(id=call_id, kind=chat_pb.CHAT_TOOL_KIND_FUNCTION, name="f")
    late, early = said("", tool), said("b", tool)
    late.tool_call_id, early.tool_call_id = "call:1", "call/1"
    messages = [
        said("Welcome!", assistant),
        said("", chat_pb.CHAT_ROLE_USER),
        said("a", assistant),
        said(" ", assistant),
        said("be brief", chat_pb.CHAT_ROLE_SYSTEM),
        said("hi"),
        said("there"),
        asked,
        early,
        said("patience"),
        late,
        asked,
        early,
        late,
    ]
    for model_id in MODELS:
        assert text_of(await complete(upstream, messages=messages, model_id=model_id))
    last = [said("Count."), said("One, two \n", assistant)]
    assert text_of(await complete(upstream, messages=last, model_id=HAIKU))
    assert text_of(await complete(upstream, messages=[said("x", chat_pb.CHAT_ROLE_SYSTEM)]))


async def test_our_reading_is_the_sdks(upstream: Upstream) -> None:
    base_url = upstream.simulator.anthropic_base_url
    ours = await complete(upstream, "Say hello.", reasoning_effort="high", cap=3_000)
    sent = upstream.sent_body()
    async with AsyncAnthropic(
        api_key=KEY, base_url=base_url, default_headers={"anthropic-version": "2023-06-01"}
    ) as client:
        theirs = await client.messages.create(**sent)
    message = ours.completion.choices[0].message
    texts = {block.type: getattr(block, block.type) for block in theirs.content}
    assert texts == {"thinking": message.reasoning_content, "text": message.content}
    assert theirs.usage.output_tokens == ours.usage.output_tokens


async def test_cap_cuts_and_says_so(upstream: Upstream) -> None:
    streamed = await stream(upstream, "[[sim:words=500]] Talk.", cap=90)
    assert streamed.finish_reason == chat_pb.FINISH_REASON_LENGTH
