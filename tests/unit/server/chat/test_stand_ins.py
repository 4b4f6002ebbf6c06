"""Routes to other models: what is sent to them, and what a caller is told where they can't help."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.chat import ChatRig, open_chat, params
from tests.support.fake_provider import failure
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.billing.pricing import OUTPUT_FLOOR_TOKENS
from tokensmith_server.catalog.loader import load_catalog
from tokensmith_server.errors import (
    CallError,
    ContentRefused,
    UnsupportedField,
    UpstreamInvalidResponse,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamUnavailable,
)
from tokensmith_server.providers.base import ErrorKind
from tokensmith_server.providers.capabilities import check_capabilities

OWN = 'provider = "openai", model = "gpt-5.4-mini"'
GPT_OSS = 'provider = "together", model = "openai/gpt-oss-120b"'
GROK = 'provider = "xai", model = "grok-4.20-0309-non-reasoning"'
DOWN = failure(ErrorKind.MALFORMED_RESPONSE)
NOT_OURS = failure(ErrorKind.INVALID_REQUEST, param="messages[0].content")


@asynccontextmanager
async def routed(folder: Path, *routes: str) -> AsyncIterator[ChatRig]:
    """The usual model with these routes, and providers that know capabilities."""
    listed = ", ".join(f"{{ {one} }}" for one in routes)
    path = folder / "overlay.toml"
    path.write_text(f'[[models]]\nid = "gpt-5.4-mini"\nroutes = [{listed}]\n')
    async with open_chat(catalog=load_catalog(path)) as rig:
        for provider in rig.providers.values():
            provider.check_chat = check_capabilities  # type: ignore[method-assign]
        yield rig


@pytest.fixture
async def stood(tmp_path: Path) -> AsyncIterator[ChatRig]:
    async with routed(tmp_path, OWN, GPT_OSS) as rig:
        yield rig


async def take_out(rig: ChatRig) -> None:
    """Let the first route fail until it is left alone."""
    rig.provider.queue(*[DOWN] * 5)
    for _ in range(5):
        await rig.complete()
    rig.providers["together"].calls.clear()


def with_tool() -> chat_pb.ChatCompletionParams:
    chat = params()
    chat.tools.add().function.name = "f"
    return chat


def with_image() -> chat_pb.ChatCompletionParams:
    chat = params()
    chat.messages[0].content.parts.parts.add().image.url = "https://example.com/a.png"
    return chat


BEYOND = [with_tool(), with_image(), params(reasoning_effort="none"), params("x" * 700_000)]


@pytest.mark.parametrize("chat", BEYOND, ids=["tools", "image", "effort", "length"])
@pytest.mark.parametrize("how", ["complete", "stream"])
async def test_what_the_stand_in_does_not_take_ends_as_the_first_ones_outage(
    stood: ChatRig, chat: chat_pb.ChatCompletionParams, how: str
) -> None:
    stood.provider.queue(failure(ErrorKind.OVERLOADED), failure(ErrorKind.OVERLOADED))
    with pytest.raises(UpstreamUnavailable):
        await getattr(stood, how)(chat)
    assert stood.providers["together"].calls == []


@pytest.mark.parametrize("chat", BEYOND, ids=["tools", "image", "effort", "length"])
async def test_what_only_a_route_that_is_out_takes_is_to_be_tried_again(
    stood: ChatRig, chat: chat_pb.ChatCompletionParams
) -> None:
    await take_out(stood)
    with pytest.raises(UpstreamUnavailable) as caught:
        await stood.complete(chat)
    assert caught.value.retry_after_seconds == 5.0
    assert stood.providers["together"].calls == []


async def test_what_only_a_later_route_that_is_out_takes_is_to_be_tried_again(
    tmp_path: Path,
) -> None:
    async with routed(tmp_path, GPT_OSS, OWN) as rig:
        rig.provider.queue(*[DOWN] * 5)
        for _ in range(5):
            with pytest.raises(UpstreamInvalidResponse):
                await rig.complete(with_tool())
        with pytest.raises(UpstreamUnavailable):
            await rig.complete(with_tool())
        assert rig.providers["together"].calls == []


async def test_what_no_route_takes_is_refused_whether_one_is_out_or_not(stood: ChatRig) -> None:
    chat = params(reasoning_effort="minimal")
    told = []
    for _ in range(2):
        with pytest.raises(UnsupportedField) as caught:
            await stood.complete(chat)
        told.append(str(caught.value))
        await take_out(stood)
    assert told[0] == told[1]


async def test_stand_in_serves_what_it_takes_as_the_model_that_it_is(stood: ChatRig) -> None:
    stood.provider.queue(failure(ErrorKind.TIMEOUT))
    await stood.complete(params(temperature=0.5))
    (call,) = stood.providers["together"].calls
    known = stood.parts.catalog["openai/gpt-oss-120b"].text
    assert (call.model.id, call.model.text) == ("gpt-5.4-mini", known)


async def test_stand_in_is_no_way_to_more_than_the_model_offers(stood: ChatRig) -> None:
    # gpt-oss takes a temperature with reasoning, which the model on sale does not.
    with pytest.raises(UnsupportedField):
        await stood.complete(params(temperature=0.5, reasoning_effort="high"))


@pytest.mark.parametrize("kind", [ErrorKind.INVALID_REQUEST, ErrorKind.CONTEXT_LENGTH])
@pytest.mark.parametrize("how", ["complete", "stream"])
async def test_rejection_by_a_stand_in_is_told_as_the_outage_before_it(
    stood: ChatRig, kind: ErrorKind, how: str
) -> None:
    stood.provider.queue(failure(ErrorKind.RATE_LIMITED, retry_after_seconds=30.0))
    stood.providers["together"].queue(failure(kind))
    with pytest.raises(UpstreamRateLimited) as caught:
        await getattr(stood, how)()
    assert caught.value.retry_after_seconds == 30.0
    record = await stood.record()
    assert record.error_reason == "UPSTREAM_RATE_LIMITED"
    assert [attempt.error for attempt in record.attempts] == ["rate_limited", kind.value]


async def test_rejection_while_the_first_route_is_out_is_told_as_its_outage(
    stood: ChatRig,
) -> None:
    await take_out(stood)
    stood.providers["together"].queue(NOT_OURS)
    with pytest.raises(UpstreamUnavailable) as caught:
        await stood.complete()
    assert caught.value.retry_after_seconds == 5.0


async def test_rejection_by_a_stand_in_is_no_reason_to_stop_there(tmp_path: Path) -> None:
    async with routed(tmp_path, OWN, GPT_OSS, GROK) as rig:
        rig.provider.queue(failure(ErrorKind.TIMEOUT))
        rig.providers["together"].queue(NOT_OURS)
        await rig.complete()
        assert len(rig.providers["xai"].calls) == 1


async def test_rejection_by_the_first_route_is_final(stood: ChatRig) -> None:
    stood.provider.queue(failure(ErrorKind.OVERLOADED), NOT_OURS)
    with pytest.raises(UpstreamRejected):
        await stood.complete()
    assert stood.providers["together"].calls == []


async def test_content_that_a_stand_in_refuses_is_refused(stood: ChatRig) -> None:
    stood.provider.queue(failure(ErrorKind.TIMEOUT))
    stood.providers["together"].queue(failure(ErrorKind.CONTENT_REFUSED))
    with pytest.raises(ContentRefused):
        await stood.complete()


async def test_route_that_is_out_behind_the_first_makes_no_outage(stood: ChatRig) -> None:
    stood.provider.queue(*[failure(ErrorKind.TIMEOUT)] * 4)
    stood.providers["together"].queue(*[DOWN] * 5)
    for _ in range(4):
        with pytest.raises(CallError):
            await stood.complete()
    await stood.complete()
    stood.provider.queue(failure(ErrorKind.TIMEOUT))
    with pytest.raises(CallError):
        await stood.complete()
    stood.provider.queue(NOT_OURS)
    with pytest.raises(UpstreamRejected):
        await stood.complete()


async def test_cap_is_one_that_the_upstream_model_takes(tmp_path: Path) -> None:
    async with routed(tmp_path, OWN, f"{GPT_OSS}, max_output_tokens = 4_000") as rig:
        rig.provider.queue(failure(ErrorKind.TIMEOUT))
        await rig.complete(params(max_output_tokens=100_000))
        caps = [p.calls[-1].output_cap_tokens for p in (rig.provider, rig.providers["together"])]
        assert caps == [100_000, 4_000]


@pytest.mark.parametrize(("text_bytes", "left"), [(90_000, True), (400_000, False)])
async def test_cap_leaves_room_for_the_input_in_a_smaller_context(
    stood: ChatRig, text_bytes: int, left: bool
) -> None:
    stood.provider.queue(failure(ErrorKind.TIMEOUT))
    await stood.complete(params("x" * text_bytes, max_output_tokens=128_000))
    (call,) = stood.providers["together"].calls
    if left:
        assert 80_000 < call.output_cap_tokens < 128_000 - text_bytes * 5 // 12
    else:
        assert call.output_cap_tokens == OUTPUT_FLOOR_TOKENS


async def test_hold_covers_the_dearest_of_the_routes_to_come(tmp_path: Path) -> None:
    holds = []
    for routes in ((), (GPT_OSS,), (GPT_OSS, GROK)):
        async with routed(tmp_path, OWN, *routes) as rig:
            await rig.complete(params("x" * 9_000))
            holds.append((await rig.record()).held_microcredits)
    # More tokens to a byte, then reasoning that no cap bounds.
    assert holds[0] < holds[1]
    assert holds[2] > 1.9 * holds[1]
