"""Chat over gRPC, on both channels: answers, headers, money in the metadata, disconnects."""

import asyncio
from typing import Any

import grpc
import grpc.aio
import pytest

from tests.integration.server.rig import KEY, ServerRig, failure_of, open_server
from tests.support.chat import params
from tests.support.fake_provider import Answer, Script, batch, ending, failure, story
from tests.support.turns import eventually
from tests.unit.server.chat.test_complete import PRICE
from tokensmith.v1 import billing_service_pb2 as billing_pb
from tokensmith.v1 import chat_service_pb2, usage_pb2
from tokensmith_server.billing.commands import HoldState, Outcome
from tokensmith_server.chat.call import SETTLING_SECONDS
from tokensmith_server.providers.base import ErrorKind, Phase
from tokensmith_server.rate_limits import RatePolicy


async def test_answer_with_its_charge(rig: ServerRig) -> None:
    answer = await rig.complete()
    assert answer.completion.choices[0].message.content == "Hello"
    assert answer.charge.charged_microcredits == PRICE


async def test_stream_with_its_charge(rig: ServerRig) -> None:
    rig.chat.provider.queue(story("Hel", "lo"))
    messages = [message async for message in rig.stream()]
    assert messages[0].start.id.startswith("chatcmpl-")
    assert messages[-1].charge.charged_microcredits == PRICE
    assert messages[-1].charge.outcome == usage_pb2.OUTCOME_DELIVERED


@pytest.mark.parametrize("offered", ["abc-123_X", "a" * 128])
async def test_request_id_of_the_client_is_used(rig: ServerRig, offered: str) -> None:
    call = rig.complete(("x-request-id", offered))
    assert dict(await call.initial_metadata())["x-request-id"] == offered
    await call
    assert (await rig.chat.record()).request_id == offered


@pytest.mark.parametrize("offered", ["", "a b", "a" * 129, "<script>", "a.b", "--"])
async def test_request_id_that_cannot_stand_in_a_header_is_replaced(
    rig: ServerRig, offered: str
) -> None:
    call = rig.complete(("x-request-id", offered))
    assert dict(await call.initial_metadata())["x-request-id"] == "req_00000001"
    await call
    assert (await rig.chat.record()).request_id == "req_00000001"


async def test_request_id_that_was_used_before_is_replaced_everywhere(rig: ServerRig) -> None:
    await rig.complete(("x-request-id", "mine"))
    call = rig.complete(("x-request-id", "mine"))
    told = dict(await call.initial_metadata())["x-request-id"]
    await call
    assert told != "mine"
    log = await rig.billing.GetRequest(billing_pb.GetRequestRequest(id=told), metadata=(KEY,))
    assert log.request.hold.charged_microcredits == PRICE


async def test_repeat_alone_gets_the_kept_answer_and_never_calls(rig: ServerRig) -> None:
    asked: dict[str, Any] = {"request_id": "k", "request_digest": b"d", "repeat_only": True}
    for call in (rig.complete(**asked), anext(aiter(rig.stream(**asked)))):
        assert (await failure_of(call)).reason == "REQUEST_NOT_FOUND"
    first = await rig.complete(request_id="k", request_digest=b"d")
    nothing = chat_service_pb2.ChatCompletionParams()
    again = await rig.complete(**asked, params=nothing)
    assert (again.completion, again.charge.replayed) == (first.completion, True)
    (message,) = [message async for message in rig.stream(**asked, params=nothing)]
    assert (message.start.id, message.charge.replayed) == (first.completion.id, True)
    other = rig.complete(**asked | {"request_digest": b"e"})
    assert (await failure_of(other)).reason == "IDEMPOTENCY_KEY_REUSED"
    assert len(rig.chat.provider.calls) == 1


async def test_digest_longer_than_any_hash_is_refused(rig: ServerRig) -> None:
    told = await failure_of(rig.complete(request_digest=b"x" * 65))
    assert (told.reason, told.facts["param"]) == ("INVALID_ARGUMENT", "request_digest")


async def test_headers_of_a_stream_come_before_its_end(rig: ServerRig) -> None:
    gate = asyncio.Event()
    rig.chat.provider.queue(Script([batch("Hi"), gate, *ending()]))
    call = rig.stream(("x-request-id", "mine"))
    headers = dict(await call.initial_metadata())
    assert headers["x-request-id"] == "mine"
    assert headers["x-ratelimit-limit-requests"] == "30000"
    gate.set()
    async for _ in call:
        pass


async def test_rate_limit_headers_of_openai_are_sent(kind: str) -> None:
    async with open_server(kind, rates=RatePolicy(60, 1_000_000)) as rig:
        call = rig.complete()
        headers = dict(await call.initial_metadata())
        await call
        assert headers["x-ratelimit-limit-requests"] == "60"
        assert headers["x-ratelimit-remaining-requests"] == "59"
        assert headers["x-ratelimit-reset-requests"] == "1s"
        assert headers["x-ratelimit-limit-tokens"] == "1000000"
        assert int(headers["x-ratelimit-remaining-tokens"]) < 1_000_000
        assert headers["x-ratelimit-reset-tokens"].endswith("ms")


async def test_rate_limited_call_has_the_headers_too_and_no_look_at_the_ledger(kind: str) -> None:
    async with open_server(kind, rates=RatePolicy(1, 1_000_000)) as rig:
        await rig.complete()
        call = rig.complete()
        refused = await failure_of(call)
        headers = dict(await call.initial_metadata())
        assert (refused.code, refused.reason) == (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "RATE_LIMIT_EXCEEDED",
        )
        assert headers["x-ratelimit-remaining-requests"] == "0"
        assert refused.retry_seconds == 60.0
        assert refused.facts["limit"] == "requests"
        assert "x-balance-microcredits" not in refused.trailing


async def test_failed_call_says_in_its_trailers_what_it_cost(rig: ServerRig) -> None:
    rig.chat.provider.queue(failure(ErrorKind.INVALID_REQUEST))
    told = await failure_of(rig.complete(("x-request-id", "mine")))
    balance = await rig.chat.balance()
    assert told.trailing["x-request-id"] == "mine"
    assert int(told.trailing["x-held-microcredits"]) > 0
    assert told.trailing["x-charged-microcredits"] == "0"
    assert int(told.trailing["x-balance-microcredits"]) == balance.available_microcredits
    assert told.facts["charged_microcredits"] == "0"
    assert told.facts["request_id"] == "mine"


async def test_interrupted_stream_says_what_it_cost(rig: ServerRig) -> None:
    broken = failure(ErrorKind.CONNECTION, Phase.STREAMING)
    rig.chat.provider.queue(Script([batch("x" * 50), broken]))
    told = await failure_of(rig.stream())
    charged = (await rig.chat.record()).charged_microcredits
    assert (told.code, told.reason) == (grpc.StatusCode.UNAVAILABLE, "STREAM_INTERRUPTED")
    assert told.facts["charged_microcredits"] == str(charged) != "0"
    assert told.trailing["x-charged-microcredits"] == str(charged)


async def test_error_before_the_hold_says_the_balance(rig: ServerRig) -> None:
    told = await failure_of(rig.complete(params=params(temperature=3)))
    assert told.reason == "INVALID_ARGUMENT"
    assert told.trailing["x-balance-microcredits"] == "10000000000"
    assert told.trailing["x-held-microcredits"] == "0"


async def test_error_whose_balance_cannot_be_read_goes_without(rig: ServerRig) -> None:
    await rig.complete()
    rig.chat.store.available = False
    told = await failure_of(rig.complete(params=params(temperature=3)))
    rig.chat.store.available = True
    assert told.reason == "INVALID_ARGUMENT"
    assert "x-balance-microcredits" not in told.trailing


async def test_client_that_cancels_leaves_the_call_to_be_finished(rig: ServerRig) -> None:
    gate = asyncio.Event()
    rig.chat.provider.queue(Answer("First", gate=gate))
    call = rig.complete(("x-stainless-retry-count", "0"))
    running = asyncio.ensure_future(call)
    await eventually(lambda: rig.chat.provider.running)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    # On the network the server hears of it a little later.
    await eventually(lambda: rig.calls_running == 0)
    gate.set()
    await rig.chat.idle()
    again = await rig.complete(("x-stainless-retry-count", "1"))
    assert again.completion.choices[0].message.content == "First"
    assert again.charge.replayed
    assert len(rig.chat.provider.calls) == 1


async def test_deadline_of_the_client_reaches_the_provider(rig: ServerRig) -> None:
    await rig.complete(timeout=20.0)
    # gRPC writes a deadline to three digits, rounded up.
    assert 15.0 < rig.chat.provider.calls[0].timeouts.total_seconds <= 20.2


async def test_call_without_a_deadline_gets_the_default_one(kind: str) -> None:
    async with open_server(kind, default_deadline_seconds=12.0) as rig:
        await rig.complete(timeout=None)
        assert rig.chat.provider.calls[0].timeouts.total_seconds == 12.0 - SETTLING_SECONDS


async def test_default_deadline_ends_the_waiting_but_not_the_call(kind: str) -> None:
    async with open_server(kind, default_deadline_seconds=0.001) as rig:
        gate = asyncio.Event()
        rig.chat.provider.queue(Answer(gate=gate))
        told = await failure_of(rig.complete(timeout=None))
        assert (told.code, told.reason) == (
            grpc.StatusCode.DEADLINE_EXCEEDED,
            "DEADLINE_EXCEEDED",
        )
        gate.set()
        await rig.chat.idle()
        assert (await rig.chat.record()).state is HoldState.SETTLED


@pytest.mark.parametrize("taken", range(1, 5))
async def test_client_that_cancels_a_stream_pays_for_what_it_took(
    rig: ServerRig, taken: int
) -> None:
    gates = [asyncio.Event() for _ in range(5)]
    steps = [step for gate in gates for step in (gate, batch("x" * 50))]
    rig.chat.provider.queue(Script(steps))
    call = rig.stream()
    for gate in gates[:taken]:
        gate.set()
        await call.read()
    call.cancel()
    await rig.chat.idle()
    record = await rig.chat.record()
    assert record.outcome is Outcome.ABANDONED
    assert record.charged_microcredits == 1_500 * (params().messages[0].ByteSize() // 5) + (
        taken * 10 * 9_000
    )
    assert rig.chat.provider.streams[0].closed


async def test_client_that_cancels_before_the_first_message_pays_nothing(rig: ServerRig) -> None:
    rig.chat.provider.queue(Script([asyncio.Event()]))
    call = rig.stream()
    reading = asyncio.ensure_future(call.read())
    await eventually(lambda: rig.chat.provider.calls)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await rig.chat.idle()
    assert (await rig.chat.record()).state is HoldState.VOIDED


async def test_channel_that_breaks_in_mid_stream_ends_the_upstream_call(rig: ServerRig) -> None:
    rig.chat.provider.queue(Script([batch("x" * 50), asyncio.Event()]))
    call = rig.stream()
    await call.read()
    await rig.channel.close()
    await rig.chat.idle()
    assert (await rig.chat.record()).outcome is Outcome.ABANDONED


async def test_idempotency_key_is_the_request_id_of_the_message(rig: ServerRig) -> None:
    await rig.complete(request_id="k")
    assert (await rig.complete(request_id="k")).charge.replayed
    told = await failure_of(rig.complete(request_id="k", params=params("other")))
    assert (told.code, told.reason) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "IDEMPOTENCY_KEY_REUSED",
    )
    told = await failure_of(rig.complete(request_id="k" * 256))
    assert told.facts["param"] == "request_id"


@pytest.mark.parametrize("header", ["", "-1", "x", "1.0", "9999"])
async def test_retry_counter_that_is_no_small_number_is_none(rig: ServerRig, header: str) -> None:
    await rig.complete(("x-stainless-retry-count", header))
    (row,) = rig.chat.store._rows.holds.values()
    assert row.command.retry_count is None


async def test_three_hundred_calls_on_a_balance_worth_one(kind: str) -> None:
    probe = params("Hi", max_output_tokens=1_024)
    async with open_server(kind) as rich:
        worth = (await rich.complete(params=probe)).charge.held_microcredits
    async with open_server(kind, microcredits=worth) as rig:
        gate = asyncio.Event()
        rig.chat.provider.queue(Answer(gate=gate))
        ends: list[str] = []

        async def call() -> None:
            try:
                await rig.complete(params=probe)
            except grpc.aio.AioRpcError as error:
                ends.append(error.code().name)
            else:
                ends.append("served")

        calls = [asyncio.ensure_future(call()) for _ in range(300)]
        await eventually(lambda: len(ends) == 299)
        assert set(ends) == {"FAILED_PRECONDITION"}
        gate.set()
        await asyncio.gather(*calls)
        assert ends[-1] == "served"
        assert len(rig.chat.provider.calls) == 1
