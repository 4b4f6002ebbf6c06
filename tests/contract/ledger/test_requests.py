"""The request log and the entries: what they say, to whom, and page by page."""

from dataclasses import fields, replace

import pytest

from tests.support.ledger import UNIT_RATE_JSON, LedgerUnderTest
from tokensmith_server.billing.commands import (
    AttemptOutcome,
    AttemptState,
    Balance,
    HoldState,
    NewAttempt,
    NextAttempt,
    Outcome,
)
from tokensmith_server.billing.errors import (
    AccountNotFound,
    HoldAlreadyResolved,
    HoldNotFound,
    RequestNotFound,
)
from tokensmith_server.billing.rates import TokenRate
from tokensmith_server.billing.store import AttemptRecord, Entry, RequestRecord
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.catalog.rate_snapshot import rate_to_json


async def test_open_call_is_in_the_request_log(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    command = ledger.command(account_id, 300, stream=True)
    await ledger.store.place_hold(command)
    assert await ledger.store.get_request(account_id, command.request_id) == RequestRecord(
        request_id=command.request_id,
        hold_id=command.hold_id,
        account_id=account_id,
        api_key_id=command.api_key_id,
        kind="chat",
        model="some/model",
        catalog_version="v1",
        rate_json=command.rate_json,
        idempotency_key=None,
        stream=True,
        state=HoldState.HELD,
        outcome=None,
        error_reason=None,
        held_microcredits=300,
        charged_microcredits=0,
        shortfall_microcredits=0,
        usage=None,
        usage_estimated=False,
        finish_reason=None,
        created_time=command.created_time,
        expires_time=command.expires_time,
        resolved_time=None,
        attempts=(
            AttemptRecord(
                number=1,
                provider="openai",
                upstream_model="model",
                state=AttemptState.DISPATCHED,
                started_time=command.created_time,
                ended_time=None,
                http_status=None,
                error=None,
                upstream_request_id=None,
                returned_model=None,
                first_byte_seconds=None,
            ),
        ),
    )


async def test_settled_call_says_what_was_used_and_charged(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(100_000)
    rate_json = rate_to_json(TokenRate(5, 30, cached_input_microcredits=1))
    command = ledger.command(account_id, 50_000, rate_json=rate_json)
    await ledger.store.place_hold(command)
    usage = TokenUsage(
        input_tokens=100,
        output_tokens=50,
        cached_input_tokens=60,
        cache_write_tokens=4,
        reasoning_tokens=20,
        input_audio_tokens=3,
        output_audio_tokens=0,
        input_image_tokens=7,
        accepted_prediction_tokens=2,
        rejected_prediction_tokens=1,
    )
    ledger.clock.advance(2.5)
    attempt = AttemptOutcome(
        1,
        AttemptState.ANSWERED,
        ledger.clock.now(),
        http_status=200,
        upstream_request_id="req_1",
        returned_model="model-2026",
        first_byte_seconds=0.25,
    )
    charge = 40 * 5 + 60 + 50 * 30
    await ledger.settle(
        account_id, command.hold_id, charge, usage=usage, attempt=attempt, finish_reason="length"
    )
    record = await ledger.store.get_request(account_id, command.request_id)
    assert record.state is HoldState.SETTLED
    assert record.outcome is Outcome.DELIVERED
    assert record.charged_microcredits == charge
    assert record.usage == usage
    assert record.usage_estimated is False
    assert record.finish_reason == "length"
    assert record.resolved_time == command.created_time + 2.5
    (try_one,) = record.attempts
    assert try_one.state is AttemptState.ANSWERED
    assert try_one.ended_time == command.created_time + 2.5
    assert try_one.http_status == 200
    assert try_one.upstream_request_id == "req_1"
    assert try_one.returned_model == "model-2026"
    assert try_one.first_byte_seconds == 0.25


async def test_absent_usage_and_zero_usage_are_told_apart(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    command = ledger.command(account_id)
    await ledger.store.place_hold(command)
    usage = TokenUsage(input_tokens=40, output_tokens=0, cached_input_tokens=0)
    await ledger.settle(account_id, command.hold_id, 40, usage=usage)
    record = await ledger.store.get_request(account_id, command.request_id)
    assert record.usage == usage
    assert record.usage is not None
    assert record.usage.reasoning_tokens is None


@pytest.mark.parametrize("outcome", [Outcome.BLOCKED, Outcome.EMPTY, Outcome.FAILED])
async def test_voided_call_says_why_and_costs_nothing(
    ledger: LedgerUnderTest, outcome: Outcome
) -> None:
    account_id = await ledger.open_account(1_000)
    command = ledger.command(account_id)
    await ledger.store.place_hold(command)
    await ledger.void(account_id, command.hold_id, outcome, error_reason="CONTENT_BLOCKED")
    record = await ledger.store.get_request(account_id, command.request_id)
    assert record.state is HoldState.VOIDED
    assert record.outcome is outcome
    assert record.error_reason == "CONTENT_BLOCKED"
    assert record.charged_microcredits == 0
    assert record.attempts[0].state is AttemptState.FAILED
    assert record.attempts[0].error == "server_error"


async def test_next_attempt_closes_one_try_and_opens_another(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    command = ledger.command(account_id)
    await ledger.store.place_hold(command)
    ledger.clock.advance(1)
    now = ledger.clock.now()
    closed = AttemptOutcome(1, AttemptState.FAILED, now, http_status=429, error="rate_limited")
    opened = NewAttempt(2, "together", "other-model", now)
    await ledger.store.next_attempt(NextAttempt(command.hold_id, closed, opened))
    record = await ledger.store.get_request(account_id, command.request_id)
    assert [attempt.state for attempt in record.attempts] == [
        AttemptState.FAILED,
        AttemptState.DISPATCHED,
    ]
    assert record.attempts[0].http_status == 429
    assert record.attempts[1].provider == "together"
    assert record.attempts[1].started_time == now
    await ledger.settle(account_id, command.hold_id, attempt=ledger.answered(2))
    record = await ledger.store.get_request(account_id, command.request_id)
    assert [attempt.state for attempt in record.attempts] == [
        AttemptState.FAILED,
        AttemptState.ANSWERED,
    ]


async def test_next_attempt_moves_no_credits(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    hold_id = (await ledger.hold(account_id)).hold_id
    before = await ledger.store.list_entries(account_id, limit=10)
    now = ledger.clock.now()
    closed = AttemptOutcome(1, AttemptState.FAILED, now)
    await ledger.store.next_attempt(NextAttempt(hold_id, closed, NewAttempt(2, "xai", "m", now)))
    assert await ledger.store.list_entries(account_id, limit=10) == before


async def test_next_attempt_of_an_ended_hold_is_refused(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    hold_id = (await ledger.hold(account_id)).hold_id
    await ledger.void(account_id, hold_id)
    now = ledger.clock.now()
    closed = AttemptOutcome(1, AttemptState.FAILED, now)
    command = NextAttempt(hold_id, closed, NewAttempt(2, "xai", "m", now))
    with pytest.raises(HoldAlreadyResolved):
        await ledger.store.next_attempt(command)
    with pytest.raises(HoldNotFound):
        await ledger.store.next_attempt(replace(command, hold_id="hold_of_nobody"))


async def test_attempt_that_nobody_closed_is_unknown_when_its_hold_ends(
    ledger: LedgerUnderTest,
) -> None:
    account_id = await ledger.open_account(1_000)
    voided, expired = ledger.command(account_id), ledger.command(account_id)
    await ledger.store.place_hold(voided)
    await ledger.store.place_hold(expired)
    ledger.clock.advance(1)
    await ledger.void(account_id, voided.hold_id, Outcome.UNKNOWN, attempt=None)
    await ledger.expire(account_id, expired.hold_id)
    for command in (voided, expired):
        record = await ledger.store.get_request(account_id, command.request_id)
        assert record.attempts[0].state is AttemptState.UNKNOWN
        assert record.attempts[0].ended_time == ledger.clock.now()
    report = await ledger.store.audit(now=ledger.clock.now())
    assert report.unknown_attempts >= 2


async def test_request_of_another_account_is_not_found(ledger: LedgerUnderTest) -> None:
    ours, theirs = await ledger.open_account(1_000), await ledger.open_account(1_000)
    command = ledger.command(ours)
    await ledger.store.place_hold(command)
    with pytest.raises(RequestNotFound):
        await ledger.store.get_request(theirs, command.request_id)
    with pytest.raises(RequestNotFound):
        await ledger.store.get_request(ours, "request_of_nobody")


async def test_lists_show_an_account_its_own_alone(ledger: LedgerUnderTest) -> None:
    ours, theirs = await ledger.open_account(1_000), await ledger.open_account(1_000)
    mine = (await ledger.hold(ours)).hold_id
    other = (await ledger.hold(theirs)).hold_id
    store = ledger.store
    requests = await store.list_requests(ours, limit=10)
    assert [record.hold_id for record in requests] == [mine]
    holds = await store.list_open_holds(ours, limit=10)
    assert [record.hold_id for record in holds] == [mine]
    # Another account's id as a cursor opens no door.
    assert other not in {
        record.hold_id for record in await store.list_requests(ours, limit=10, before=other)
    }
    entries = await store.list_entries(ours, limit=10)
    assert {entry.account_id for entry in entries} == {ours}


async def test_operator_sees_the_requests_of_all_accounts(ledger: LedgerUnderTest) -> None:
    ours, theirs = await ledger.open_account(1_000), await ledger.open_account(1_000)
    first = (await ledger.hold(ours)).hold_id
    second = (await ledger.hold(theirs)).hold_id
    records = await ledger.store.list_requests(None, limit=2)
    assert [record.hold_id for record in records] == [second, first]


async def test_requests_come_newest_first_page_by_page(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    placed = [(await ledger.hold(account_id, 10)).hold_id for _ in range(7)]
    seen: list[str] = []
    before = None
    while page := await ledger.store.list_requests(account_id, limit=3, before=before):
        assert len(page) <= 3
        seen.extend(record.hold_id for record in page)
        before = page[-1].hold_id
    assert seen == placed[::-1]


async def test_page_is_not_moved_by_what_arrives_meanwhile(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    placed = [(await ledger.hold(account_id, 10)).hold_id for _ in range(4)]
    first_page = await ledger.store.list_requests(account_id, limit=2)
    await ledger.hold(account_id, 10)
    second_page = await ledger.store.list_requests(
        account_id, limit=2, before=first_page[-1].hold_id
    )
    assert [record.hold_id for record in second_page] == [placed[1], placed[0]]


async def test_open_holds_are_listed_until_they_end(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    first, second, third = [(await ledger.hold(account_id, 10)).hold_id for _ in range(3)]
    await ledger.settle(account_id, second, 5)
    held = await ledger.store.list_open_holds(account_id, limit=10)
    assert [record.hold_id for record in held] == [third, first]
    page = await ledger.store.list_open_holds(account_id, limit=10, before=third)
    assert [record.hold_id for record in page] == [first]
    assert len(await ledger.store.list_open_holds(account_id, limit=1)) == 1


async def test_entries_tell_the_whole_story_newest_first(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    settled = (await ledger.hold(account_id, 300)).hold_id
    await ledger.settle(account_id, settled, 120)
    voided = (await ledger.hold(account_id, 200)).hold_id
    await ledger.void(account_id, voided)
    entries = await ledger.store.list_entries(account_id, limit=10)
    assert [(entry.kind, entry.hold_id, *deltas(entry)) for entry in entries] == [
        ("void", voided, 200, -200, 0, 0),
        ("hold", voided, -200, 200, 0, 0),
        ("settle", settled, 180, -300, 120, 0),
        ("hold", settled, -300, 300, 0, 0),
        ("grant", None, 1_000, 0, 0, 1_000),
    ]
    assert entries[-1].description == "for the test"


async def test_entry_of_a_settlement_above_its_hold_takes_from_available(
    ledger: LedgerUnderTest,
) -> None:
    account_id = await ledger.open_account(1_000)
    hold_id = (await ledger.hold(account_id, 300)).hold_id
    await ledger.settle(account_id, hold_id, 450)
    (entry,) = await ledger.store.list_entries(account_id, limit=1)
    assert deltas(entry) == (-150, -300, 450, 0)


async def test_entries_come_page_by_page_and_sum_to_the_balance(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    for charge in range(5):
        hold_id = (await ledger.hold(account_id, 50)).hold_id
        await ledger.settle(account_id, hold_id, charge * 20)
    entries: list[Entry] = []
    before = None
    while page := await ledger.store.list_entries(account_id, limit=4, before=before):
        entries.extend(page)
        before = page[-1].entry_id
    assert len(entries) == len({entry.entry_id for entry in entries}) == 11
    sums = [sum(column) for column in zip(*map(deltas, entries), strict=True)]
    balance = await ledger.balance(account_id)
    assert sums == [getattr(balance, field.name) for field in fields(balance)]


async def test_balance_of_an_unknown_account_is_not_found(ledger: LedgerUnderTest) -> None:
    with pytest.raises(AccountNotFound):
        await ledger.balance("account_of_nobody")


async def test_receipt_log_and_entry_agree_to_the_microcredit(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000_000_000)
    command = ledger.command(account_id, 123_456_789, rate_json=UNIT_RATE_JSON)
    await ledger.store.place_hold(command)
    resolution = await ledger.settle(account_id, command.hold_id, 98_765_432)
    record = await ledger.store.get_request(account_id, command.request_id)
    (entry,) = await ledger.store.list_entries(account_id, limit=1)
    assert (
        resolution.charged_microcredits
        == record.charged_microcredits
        == entry.charged_delta_microcredits
        == resolution.balance.charged_microcredits
        == 98_765_432
    )
    assert resolution.balance == Balance(901_234_568, 0, 98_765_432, 1_000_000_000)


def deltas(entry: Entry) -> tuple[int, int, int, int]:
    return (
        entry.available_delta_microcredits,
        entry.held_delta_microcredits,
        entry.charged_delta_microcredits,
        entry.granted_delta_microcredits,
    )
