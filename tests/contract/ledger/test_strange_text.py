"""Text that a database can't keep: refused or kept whole, and no trouble of anybody else's.

Callers' text is checked before it gets here. What comes through all the same is a defect, which
must show as one: PostgreSQL takes no NUL in a text, and no database takes what is no Unicode.
"""

import asyncio
from typing import Any

import pytest

from tests.support.ledger import LedgerUnderTest
from tokensmith_server.billing.commands import (
    AttemptOutcome,
    AttemptState,
    GrantCredits,
    HoldPlaced,
)
from tokensmith_server.billing.errors import DataRefused, RequestNotFound
from tokensmith_server.billing.listing import RequestFilter

STRANGE = ("\0", "\0request", "request\0", "\ud800", "request\udcff")


@pytest.mark.parametrize("field", ["request_id", "idempotency_key", "model"])
@pytest.mark.parametrize("text", STRANGE, ids=ascii)
async def test_strange_text_in_a_hold_is_refused_or_kept_whole_and_fails_it_alone(
    ledger: LedgerUnderTest, field: str, text: str
) -> None:
    account_id = await ledger.open_account(1_000)
    await ledger.hold(account_id, 10)
    changes: dict[str, Any] = {field: text}
    strange = ledger.command(account_id, 100, **changes)
    # Once with company, which is decided in one transaction with it, and once alone.
    answers = await asyncio.gather(
        *(ledger.hold(account_id, 10) for _ in range(3)),
        ledger.store.place_hold(strange),
        *(ledger.hold(account_id, 10) for _ in range(3)),
        return_exceptions=True,
    )
    assert [type(answer) for answer in (*answers[:3], *answers[4:])] == [HoldPlaced] * 6
    if isinstance(answers[3], HoldPlaced):
        kept = await ledger.store.get_request(account_id, strange.request_id)
        assert getattr(kept, field) == text
    else:
        assert isinstance(answers[3], DataRefused)
        with pytest.raises(DataRefused):
            await ledger.store.place_hold(ledger.command(account_id, 100, **changes))
    held = 70 + 100 * isinstance(answers[3], HoldPlaced)
    assert (await ledger.balance(account_id)).held_microcredits == held


@pytest.mark.parametrize("text", STRANGE, ids=ascii)
async def test_settlement_with_strange_text_is_refused_or_done_and_can_be_done_without(
    ledger: LedgerUnderTest, text: str
) -> None:
    account_id = await ledger.open_account(1_000)
    hold_id = (await ledger.hold(account_id)).hold_id
    strange = AttemptOutcome(
        1, AttemptState.ANSWERED, ledger.clock.now(), http_status=200, returned_model=text
    )
    try:
        await ledger.settle(account_id, hold_id, attempt=strange)
    except DataRefused:
        await ledger.settle(account_id, hold_id)
    assert (await ledger.balance(account_id)).charged_microcredits == 40


@pytest.mark.parametrize("text", STRANGE, ids=ascii)
async def test_strange_grant_id_is_refused_or_kept(ledger: LedgerUnderTest, text: str) -> None:
    account_id = await ledger.open_account()
    grant = GrantCredits(text, account_id, 500, "test", ledger.clock.now())
    try:
        await ledger.store.grant_credits(grant)
    except DataRefused:
        assert await ledger.available(account_id) == 0
    else:
        assert (await ledger.store.grant_credits(grant)).repeated
        assert await ledger.available(account_id) == 500


@pytest.mark.parametrize("text", STRANGE, ids=ascii)
async def test_nothing_is_found_by_strange_text(ledger: LedgerUnderTest, text: str) -> None:
    account_id = await ledger.open_account(1_000)
    await ledger.hold(account_id, request_id="request")
    with pytest.raises((RequestNotFound, DataRefused)):
        await ledger.store.get_request(account_id, text)
    try:
        wanted = RequestFilter(models=frozenset({text}))
        page = await ledger.store.page_requests(account_id, wanted, limit=5)
    except DataRefused:
        pass
    else:
        assert list(page.items) == []
    assert (await ledger.store.get_request(account_id, "request")).model == "some/model"
