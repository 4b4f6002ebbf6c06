"""What agents ask for beyond a chat, through the official clients, with every provider's models."""

from typing import Any

import anthropic
import openai
import pytest

from tests.e2e.test_anthropic_sdk import MODELS as CALLERS
from tests.e2e.test_anthropic_sdk import WEATHER as TOOL
from tests.e2e.test_openai_sdk import png_data_url
from tests.e2e.test_responses import CALLING_MODELS, WEATHER
from tests.support.response_shapes import check_response

CITIES: Any = "What is the weather in Bern and Rome?"
# Gpt-oss and GLM take no images.
SEEING_MODELS = tuple(model for model in CALLING_MODELS if "/" not in model)
REASONING_MODELS = ("gpt-5.4", "claude-sonnet-4-6", "gemini-3-flash")
NAMESPACE: Any = {
    "type": "namespace",
    "name": "forecasts",
    "description": "What the sky will do.",
    "tools": [WEATHER],
}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("model", CALLERS)
def test_one_tool_call_at_a_time(
    claude: anthropic.Anthropic, model: str, *, streamed: bool
) -> None:
    fields: dict[str, Any] = {
        "model": model,
        "max_tokens": 4_000,
        "tools": [TOOL],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "messages": [{"role": "user", "content": CITIES}],
    }
    if streamed:
        with claude.messages.stream(**fields) as stream:
            answer = stream.get_final_message()
    else:
        answer = claude.messages.create(**fields)
    called = [block for block in answer.content if block.type == "tool_use"]
    assert [block.input for block in called] == [{"city": "Bern"}]
    assert answer.stop_reason == "tool_use"


@pytest.mark.parametrize("model", CALLERS)
def test_deferred_tool_is_called_once_it_was_found(claude: anthropic.Anthropic, model: str) -> None:
    search = {"name": "find_tools", "input_schema": {"type": "object", "properties": {}}}
    fields: dict[str, Any] = {"model": model, "max_tokens": 4_000}
    fields["tools"] = [search, TOOL | {"defer_loading": True}]
    asked: Any = {"role": "user", "content": CITIES}
    unaware = claude.messages.create(messages=[asked], **fields)
    assert "get_weather" not in [b.name for b in unaware.content if b.type == "tool_use"]
    call = {"type": "tool_use", "id": "toolu_1", "name": "find_tools", "input": {}}
    found = {
        "type": "tool_result",
        "tool_use_id": "toolu_1",
        "content": [{"type": "tool_reference", "tool_name": "get_weather"}],
    }
    messages: Any = [
        {"role": "user", "content": "Look around."},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [found]},
        {"role": "assistant", "content": "Done."},
        asked,
    ]
    aware = claude.messages.create(messages=messages, **fields)
    assert "get_weather" in [b.name for b in aware.content if b.type == "tool_use"]


@pytest.mark.parametrize("model", CALLING_MODELS)
async def test_tools_in_a_namespace_are_called_and_answered(
    responder: openai.AsyncOpenAI, model: str
) -> None:
    raw = await responder.responses.with_raw_response.create(
        model=model, input=CITIES, tools=[NAMESPACE]
    )
    made = check_response(raw.content)
    calls = [item for item in made.output if item.type == "function_call"]
    assert [(call.name, call.namespace) for call in calls] == [("get_weather", "forecasts")] * 2
    outputs: Any = [
        {"type": "function_call_output", "call_id": call.call_id, "output": "sunny, 21 degrees"}
        for call in calls
    ]
    told = await responder.responses.create(
        model=model, input=outputs, tools=[NAMESPACE], previous_response_id=made.id
    )
    assert "sunny, 21 degrees" in told.output_text


@pytest.mark.parametrize("model", SEEING_MODELS)
async def test_picture_that_a_tool_returned_is_seen(
    responder: openai.AsyncOpenAI, model: str
) -> None:
    conversation: Any = [
        {"role": "user", "content": "Show me."},
        {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": "{}"},
        {
            "type": "function_call_output",
            "call_id": "c1",
            "output": [{"type": "input_image", "image_url": png_data_url()}],
        },
    ]
    made = await responder.responses.create(model=model, input=conversation, tools=[WEATHER])
    assert made.status == "completed"
    assert made.output_text


@pytest.mark.parametrize("model", REASONING_MODELS)
async def test_effort_and_functions_go_together_as_far_as_the_model_has_both(
    responder: openai.AsyncOpenAI, model: str
) -> None:
    made = await responder.responses.create(
        model=model, input=CITIES, tools=[WEATHER], reasoning={"effort": "low"}
    )
    assert [item.type for item in made.output].count("function_call") == 2
    assert made.reasoning is not None
    assert made.reasoning.effort == ("none" if model == "gpt-5.4" else "low")
