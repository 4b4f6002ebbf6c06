"""What the rows of a call's tries keep: the key's name, and what a try may have cost the house."""

from dataclasses import replace

from tests.support.ledger import LedgerUnderTest
from tokensmith_server.billing.commands import (
    AttemptOutcome,
    AttemptState,
    NewAttempt,
    NextAttempt,
    Outcome,
)


async def test_tries_keep_the_keys_name_and_what_they_may_have_cost(
    ledger: LedgerUnderTest,
) -> None:
    account_id = await ledger.open_account(1_000)
    now = ledger.clock.now()
    command = ledger.command(account_id, 300)
    command = replace(command, attempt=NewAttempt(1, "openai", "model", now, "openai#2"))
    await ledger.store.place_hold(command)
    closed = AttemptOutcome(
        1, AttemptState.UNKNOWN, now, error="connection", house_cost_microcredits=300
    )
    opened = NewAttempt(2, "xai", "other", now, "xai")
    await ledger.store.next_attempt(NextAttempt(command.hold_id, closed, opened))
    ended = AttemptOutcome(2, AttemptState.ANSWERED, now, http_status=200)
    await ledger.settle(account_id, command.hold_id, 10, attempt=ended)
    first, second = (await ledger.store.get_request(account_id, command.request_id)).attempts
    assert (first.credential, first.house_cost_microcredits) == ("openai#2", 300)
    assert (second.credential, second.house_cost_microcredits) == ("xai", None)


async def test_no_cost_is_told_apart_from_an_unknown_one(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(1_000)
    command = ledger.command(account_id, 300)
    await ledger.store.place_hold(command)
    (running,) = (await ledger.store.get_request(account_id, command.request_id)).attempts
    assert (running.credential, running.house_cost_microcredits) == (None, None)
    ended = AttemptOutcome(
        1, AttemptState.FAILED, ledger.clock.now(), error="overloaded", house_cost_microcredits=0
    )
    await ledger.void(account_id, command.hold_id, Outcome.FAILED, attempt=ended)
    (failed,) = (await ledger.store.get_request(account_id, command.request_id)).attempts
    assert failed.house_cost_microcredits == 0
