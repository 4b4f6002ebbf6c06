"""A chat's estimate is its hold, whatever is asked and whatever the balance; and claims nothing."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.chat import BUILT_IN, ChatRig, open_chat, params
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.billing.errors import InsufficientCredits
from tokensmith_server.billing.estimation import Estimate, estimate
from tokensmith_server.catalog.model import ModelSpec
from tokensmith_server.chat.estimator import ChatEstimator
from tokensmith_server.errors import CallError, UpstreamUnavailable
from tokensmith_server.rate_limits import RatePolicy

TEXTS = [model for model in BUILT_IN.values() if model.text is not None]
EVERYBODY = frozenset(route.provider for model in BUILT_IN.values() for route in model.routes)


async def estimated(rig: ChatRig, chat: chat_pb.ChatCompletionParams) -> Estimate:
    balance = await rig.balance()
    priced = ChatEstimator(rig.parts).price(chat, rig.caller.account_id)
    return estimate(priced, balance.available_microcredits)


@st.composite
def chats(draw: st.DrawFn) -> chat_pb.ChatCompletionParams:
    """Chats with what a hold depends on: texts, pictures, sound, tools, choices, limits."""
    fields: dict[str, Any] = {"model": draw(st.sampled_from(TEXTS)).id}
    limit = draw(st.none() | st.integers(1, 20_000))
    if limit is not None:
        fields["max_output_tokens"] = limit
    if draw(st.booleans()):
        fields["choice_count"] = draw(st.integers(1, 8))
    chat = params("x" * draw(st.integers(1, 5_000)), **fields)
    for _ in range(draw(st.integers(0, 3))):
        part = chat.messages.add(role=chat_pb.CHAT_ROLE_USER).content.parts.parts.add()
        match draw(st.sampled_from(["text", "image", "sound", "file"])):
            case "text":
                part.text = draw(st.text(max_size=200))
            case "image":
                part.image.url = "https://example.com/a.png"
                part.image.detail = draw(st.sampled_from(["", "low", "high", "original"]))
            case "sound":
                part.input_audio.data = b"s" * draw(st.integers(1, 3_000))
                part.input_audio.format = "wav"
            case _:
                part.file.file_data = "A" * draw(st.integers(1, 3_000))
    for number in range(draw(st.integers(0, 2))):
        chat.tools.add().function.name = f"tool_{number}"
    return chat


@given(chats(), st.integers(0, 3_000_000_000))
@settings(max_examples=150)
def test_estimate_is_what_the_call_is_then_held_at(
    chat: chat_pb.ChatCompletionParams, microcredits: int
) -> None:
    async def run() -> None:
        parts: dict[str, Any] = {"simulated": EVERYBODY}
        async with open_chat(microcredits=microcredits, parts=parts) as rig:
            told = await estimated(rig, chat)
            assert rig.journal == []
            if not told.affordable:
                with pytest.raises(InsufficientCredits) as refused:
                    await rig.complete(chat)
                assert refused.value.required_microcredits == told.required_microcredits
                return
            answer = await rig.complete(chat)
            assert answer.charge.held_microcredits == told.held_microcredits
            (call,) = [call for provider in rig.providers.values() for call in provider.calls]
            assert call.output_cap_tokens == told.units

    asyncio.run(run())


@pytest.mark.parametrize("model", TEXTS, ids=lambda model: model.id)
async def test_every_text_model_has_a_price(model: ModelSpec) -> None:
    async with open_chat(parts={"simulated": EVERYBODY}) as rig:
        told = await estimated(rig, params(model=model.id))
        assert 0 < told.likely_microcredits < told.held_microcredits
        assert model.text is not None
        reasoning = [] if model.text.capabilities.output_cap_bounds_reasoning else ["output_token"]
        units = [line.unit for line in told.lines]
        assert units == ["input_token", *reasoning, "output_token"]


@pytest.mark.parametrize(
    "chat",
    [
        params(model=""),
        params(model="gpt5.4"),
        params(model="gpt-image-2"),
        params(temperature=3),
        params(max_output_tokens=128_001),
        params("x" * 1_400_000),
        chat_pb.ChatCompletionParams(model="gpt-5.4-mini"),
    ],
)
async def test_estimate_is_refused_as_the_call_is(
    rig: ChatRig, chat: chat_pb.ChatCompletionParams
) -> None:
    with pytest.raises(CallError) as told:
        await estimated(rig, chat)
    with pytest.raises(CallError) as refused:
        await rig.complete(chat)
    assert type(told.value) is type(refused.value)
    assert str(told.value) == str(refused.value)


async def test_estimate_takes_nothing_of_a_keys_limit() -> None:
    async with open_chat(rates=RatePolicy(1, 1_000_000)) as rig:
        for _ in range(3):
            await estimated(rig, params())
        await rig.complete()


async def test_estimate_leaves_the_probe_of_a_recovering_route_to_a_call() -> None:
    async with open_chat() as rig:
        model = rig.parts.catalog[params().model]
        ((route, _),) = rig.parts.router.groups(model.id)[0]
        now = rig.clock.monotonic()
        route.breaker.failed(now, "overloaded", retry_after_seconds=5.0, sent_at=now)
        with pytest.raises(UpstreamUnavailable):
            await estimated(rig, params())
        rig.clock.advance(5.0)
        await estimated(rig, params())
        await estimated(rig, params())
        await rig.complete()
