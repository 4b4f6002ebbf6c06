"""Repeats: by idempotency key, and by the retry counter that OpenAI's SDKs send."""

import asyncio
from typing import Any

import pytest

from tests.support.chat import ChatRig, open_chat, params
from tests.support.fake_provider import Answer, failure
from tests.support.turns import eventually, turns
from tests.unit.server.chat.test_complete import PRICE
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith.v1 import usage_pb2
from tokensmith_server.billing.commands import GrantCredits, HoldPlaced, PlaceHold
from tokensmith_server.billing.errors import (
    IdempotencyInProgress,
    IdempotencyKeyReused,
    RequestIdReused,
)
from tokensmith_server.billing.store import Caller
from tokensmith_server.chat.call import SETTLING_SECONDS
from tokensmith_server.chat.parts import ChatLimits
from tokensmith_server.errors import (
    DeadlineExceeded,
    ResultNotReplayable,
    UpstreamRejected,
    UpstreamUnavailable,
)
from tokensmith_server.providers.base import ErrorKind


async def leave(rig: ChatRig, **fields: Any) -> asyncio.Event:
    """Begin a call whose client goes away while the provider works; opens the returned gate."""
    gate = asyncio.Event()
    rig.provider.queue(Answer(text="The first answer", gate=gate))
    listening = asyncio.ensure_future(rig.complete(**fields))
    await eventually(lambda: rig.provider.running)
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    return gate


async def test_key_gets_the_first_answer_again_at_no_charge(rig: ChatRig) -> None:
    first = await rig.complete(idempotency_key="k")
    again = await rig.complete(idempotency_key="k")
    assert again.completion == first.completion
    assert again.charge.replayed
    assert again.charge.hold_id == first.charge.hold_id
    assert again.charge.charged_microcredits == PRICE
    assert again.charge.catalog_version == rig.parts.catalog.version
    assert (await rig.balance()).charged_microcredits == PRICE
    assert len(rig.provider.calls) == 1


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer(), usage_pb2.OUTCOME_DELIVERED),
        (Answer(finish_reason=chat_pb.FINISH_REASON_CONTENT_FILTER), usage_pb2.OUTCOME_BLOCKED),
    ],
)
async def test_replayed_answer_says_how_the_first_one_ended(
    rig: ChatRig, answer: Answer, outcome: usage_pb2.Outcome
) -> None:
    rig.provider.queue(answer)
    await rig.complete(idempotency_key="k")
    assert (await rig.complete(idempotency_key="k")).charge.outcome == outcome


async def test_key_with_another_body_is_refused(rig: ChatRig) -> None:
    await rig.complete(idempotency_key="k")
    with pytest.raises(IdempotencyKeyReused):
        await rig.complete(params("Something else"), idempotency_key="k")


async def test_digest_of_the_request_tells_repeats_in_place_of_the_params(rig: ChatRig) -> None:
    await rig.complete(params("One"), idempotency_key="k", request_digest=b"a")
    again = await rig.complete(params("Other words"), idempotency_key="k", request_digest=b"a")
    assert again.charge.replayed
    for digest in (b"b", b""):
        with pytest.raises(IdempotencyKeyReused):
            await rig.complete(params("One"), idempotency_key="k", request_digest=digest)


async def test_key_whose_call_still_runs_is_refused_for_now(rig: ChatRig) -> None:
    gate = await leave(rig, idempotency_key="k")
    with pytest.raises(IdempotencyInProgress):
        await rig.complete(idempotency_key="k")
    gate.set()
    await rig.idle()
    again = await rig.complete(idempotency_key="k")
    assert again.completion.choices[0].message.content == "The first answer"


async def test_key_of_a_failed_call_is_free_again(rig: ChatRig) -> None:
    rig.provider.queue(failure(ErrorKind.INVALID_REQUEST))
    with pytest.raises(UpstreamRejected):
        await rig.complete(idempotency_key="k")
    assert not (await rig.complete(idempotency_key="k")).charge.replayed


async def test_key_of_an_empty_answer_is_free_again(rig: ChatRig) -> None:
    rig.provider.queue(Answer(text=""))
    first = await rig.complete(idempotency_key="k")
    assert first.charge.outcome == usage_pb2.OUTCOME_EMPTY
    again = await rig.complete(idempotency_key="k")
    assert not again.charge.replayed
    assert again.charge.charged_microcredits == PRICE
    assert (await rig.complete(idempotency_key="k")).charge.replayed
    assert len(rig.provider.calls) == 2


async def test_fifty_calls_with_one_key_buy_once(rig: ChatRig) -> None:
    calls = [rig.complete(idempotency_key="k") for _ in range(50)]
    ends = await asyncio.gather(*calls, return_exceptions=True)
    served = [end for end in ends if not isinstance(end, BaseException)]
    assert len(served) >= 1
    refused = [end for end in ends if isinstance(end, BaseException)]
    assert all(isinstance(end, IdempotencyInProgress) for end in refused)
    assert len(rig.provider.calls) == 1
    assert (await rig.balance()).charged_microcredits == PRICE


async def test_answer_too_large_to_keep_is_not_replayed_and_not_bought_again(
    rig: ChatRig,
) -> None:
    rig.provider.queue(Answer(text="x" * (1024 * 1024)))
    await rig.complete(idempotency_key="k")
    with pytest.raises(ResultNotReplayable):
        await rig.complete(idempotency_key="k")


async def test_retry_gets_the_answer_that_its_client_missed(rig: ChatRig) -> None:
    gate = await leave(rig, retry_count=0)
    gate.set()
    await rig.idle()
    again = await rig.complete(retry_count=1)
    assert again.completion.choices[0].message.content == "The first answer"
    assert again.charge.replayed
    assert len(rig.provider.calls) == 1
    assert (await rig.balance()).charged_microcredits == PRICE


async def test_retry_joins_the_call_that_still_runs(rig: ChatRig) -> None:
    gate = await leave(rig, retry_count=0)
    retry = asyncio.ensure_future(rig.complete(retry_count=1))
    await turns()
    assert not retry.done()
    gate.set()
    assert (await retry).charge.replayed
    assert len(rig.provider.calls) == 1
    assert rig.pauses == []


async def test_joined_answer_stays_until_the_retry_has_it(rig: ChatRig) -> None:
    gate = asyncio.Event()
    rig.provider.queue(Answer(text="The first answer", gate=gate))
    first = asyncio.ensure_future(rig.complete(retry_count=0))
    await eventually(lambda: rig.provider.running)
    retry = asyncio.ensure_future(rig.complete(retry_count=1))
    await turns()
    gate.set()
    assert (await first).completion == (await retry).completion
    assert rig.journal.count("delivered") == 1
    assert len(rig.provider.calls) == 1


async def test_retry_of_a_call_in_another_process_looks_again_and_again(rig: ChatRig) -> None:
    gate = await leave(rig, retry_count=0)
    other = type(rig.service)(rig.parts)
    retry = asyncio.ensure_future(other.complete(rig.request(retry_count=1)))
    await eventually(lambda: len(rig.pauses) >= 3)
    assert set(rig.pauses) == {0.25}
    gate.set()
    assert (await retry).charge.replayed


async def test_retry_does_not_wait_past_its_own_deadline(rig: ChatRig) -> None:
    gate = await leave(rig, retry_count=0)
    other = type(rig.service)(rig.parts)
    with pytest.raises(IdempotencyInProgress):
        await other.complete(rig.request(retry_count=1, remaining_seconds=2.0))
    assert sum(rig.pauses) <= 2.0
    gate.set()


async def test_delivered_answer_is_not_handed_out_again(rig: ChatRig) -> None:
    await rig.complete(retry_count=0)
    again = await rig.complete(retry_count=1)
    assert not again.charge.replayed
    assert len(rig.provider.calls) == 2


async def test_answer_is_marked_delivered_only_when_the_client_stayed(rig: ChatRig) -> None:
    gate = await leave(rig, retry_count=0)
    gate.set()
    await rig.idle()
    assert "delivered" not in rig.journal
    await rig.complete(retry_count=1)
    assert rig.journal.count("delivered") == 1


async def test_first_try_never_joins(rig: ChatRig) -> None:
    gate = await leave(rig, retry_count=0)
    gate.set()
    await rig.idle()
    assert not (await rig.complete(retry_count=0)).charge.replayed
    assert not (await rig.complete()).charge.replayed
    assert len(rig.provider.calls) == 3


async def test_retry_of_a_failed_call_is_a_call_of_its_own(rig: ChatRig) -> None:
    rig.provider.queue(failure(ErrorKind.OPERATOR_AUTH))
    with pytest.raises(UpstreamUnavailable):
        await rig.complete(retry_count=0)
    rig.clock.advance(60.0)
    assert not (await rig.complete(retry_count=1)).charge.replayed


async def test_joined_retry_whose_client_left_buys_nothing_when_the_first_fails(
    rig: ChatRig,
) -> None:
    gate = asyncio.Event()

    class Failing(Answer):
        def result(self) -> Any:
            raise failure(ErrorKind.INVALID_REQUEST)

    rig.provider.queue(Failing(gate=gate))
    first = asyncio.ensure_future(rig.complete(retry_count=0))
    await eventually(lambda: rig.provider.running)
    retry = asyncio.ensure_future(rig.complete(retry_count=1))
    await turns()
    retry.cancel()
    with pytest.raises(asyncio.CancelledError):
        await retry
    gate.set()
    with pytest.raises(UpstreamRejected):
        await first
    await rig.idle()
    assert len(rig.provider.calls) == 1


async def test_joined_retry_has_what_is_left_of_its_time_and_not_all_of_it_again() -> None:
    async with open_chat(limits=ChatLimits(reconcile_seconds=60.0)) as rig:
        gate = asyncio.Event()

        class Failing(Answer):
            def result(self) -> Any:
                raise failure(ErrorKind.INVALID_REQUEST)

        rig.provider.queue(Failing(gate=gate))
        first = asyncio.ensure_future(rig.complete(retry_count=0))
        await eventually(lambda: rig.provider.running)
        retry = asyncio.ensure_future(rig.complete(retry_count=1, remaining_seconds=100.0))
        await turns()
        rig.clock.advance(40.0)
        gate.set()
        with pytest.raises(UpstreamRejected):
            await first
        await retry
        assert rig.provider.calls[1].timeouts.total_seconds == 60.0 - SETTLING_SECONDS
        record = (await rig.records())[1]
        assert record.created_time == rig.clock.now()
        assert record.expires_time == rig.clock.now() + 60.0 + 60.0


async def test_joined_retry_whose_time_is_over_buys_nothing(rig: ChatRig) -> None:
    gate = asyncio.Event()

    class Failing(Answer):
        def result(self) -> Any:
            raise failure(ErrorKind.INVALID_REQUEST)

    rig.provider.queue(Failing(gate=gate))
    first = asyncio.ensure_future(rig.complete(retry_count=0))
    await eventually(lambda: rig.provider.running)
    retry = asyncio.ensure_future(rig.complete(retry_count=1, remaining_seconds=10.0))
    await turns()
    rig.clock.advance(20.0)
    gate.set()
    with pytest.raises(UpstreamRejected):
        await first
    with pytest.raises(DeadlineExceeded):
        await retry
    assert len(rig.provider.calls) == 1


async def test_request_id_that_was_used_before_is_replaced(rig: ChatRig) -> None:
    await rig.complete(request_id="mine")
    request = rig.request(request_id="mine")
    await rig.service.complete(request)
    assert request.request_id == "req_00000001"
    assert [record.request_id for record in await rig.records()] == ["mine", "req_00000001"]


async def test_retry_that_repeats_the_request_id_too_joins_and_does_not_wait_for_itself(
    rig: ChatRig,
) -> None:
    gate = await leave(rig, request_id="mine", retry_count=0)
    retry = asyncio.ensure_future(rig.complete(request_id="mine", retry_count=1))
    await turns()
    gate.set()
    assert (await retry).charge.replayed
    assert len(rig.provider.calls) == 1


@pytest.mark.parametrize("how", ["complete", "stream"])
async def test_request_id_is_replaced_once_and_no_more(
    rig: ChatRig, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    offered: list[str] = []

    async def refuse(command: PlaceHold) -> HoldPlaced:
        offered.append(command.request_id)
        raise RequestIdReused(command.request_id)

    monkeypatch.setattr(rig.store, "place_hold", refuse)
    with pytest.raises(RequestIdReused):
        await getattr(rig, how)(request_id="mine")
    assert offered == ["mine", "req_00000001"]
    assert rig.provider.calls == []


async def test_retry_with_the_request_id_of_a_call_in_another_process_does_not_wait_for_itself(
    rig: ChatRig,
) -> None:
    gate = await leave(rig, request_id="mine", retry_count=0)
    other = type(rig.service)(rig.parts)
    retry = asyncio.ensure_future(other.complete(rig.request(request_id="mine", retry_count=1)))
    await eventually(lambda: len(rig.pauses) >= 3)
    gate.set()
    assert (await retry).charge.replayed
    assert len(rig.provider.calls) == 1


async def test_joined_retry_whose_client_left_waits_no_more(rig: ChatRig) -> None:
    gate = await leave(rig, retry_count=0)
    retry = asyncio.ensure_future(rig.complete(retry_count=1))
    await turns()
    assert len(rig.parts.supervisor) == 2
    retry.cancel()
    with pytest.raises(asyncio.CancelledError):
        await retry
    await eventually(lambda: len(rig.parts.supervisor) == 1)
    gate.set()
    await rig.idle()
    assert (await rig.complete(retry_count=1)).charge.replayed


async def test_joined_retry_waits_no_longer_than_its_own_time(
    rig: ChatRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tokensmith_server.chat.service._JOIN_PAUSE_SECONDS", 0.0)
    gate = await leave(rig, retry_count=0)
    retry = asyncio.ensure_future(rig.complete(retry_count=1, remaining_seconds=0.001))
    await turns()
    rig.clock.advance(1.0)
    with pytest.raises(DeadlineExceeded):
        await retry
    gate.set()


async def test_another_account_with_the_same_request_id_and_key_is_another_call(
    rig: ChatRig,
) -> None:
    await rig.store.create_account("account-2", "other", rig.clock.now())
    await rig.store.grant_credits(
        GrantCredits("grant-2", "account-2", 10**10, "for the test", rig.clock.now())
    )
    other = Caller("account-2", "other", "key-2")
    gate = await leave(rig, request_id="same", idempotency_key="k")
    answer = await rig.complete(request_id="same", idempotency_key="k", caller=other)
    assert not answer.charge.replayed
    gate.set()
    await rig.idle()
    assert (await rig.complete(idempotency_key="k")).charge.replayed


async def test_plain_calls_keep_nothing(rig: ChatRig) -> None:
    await rig.complete()
    (row,) = rig.store._rows.holds.values()
    assert (row.payload, row.command.fingerprint) == (None, None)


async def test_streaming_or_not_makes_no_other_request_of_a_key(rig: ChatRig) -> None:
    whole = await rig.complete(idempotency_key="k")
    (message,) = await rig.stream(idempotency_key="k")
    assert message.deltas[0].content_pieces == ["Hello"]
    assert message.start.id == whole.completion.id
    assert message.usage == whole.completion.usage
    assert message.charge.replayed
