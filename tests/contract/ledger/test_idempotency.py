"""Who gets an earlier answer: idempotency keys, and the retries of clients that send none."""

import pytest

from tests.support.ledger import RESULT_KEPT_SECONDS, LedgerUnderTest
from tokensmith_server.billing.commands import (
    HoldPlaced,
    HoldState,
    MarkDelivered,
    Outcome,
    StoredResult,
)
from tokensmith_server.billing.errors import IdempotencyInProgress, IdempotencyKeyReused
from tokensmith_server.billing.idempotency import CLAIM_KEPT_SECONDS, RETRY_JOIN_SECONDS


async def test_key_of_a_running_call_is_in_progress(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    await ledger.hold(account_id, idempotency_key="key", request_id="request_first")
    with pytest.raises(IdempotencyInProgress) as refusal:
        await ledger.repeat(account_id, idempotency_key="key")
    assert refusal.value.request_id == "request_first"
    assert await ledger.available(account_id) == 900


async def test_key_of_a_settled_call_returns_its_answer(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    first = await ledger.hold(account_id, idempotency_key="key", request_id="request_first")
    await ledger.settle_with_result(account_id, first.hold_id, b"\x00the answer\xff")
    answer = await ledger.repeat(account_id, idempotency_key="key")
    assert answer == StoredResult(
        hold_id=first.hold_id,
        request_id="request_first",
        payload=b"\x00the answer\xff",
        charged_microcredits=40,
        held_microcredits=100,
    )
    assert await ledger.available(account_id) == 960


async def test_key_of_a_settled_call_without_a_kept_answer_is_never_run_again(
    ledger: LedgerUnderTest,
) -> None:
    account_id = await ledger.open_account(1_000)
    first = await ledger.hold(account_id, idempotency_key="key")
    await ledger.settle(account_id, first.hold_id)
    answer = await ledger.repeat(account_id, idempotency_key="key")
    assert isinstance(answer, StoredResult)
    assert answer.payload is None
    assert answer.charged_microcredits == 40


async def test_key_of_a_settled_call_that_cost_nothing_and_kept_nothing_passes_to_the_new_hold(
    ledger: LedgerUnderTest,
) -> None:
    account_id = await ledger.open_account(1_000)
    first = await ledger.hold(account_id, idempotency_key="key")
    await ledger.settle(account_id, first.hold_id, 0, outcome=Outcome.EMPTY)
    second = await ledger.hold(account_id, idempotency_key="key")
    assert second.hold_id != first.hold_id


async def test_what_a_key_stands_for_can_be_looked_up(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    other_id = await ledger.open_account(1_000)
    first = await ledger.hold(account_id, idempotency_key="key", request_id="request_first")
    running = await ledger.store.find_earlier(account_id, "key")
    assert running is not None
    assert (running.request_id, running.state) == ("request_first", HoldState.HELD)
    assert running.payload is None
    await ledger.settle_with_result(account_id, first.hold_id, b"the answer")
    done = await ledger.store.find_earlier(account_id, "key")
    assert done is not None
    assert (done.hold_id, done.state) == (first.hold_id, HoldState.SETTLED)
    assert (done.payload, done.charged_microcredits) == (b"the answer", 40)
    assert await ledger.store.find_earlier(account_id, "another") is None
    assert await ledger.store.find_earlier(other_id, "key") is None


@pytest.mark.parametrize("end", ["none", "settle", "void"])
async def test_key_with_another_request_is_refused_however_the_first_ended(
    ledger: LedgerUnderTest, end: str
) -> None:
    account_id = await ledger.open_account(1_000)
    first = await ledger.hold(account_id, idempotency_key="key", request_id="request_first")
    if end == "settle":
        await ledger.settle_with_result(account_id, first.hold_id)
    if end == "void":
        await ledger.void(account_id, first.hold_id)
    with pytest.raises(IdempotencyKeyReused) as refusal:
        await ledger.repeat(account_id, idempotency_key="key", fingerprint=b"another question")
    assert refusal.value.request_id == "request_first"


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.BLOCKED, Outcome.EMPTY])
async def test_key_of_a_voided_call_passes_to_the_new_hold(
    ledger: LedgerUnderTest, outcome: Outcome
) -> None:
    account_id = await ledger.open_account(1_000)
    first = await ledger.hold(account_id, idempotency_key="key")
    await ledger.void(account_id, first.hold_id, outcome)
    second = await ledger.hold(account_id, idempotency_key="key")
    await ledger.settle_with_result(account_id, second.hold_id)
    answer = await ledger.repeat(account_id, idempotency_key="key")
    assert isinstance(answer, StoredResult)
    assert answer.hold_id == second.hold_id


async def test_key_of_an_expired_call_passes_to_the_new_hold(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    first = await ledger.hold(account_id, idempotency_key="key")
    await ledger.expire(account_id, first.hold_id)
    second = await ledger.hold(account_id, idempotency_key="key")
    assert second.hold_id != first.hold_id


async def test_key_passes_on_as_often_as_calls_fail(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    for _ in range(3):
        placed = await ledger.hold(account_id, idempotency_key="key")
        await ledger.void(account_id, placed.hold_id)
    assert await ledger.available(account_id) == 1_000


async def test_key_belongs_to_its_account_alone(ledger: LedgerUnderTest) -> None:
    ours, theirs = await ledger.open_account(1_000), await ledger.open_account(1_000)
    first = await ledger.hold(ours, idempotency_key="key")
    await ledger.settle_with_result(ours, first.hold_id)
    assert isinstance(await ledger.repeat(theirs, idempotency_key="key"), HoldPlaced)


async def test_key_is_shared_by_the_api_keys_of_an_account(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    first = await ledger.hold(account_id, idempotency_key="key", api_key_id="one")
    await ledger.settle_with_result(account_id, first.hold_id)
    answer = await ledger.repeat(account_id, idempotency_key="key", api_key_id="two")
    assert isinstance(answer, StoredResult)


async def test_replay_needs_no_credits(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(100)
    first = await ledger.hold(account_id, idempotency_key="key")
    await ledger.settle(
        account_id, first.hold_id, 100, result=b"answer", result_expires_time=2_000_000_000.0
    )
    assert await ledger.available(account_id) == 0
    answer = await ledger.repeat(account_id, idempotency_key="key")
    assert isinstance(answer, StoredResult)


async def test_keyed_answer_outlives_its_delivery(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    first = await ledger.hold(account_id, idempotency_key="key")
    await ledger.settle_with_result(account_id, first.hold_id)
    await ledger.deliver(account_id, first.hold_id)
    answer = await ledger.repeat(account_id, idempotency_key="key")
    assert isinstance(answer, StoredResult)
    assert answer.payload == b"the answer"


async def test_calls_without_a_key_are_never_joined_on_the_first_try(
    ledger: LedgerUnderTest,
) -> None:
    account_id = await ledger.open_account(1_000)
    first = await ledger.hold(account_id)
    for retry_count in (None, 0):
        assert (await ledger.hold(account_id, retry_count=retry_count)).hold_id != first.hold_id
    await ledger.settle_with_result(account_id, first.hold_id)
    for retry_count in (None, 0):
        assert (await ledger.hold(account_id, retry_count=retry_count)).hold_id != first.hold_id


async def test_retry_of_a_running_call_is_in_progress(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    await ledger.hold(account_id, request_id="request_first", retry_count=0)
    with pytest.raises(IdempotencyInProgress) as refusal:
        await ledger.repeat(account_id, retry_count=1)
    assert refusal.value.request_id == "request_first"


@pytest.mark.parametrize("retry_count", [1, 2, 7])
async def test_retry_of_an_undelivered_call_gets_its_answer(
    ledger: LedgerUnderTest, retry_count: int
) -> None:
    account_id = await ledger.open_account(1_000)
    first = await ledger.hold(account_id, request_id="request_first", retry_count=0)
    await ledger.settle_with_result(account_id, first.hold_id)
    answer = await ledger.repeat(account_id, retry_count=retry_count)
    assert answer == StoredResult(first.hold_id, "request_first", b"the answer", 40, 100)
    assert (await ledger.balance(account_id)).charged_microcredits == 40


async def test_retry_may_be_joined_again_until_it_is_delivered(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    first = await ledger.hold(account_id)
    await ledger.settle_with_result(account_id, first.hold_id)
    assert isinstance(await ledger.repeat(account_id, retry_count=1), StoredResult)
    assert isinstance(await ledger.repeat(account_id, retry_count=2), StoredResult)
    await ledger.deliver(account_id, first.hold_id)
    assert isinstance(await ledger.repeat(account_id, retry_count=1), HoldPlaced)


async def test_retry_of_a_delivered_call_is_a_new_call(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    first = await ledger.hold(account_id)
    await ledger.settle_with_result(account_id, first.hold_id)
    await ledger.deliver(account_id, first.hold_id)
    assert isinstance(await ledger.repeat(account_id, retry_count=1), HoldPlaced)


async def test_retry_passes_over_a_delivered_call_to_an_undelivered_one(
    ledger: LedgerUnderTest,
) -> None:
    account_id = await ledger.open_account(1_000)
    lost = await ledger.hold(account_id, retry_count=0)
    delivered = await ledger.hold(account_id, retry_count=0)
    await ledger.settle_with_result(account_id, lost.hold_id, b"lost on its way")
    await ledger.settle_with_result(account_id, delivered.hold_id, b"arrived")
    await ledger.deliver(account_id, delivered.hold_id)
    answer = await ledger.repeat(account_id, retry_count=1)
    assert isinstance(answer, StoredResult)
    assert answer.payload == b"lost on its way"


async def test_retry_joins_the_newest_of_several(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    for payload in (b"older", b"newer"):
        ledger.clock.advance(1)
        placed = await ledger.hold(account_id, retry_count=0)
        await ledger.settle_with_result(account_id, placed.hold_id, payload)
    answer = await ledger.repeat(account_id, retry_count=1)
    assert isinstance(answer, StoredResult)
    assert answer.payload == b"newer"


async def test_retry_of_a_failed_call_is_a_new_call(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    first = await ledger.hold(account_id, retry_count=0)
    await ledger.void(account_id, first.hold_id)
    assert isinstance(await ledger.repeat(account_id, retry_count=1), HoldPlaced)


async def test_retry_of_a_call_without_a_kept_answer_is_a_new_call(
    ledger: LedgerUnderTest,
) -> None:
    account_id = await ledger.open_account(1_000)
    first = await ledger.hold(account_id, retry_count=0)
    await ledger.settle(account_id, first.hold_id)
    assert isinstance(await ledger.repeat(account_id, retry_count=1), HoldPlaced)


async def test_retry_of_another_request_is_a_new_call(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    first = await ledger.hold(account_id)
    await ledger.settle_with_result(account_id, first.hold_id)
    answer = await ledger.repeat(account_id, retry_count=1, fingerprint=b"another question")
    assert isinstance(answer, HoldPlaced)


async def test_retry_without_a_fingerprint_is_a_new_call(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    first = await ledger.hold(account_id, fingerprint=None)
    await ledger.settle_with_result(account_id, first.hold_id)
    answer = await ledger.repeat(account_id, retry_count=1, fingerprint=None)
    assert isinstance(answer, HoldPlaced)


async def test_retry_by_another_api_key_is_a_new_call(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    running = await ledger.hold(account_id, api_key_id="one")
    lost = await ledger.hold(account_id, api_key_id="one")
    await ledger.settle_with_result(account_id, lost.hold_id)
    answer = await ledger.repeat(account_id, retry_count=1, api_key_id="two")
    assert isinstance(answer, HoldPlaced)
    assert answer.hold_id not in {running.hold_id, lost.hold_id}


async def test_retry_by_another_account_is_a_new_call(ledger: LedgerUnderTest) -> None:
    ours, theirs = await ledger.open_account(1_000), await ledger.open_account(1_000)
    first = await ledger.hold(ours, api_key_id="one")
    await ledger.settle_with_result(ours, first.hold_id)
    answer = await ledger.repeat(theirs, retry_count=1, api_key_id="one")
    assert isinstance(answer, HoldPlaced)


async def test_retry_with_a_key_goes_by_its_key(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    lost = await ledger.hold(account_id)
    await ledger.settle_with_result(account_id, lost.hold_id)
    answer = await ledger.repeat(account_id, retry_count=1, idempotency_key="key")
    assert isinstance(answer, HoldPlaced)


async def test_retry_without_a_key_does_not_join_a_keyed_call(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    await ledger.hold(account_id, idempotency_key="running")
    keyed = await ledger.hold(account_id, idempotency_key="settled")
    await ledger.settle_with_result(account_id, keyed.hold_id)
    assert isinstance(await ledger.repeat(account_id, retry_count=1), HoldPlaced)


@pytest.mark.parametrize("settled", [True, False])
async def test_retry_reaches_back_a_quarter_of_an_hour(
    ledger: LedgerUnderTest, *, settled: bool
) -> None:
    account_id = await ledger.open_account(1_000)
    first = await ledger.hold(account_id, expires_time=ledger.clock.now() + 10_000)
    if settled:
        await ledger.settle_with_result(account_id, first.hold_id)
    ledger.clock.advance(RETRY_JOIN_SECONDS)
    if settled:
        assert isinstance(await ledger.repeat(account_id, retry_count=1), StoredResult)
    else:
        with pytest.raises(IdempotencyInProgress):
            await ledger.repeat(account_id, retry_count=1)
    ledger.clock.advance(1)
    assert isinstance(await ledger.repeat(account_id, retry_count=1), HoldPlaced)


async def test_marking_the_delivery_of_nothing_is_harmless(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    ledger.store.mark_delivered(MarkDelivered("hold_of_nobody"))
    placed = await ledger.hold(account_id)
    ledger.store.mark_delivered(MarkDelivered(placed.hold_id))
    await ledger.settle_with_result(account_id, placed.hold_id)
    await ledger.deliver(account_id, placed.hold_id)


async def test_repeated_settlement_keeps_the_first_answer(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    first = await ledger.hold(account_id, idempotency_key="key")
    await ledger.settle_with_result(account_id, first.hold_id, b"first")
    await ledger.settle_with_result(account_id, first.hold_id, b"second")
    answer = await ledger.repeat(account_id, idempotency_key="key")
    assert isinstance(answer, StoredResult)
    assert answer.payload == b"first"


async def test_forgetting_spares_what_is_still_kept(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    first = await ledger.hold(account_id, idempotency_key="key")
    await ledger.settle_with_result(account_id, first.hold_id)
    ledger.clock.advance(RESULT_KEPT_SECONDS - 1)
    await ledger.store.forget_results(ledger.clock.now())
    answer = await ledger.repeat(account_id, idempotency_key="key")
    assert isinstance(answer, StoredResult)
    assert answer.payload == b"the answer"


async def test_key_outlives_its_answer(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    first = await ledger.hold(account_id, idempotency_key="key")
    await ledger.settle_with_result(account_id, first.hold_id)
    ledger.clock.advance(RESULT_KEPT_SECONDS)
    assert await ledger.store.forget_results(ledger.clock.now()) >= 1
    answer = await ledger.repeat(account_id, idempotency_key="key")
    assert isinstance(answer, StoredResult)
    assert answer.payload is None


async def test_forgotten_key_is_new_again(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    first = await ledger.hold(account_id, idempotency_key="key")
    await ledger.settle_with_result(account_id, first.hold_id)
    ledger.clock.advance(CLAIM_KEPT_SECONDS)
    assert await ledger.store.forget_results(ledger.clock.now()) >= 1
    answer = await ledger.repeat(account_id, idempotency_key="key", fingerprint=b"another")
    assert isinstance(answer, HoldPlaced)


async def test_key_of_a_running_call_is_never_forgotten(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    kept_seconds = CLAIM_KEPT_SECONDS + 10
    expires_time = ledger.clock.now() + kept_seconds
    await ledger.hold(account_id, idempotency_key="key", expires_time=expires_time)
    ledger.clock.advance(kept_seconds)
    await ledger.store.forget_results(ledger.clock.now())
    with pytest.raises(IdempotencyInProgress):
        await ledger.repeat(account_id, idempotency_key="key")


async def test_forgotten_answer_without_a_key_is_not_joined(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    first = await ledger.hold(account_id)
    await ledger.settle(
        account_id, first.hold_id, result=b"answer", result_expires_time=ledger.clock.now() + 60
    )
    ledger.clock.advance(60)
    assert await ledger.store.forget_results(ledger.clock.now()) >= 1
    assert isinstance(await ledger.repeat(account_id, retry_count=1), HoldPlaced)
