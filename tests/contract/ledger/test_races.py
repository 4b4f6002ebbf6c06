"""Many commands at once, dealt out over every process that the engine has."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

import pytest

from tests.support.ledger import LedgerUnderTest
from tokensmith_server.billing.commands import (
    Balance,
    ExpireHold,
    GrantCredits,
    GrantReceipt,
    HoldPlaced,
    HoldState,
    Outcome,
    Resolution,
    StoredResult,
    VoidHold,
)
from tokensmith_server.billing.errors import (
    GrantIdReused,
    HoldAlreadyResolved,
    IdempotencyInProgress,
    InsufficientCredits,
    RequestIdReused,
)


async def race(calls: Sequence[Awaitable[object]]) -> list[Any]:
    """Run the calls at once; their answers and refusals, in order."""
    return await asyncio.gather(*calls, return_exceptions=True)


def count(answers: Sequence[object], kind: type) -> int:
    return sum(isinstance(answer, kind) for answer in answers)


async def test_300_parallel_calls_on_a_balance_worth_one_serve_one(
    ledger: LedgerUnderTest,
) -> None:
    account_id = await ledger.open_account(100)
    answers = await race(
        [ledger.store_for(i).place_hold(ledger.command(account_id, 100)) for i in range(300)]
    )
    assert count(answers, HoldPlaced) == 1
    assert count(answers, InsufficientCredits) == 299
    assert await ledger.balance(account_id) == Balance(0, 100, 0, 100)


async def test_parallel_calls_on_many_accounts_admit_what_each_affords(
    ledger: LedgerUnderTest,
) -> None:
    accounts = [await ledger.open_account(100 * number) for number in range(1, 6)]
    commands = [ledger.command(account_id, 100) for account_id in accounts for _ in range(10)]
    answers = await race(
        [ledger.store_for(i).place_hold(command) for i, command in enumerate(commands)]
    )
    assert count(answers, HoldPlaced) == 1 + 2 + 3 + 4 + 5
    assert [await ledger.available(account_id) for account_id in accounts] == [0] * 5


async def test_parallel_calls_lower_their_units_and_never_overdraw(
    ledger: LedgerUnderTest,
) -> None:
    account_id = await ledger.open_account(5_000)
    answers = await race(
        [
            ledger.store_for(i).place_hold(
                ledger.command(
                    account_id, 0, unit_microcredits=1, units_wanted=3_000, units_minimum=1_024
                )
            )
            for i in range(10)
        ]
    )
    units = [answer.units for answer in answers if isinstance(answer, HoldPlaced)]
    assert sorted(units) == [2_000, 3_000]
    assert await ledger.balance(account_id) == Balance(0, 5_000, 0, 5_000)


async def test_parallel_settlements_of_one_hold_charge_once(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    hold_id = (await ledger.hold(account_id, 300)).hold_id
    answers = await race(
        [
            ledger.store_for(i).settle_hold(ledger.settlement(account_id, hold_id, 120))
            for i in range(50)
        ]
    )
    assert count(answers, Resolution) == 50
    assert await ledger.balance(account_id) == Balance(880, 0, 120, 1_000)


async def test_parallel_settlements_at_different_prices_charge_one_of_them(
    ledger: LedgerUnderTest,
) -> None:
    account_id = await ledger.open_account(1_000)
    hold_id = (await ledger.hold(account_id, 300)).hold_id
    answers = await race(
        [
            ledger.store_for(i).settle_hold(ledger.settlement(account_id, hold_id, 100 + i))
            for i in range(20)
        ]
    )
    won = [answer for answer in answers if isinstance(answer, Resolution)]
    assert len(won) == 1
    assert count(answers, HoldAlreadyResolved) == 19
    assert await ledger.balance(account_id) == won[0].balance


async def test_expire_racing_settle_has_one_winner(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(10_000)
    for first_store in range(10):
        hold_id = (await ledger.hold(account_id, 300)).hold_id
        before = await ledger.balance(account_id)
        expire = ExpireHold(hold_id, account_id, ledger.clock.now())
        answers = await race(
            [
                ledger.store_for(first_store).settle_hold(
                    ledger.settlement(account_id, hold_id, 120)
                ),
                ledger.store_for(first_store + 1).expire_hold(expire),
            ]
        )
        won = [answer for answer in answers if isinstance(answer, Resolution)]
        assert len(won) == 1
        assert count(answers, HoldAlreadyResolved) == 1
        charged = 120 if won[0].state is HoldState.SETTLED else 0
        after = await ledger.balance(account_id)
        assert after.charged_microcredits == before.charged_microcredits + charged
        assert after.held_microcredits == 0


async def test_all_ends_at_once_have_one_winner(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    hold_id = (await ledger.hold(account_id, 300)).hold_id
    now = ledger.clock.now()
    answers = await race(
        [
            ledger.store_for(0).void_hold(VoidHold(hold_id, account_id, Outcome.FAILED, now)),
            ledger.store_for(1).settle_hold(ledger.settlement(account_id, hold_id, 120)),
            ledger.store_for(2).expire_hold(ExpireHold(hold_id, account_id, now)),
        ]
    )
    assert count(answers, Resolution) == 1
    assert count(answers, HoldAlreadyResolved) == 2


async def test_many_holds_settle_at_once(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    holds = [(await ledger.hold(account_id, 10)).hold_id for _ in range(100)]
    answers = await race(
        [
            ledger.store_for(i).settle_hold(ledger.settlement(account_id, hold_id, 7))
            for i, hold_id in enumerate(holds)
        ]
    )
    assert count(answers, Resolution) == 100
    assert await ledger.balance(account_id) == Balance(300, 0, 700, 1_000)


async def test_excesses_at_once_share_what_is_available(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    holds = [(await ledger.hold(account_id, 90)).hold_id for _ in range(10)]
    answers = await race(
        [
            ledger.store_for(i).settle_hold(ledger.settlement(account_id, hold_id, 120))
            for i, hold_id in enumerate(holds)
        ]
    )
    resolutions = [answer for answer in answers if isinstance(answer, Resolution)]
    assert len(resolutions) == 10
    assert sum(one.charged_microcredits for one in resolutions) == 1_000
    assert sum(one.shortfall_microcredits for one in resolutions) == 200
    assert await ledger.balance(account_id) == Balance(0, 0, 1_000, 1_000)


async def test_grants_with_one_id_count_once(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account()
    grant = GrantCredits("grant_of_payment_1", account_id, 500, "payment", ledger.clock.now())
    answers = await asyncio.gather(*(ledger.store_for(i).grant_credits(grant) for i in range(20)))
    assert sorted(answer.repeated for answer in answers) == [False] + [True] * 19
    assert await ledger.balance(account_id) == Balance(500, 0, 0, 500)


async def test_grants_of_two_accounts_with_one_id_are_one_grant_and_refusals(
    ledger: LedgerUnderTest,
) -> None:
    accounts = [await ledger.open_account() for _ in range(2)]
    now = ledger.clock.now()
    answers = await race(
        [
            # Where there are two processes, each is on an account of its own: no lock parts them.
            ledger.store_for(i).grant_credits(
                GrantCredits("grant_of_payment_1", accounts[i % 2], 500, "payment", now)
            )
            for i in range(20)
        ]
    )
    assert count(answers, GrantReceipt) == count(answers, GrantIdReused) == 10
    receipts = [answer for answer in answers if isinstance(answer, GrantReceipt)]
    assert sorted(receipt.repeated for receipt in receipts) == [False] + [True] * 9
    assert sorted([await ledger.available(one) for one in accounts]) == [0, 500]


async def test_grants_with_different_ids_all_count(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account()
    now = ledger.clock.now()
    await asyncio.gather(
        *(
            ledger.store_for(i).grant_credits(
                GrantCredits(ledger.ids.new("grant_"), account_id, 5, "bonus", now)
            )
            for i in range(50)
        )
    )
    assert await ledger.available(account_id) == 250


async def test_grants_and_holds_at_once_conserve_credits(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(50)
    now = ledger.clock.now()
    grants = [
        ledger.store_for(i).grant_credits(
            GrantCredits(ledger.ids.new("grant_"), account_id, 10, "bonus", now)
        )
        for i in range(20)
    ]
    holds = [ledger.store_for(i).place_hold(ledger.command(account_id, 10)) for i in range(40)]
    answers = await race([*holds, *grants])
    placed = count(answers, HoldPlaced)
    assert 5 <= placed <= 25
    assert count(answers, InsufficientCredits) == 40 - placed
    assert await ledger.balance(account_id) == Balance(250 - 10 * placed, 10 * placed, 0, 250)


async def test_parallel_calls_with_one_idempotency_key_place_one_hold(
    ledger: LedgerUnderTest,
) -> None:
    account_id = await ledger.open_account(10_000)
    answers = await race(
        [
            ledger.store_for(i).place_hold(ledger.command(account_id, idempotency_key="key"))
            for i in range(50)
        ]
    )
    assert count(answers, HoldPlaced) == 1
    assert count(answers, IdempotencyInProgress) == 49
    assert (await ledger.balance(account_id)).held_microcredits == 100


async def test_parallel_retries_after_a_failure_place_one_hold(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(10_000)
    first = await ledger.hold(account_id, idempotency_key="key")
    await ledger.void(account_id, first.hold_id)
    answers = await race(
        [
            ledger.store_for(i).place_hold(ledger.command(account_id, idempotency_key="key"))
            for i in range(20)
        ]
    )
    assert count(answers, HoldPlaced) == 1
    assert count(answers, IdempotencyInProgress) == 19


async def test_parallel_retries_of_a_settled_call_all_get_its_answer(
    ledger: LedgerUnderTest,
) -> None:
    account_id = await ledger.open_account(10_000)
    first = await ledger.hold(account_id, idempotency_key="key")
    await ledger.settle_with_result(account_id, first.hold_id)
    answers = await race(
        [
            ledger.store_for(i).place_hold(ledger.command(account_id, idempotency_key="key"))
            for i in range(20)
        ]
    )
    assert count(answers, StoredResult) == 20
    assert (await ledger.balance(account_id)).charged_microcredits == 40


async def test_parallel_calls_with_one_request_id_place_one_hold(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(10_000)
    answers = await race(
        [
            ledger.store_for(i).place_hold(ledger.command(account_id, request_id="request_once"))
            for i in range(20)
        ]
    )
    assert count(answers, HoldPlaced) == 1
    assert count(answers, RequestIdReused) == 19


@pytest.mark.parametrize("keyed", [True, False])
async def test_settle_racing_its_own_retry_never_buys_twice(
    ledger: LedgerUnderTest, *, keyed: bool
) -> None:
    account_id = await ledger.open_account(10_000)
    key = "key" if keyed else None
    first = await ledger.hold(account_id, idempotency_key=key)
    settlement = ledger.settlement(
        account_id, first.hold_id, result=b"answer", result_expires_time=ledger.clock.now() + 60
    )
    retry = ledger.command(account_id, idempotency_key=key, retry_count=1)
    answers = await race(
        [ledger.store_for(0).settle_hold(settlement), ledger.store_for(1).place_hold(retry)]
    )
    assert isinstance(answers[0], Resolution)
    assert isinstance(answers[1], IdempotencyInProgress | StoredResult)
