"""What is refused before money is touched, and in which words."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from tests.support.chat import BUILT_IN, TWO_ROUTES, ChatRig, open_chat, params
from tests.support.fake_provider import failure
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.catalog.catalog import Catalog
from tokensmith_server.catalog.model import Lifecycle, LifecycleStatus
from tokensmith_server.chat.facts import text_facts
from tokensmith_server.errors import (
    CallError,
    ContextLengthExceeded,
    DeadlineExceeded,
    InvalidField,
    ModelKindMismatch,
    ModelNotFound,
    ModelRetired,
    RateLimited,
    UnsupportedField,
)
from tokensmith_server.providers.base import RecalledInput
from tokensmith_server.rate_limits import RatePolicy


@pytest.mark.parametrize(
    ("chat", "error"),
    [
        (params(model=""), InvalidField),
        (params(model="gpt5.4"), ModelNotFound),
        (params(model="gpt-image-2"), ModelKindMismatch),
        (params(model="sora-2"), ModelKindMismatch),
        (params(temperature=3), InvalidField),
        (params(max_output_tokens=128_001), UnsupportedField),
        (params("x" * 1_400_000), ContextLengthExceeded),
    ],
)
async def test_refused_before_anything_is_held_or_sent(
    rig: ChatRig, chat: chat_pb.ChatCompletionParams, error: type[CallError]
) -> None:
    with pytest.raises(error):
        await rig.complete(chat)
    with pytest.raises(error):
        await rig.stream(chat)
    assert rig.journal == []


async def test_unknown_model_is_answered_with_the_likely_ones(rig: ChatRig) -> None:
    with pytest.raises(ModelNotFound) as caught:
        await rig.complete(params(model="gpt-5.4-minii"))
    assert caught.value.near_matches[0] == "gpt-5.4-mini"


async def test_model_of_another_kind_names_its_endpoint(rig: ChatRig) -> None:
    with pytest.raises(ModelKindMismatch) as caught:
        await rig.complete(params(model="gpt-image-2"))
    assert (caught.value.kind, caught.value.endpoint) == ("image", "/v1/images/generations")


async def test_limit_above_the_models_says_what_is_allowed(rig: ChatRig) -> None:
    with pytest.raises(UnsupportedField) as caught:
        await rig.complete(params(max_output_tokens=128_001))
    assert (caught.value.param, caught.value.allowed) == ("max_completion_tokens", "1 to 128000")
    await rig.complete(params(max_output_tokens=128_000))


# Of the usual model: 270,000 tokens, of at least five bytes each.
FITTING, TOO_LONG = "x" * 1_349_000, "x" * 1_350_100


def with_tool(text: str) -> chat_pb.ChatCompletionParams:
    chat = params()
    chat.tools.add().function.name = "f"
    chat.tools[0].function.description = text
    return chat


def with_schema(text: str) -> chat_pb.ChatCompletionParams:
    chat = params()
    chat.response_format.json_schema.name = "s"
    chat.response_format.json_schema.description = text
    return chat


def with_call(text: str) -> chat_pb.ChatCompletionParams:
    chat = params()
    message = chat.messages.add(role=chat_pb.CHAT_ROLE_ASSISTANT)
    message.tool_calls.add(id="call_1", name="f", arguments=text)
    chat.messages.add(role=chat_pb.CHAT_ROLE_TOOL, tool_call_id="call_1").content.text = "done"
    return chat


@pytest.mark.parametrize("chat_of", [params, with_tool, with_schema, with_call])
async def test_what_cannot_fit_into_the_context_is_refused_unheld_wherever_it_stands(
    rig: ChatRig, chat_of: Callable[[str], chat_pb.ChatCompletionParams]
) -> None:
    with pytest.raises(ContextLengthExceeded) as caught:
        await rig.complete(chat_of(TOO_LONG))
    assert caught.value.context_tokens == 270_000
    assert (caught.value.input_tokens or 0) > 270_000
    assert rig.journal == []
    await rig.complete(chat_of(FITTING))


async def test_thinking_that_surely_comes_back_is_part_of_the_context(rig: ChatRig) -> None:
    rig.provider.recalls = RecalledInput(byte_count=5_000, turn_token_count=300)
    with pytest.raises(ContextLengthExceeded):
        await rig.complete(params(FITTING))
    assert rig.journal == []
    # What may be left out upstream is the provider's to judge.
    rig.provider.recalls = RecalledInput(byte_count=5_000, token_count=300)
    await rig.complete(params(FITTING))


async def test_most_of_what_any_route_brings_back_is_held_for_and_is_the_calls_limit() -> None:
    async with open_chat(routes=TWO_ROUTES) as rig:
        plain = (await rig.complete()).charge.held_microcredits
        rig.providers["openai"].recalls = RecalledInput(byte_count=300)
        rig.providers["xai"].recalls = RecalledInput(byte_count=600, token_count=150)
        rig.provider.queue(failure(), failure(), failure())
        held = (await rig.complete()).charge.held_microcredits
        assert held == plain + 200 * 1_500
        sent = rig.providers["xai"].calls[-1]
        assert (sent.scope, sent.recalled_bytes_maximum) == (rig.caller.account_id, 600)


def test_tools_that_were_called_and_are_not_on_offer_count_as_declared() -> None:
    assert text_facts(with_call("{}"), "claude").tool_count == 1
    offered = with_call("{}")
    offered.tools.add().function.name = "g"
    assert text_facts(offered, "claude").tool_count == 1


async def test_size_of_pictures_is_the_providers_to_judge(rig: ChatRig) -> None:
    chat = params()
    part = chat.messages.add(role=chat_pb.CHAT_ROLE_USER).content.parts.parts.add()
    part.image.url = "data:image/png;base64," + "A" * 2_000_000
    await rig.complete(chat)


@pytest.mark.parametrize("model", [model for model in BUILT_IN.values() if model.text is not None])
async def test_every_models_output_limit_is_named_before_anything_is_held(model: Any) -> None:
    simulated = frozenset(route.provider for other in BUILT_IN.values() for route in other.routes)
    ceiling = model.text.output_ceiling_tokens
    async with open_chat(parts={"simulated": simulated}) as rig:
        with pytest.raises(UnsupportedField, match=f"at most {ceiling} tokens") as caught:
            await rig.complete(params(model=model.id, max_output_tokens=ceiling + 1))
        assert caught.value.allowed == f"1 to {ceiling}"
        assert rig.journal == []
        await rig.complete(params(model=model.id, max_output_tokens=ceiling))


def retired(shutdown_on: date) -> Catalog:
    lifecycle = Lifecycle(LifecycleStatus.DEPRECATED, shutdown_on, replacement="gpt-5.4")
    return Catalog(
        replace(model, lifecycle=lifecycle) if model.id == "gpt-5.4-mini" else model
        for model in BUILT_IN.values()
    )


# FakeClock starts on 15 January 2027, at 8 o'clock UTC.
@pytest.mark.parametrize(
    ("shutdown_on", "served"), [(date(2027, 1, 15), False), (date(2027, 1, 16), True)]
)
async def test_model_is_served_until_its_last_day_has_come(shutdown_on: date, served: bool) -> None:
    async with open_chat(parts={"catalog": retired(shutdown_on)}) as rig:
        if served:
            await rig.complete()
            return
        with pytest.raises(ModelRetired) as caught:
            await rig.complete()
        assert (caught.value.retired_on, caught.value.replacement) == ("2027-01-15", "gpt-5.4")


async def test_simulator_serves_retired_models() -> None:
    parts: dict[str, Any] = {
        "catalog": retired(date(2026, 1, 1)),
        "simulated": frozenset({"openai"}),
    }
    async with open_chat(parts=parts) as rig:
        await rig.complete()


async def test_call_whose_time_is_over_is_not_begun(rig: ChatRig) -> None:
    with pytest.raises(DeadlineExceeded):
        await rig.complete(remaining_seconds=0.0)
    assert rig.journal == []


async def test_rate_limit_is_asked_last_and_its_headers_are_kept() -> None:
    async with open_chat(rates=RatePolicy(1, 1_000_000)) as rig:
        for _ in range(5):
            with pytest.raises(InvalidField):
                await rig.complete(params(temperature=3))
        request = rig.request()
        await rig.service.complete(request)
        assert dict(request.receipt.headers)["x-ratelimit-remaining-requests"] == "0"
        request = rig.request()
        with pytest.raises(RateLimited) as caught:
            await rig.service.complete(request)
        assert caught.value.limit == "requests"
        assert dict(request.receipt.headers)["x-ratelimit-remaining-requests"] == "0"


def test_facts_count_every_part_of_a_request_where_it_is_billed() -> None:
    chat = params("x" * 100)
    chat.prediction.text = "y" * 30
    shown = chat.messages.add(role=chat_pb.CHAT_ROLE_USER).content.parts
    shown.parts.add().image.url = "data:image/png;base64," + "A" * 5_000
    shown.parts.add().image.detail = "low"
    shown.parts.add().input_audio.data = b"z" * 640
    shown.parts.add().file.file_data = "A" * 400
    shown.parts.add().text = "w" * 50
    chat.tools.add().function.name = "f"
    chat.choice_count = 3
    facts = text_facts(chat, "gpt")
    assert 180 <= facts.text_bytes <= 200
    assert facts.image_details == ("", "low")
    assert (facts.audio_bytes, facts.file_bytes) == (640, 300)
    assert (facts.tool_count, facts.choices, facts.message_count) == (1, 3, 2)
    assert facts.tool_bytes > 0


LONG = "w" * 3_000
# One of each field of a message that has text in it, beside its content.
BESIDE_CONTENT: dict[str, dict[str, Any]] = {
    "name": {"name": LONG},
    "tool_call_id": {"tool_call_id": LONG},
    "tool_calls": {"tool_calls": [chat_pb.ChatToolCall(id="a", name="f", arguments=LONG)]},
    "function_call": {"function_call": chat_pb.ChatFunctionCall(name="f", arguments=LONG)},
    "refusal": {"refusal": LONG},
    "reasoning_content": {"reasoning_content": LONG},
    "signed_thinking": {"signed_thinking": [chat_pb.ChatSignedThinking(text=LONG)]},
}


@pytest.mark.parametrize("field", BESIDE_CONTENT)
def test_text_beside_the_content_counts_whatever_the_contents_form(field: str) -> None:
    for content in (
        chat_pb.ChatContent(text="Hi"),
        chat_pb.ChatContent(parts={"parts": [chat_pb.ChatContentPart(text="Hi")]}),
    ):
        message = chat_pb.ChatMessage(content=content, **BESIDE_CONTENT[field])
        facts = text_facts(chat_pb.ChatCompletionParams(messages=[message]), "gpt")
        assert 3_000 <= facts.text_bytes <= 3_100


def test_every_field_of_a_message_is_in_the_table_above() -> None:
    others = {"role", "content", "audio_id"}
    assert {field.name for field in chat_pb.ChatMessage.DESCRIPTOR.fields} == (
        others | BESIDE_CONTENT.keys()
    )


def test_name_of_a_file_counts_as_text() -> None:
    chat = params()
    chat.messages[0].content.parts.parts.add().file.filename = LONG
    assert text_facts(chat, "gpt").text_bytes >= 3_000


@pytest.mark.parametrize("model", [model for model in BUILT_IN.values() if model.text is not None])
async def test_every_text_model_is_held_for_and_settled(model: Any) -> None:
    simulated = frozenset(route.provider for other in BUILT_IN.values() for route in other.routes)
    async with open_chat(parts={"simulated": simulated}) as rig:
        answer = await rig.complete(params(model=model.id))
        rate = model.rate
        price = 10 * rate.input_microcredits + 5 * rate.output_microcredits
        assert answer.charge.charged_microcredits == price
        assert answer.charge.held_microcredits >= price
