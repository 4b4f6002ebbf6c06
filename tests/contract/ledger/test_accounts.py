"""Accounts, grants and the life of an API key."""

from dataclasses import replace

import pytest

from tests.support.ledger import LedgerUnderTest
from tokensmith_server.billing.commands import Balance, GrantCredits
from tokensmith_server.billing.errors import (
    AccountExists,
    AccountNotFound,
    AmountOutOfRange,
    GrantIdReused,
    KeyNotFound,
)
from tokensmith_server.billing.store import Account, ApiKey, Caller


def new_key(ledger: LedgerUnderTest, account_id: str, expires_time: float | None = None) -> ApiKey:
    return ApiKey(
        key_id=ledger.ids.new("key_"),
        account_id=account_id,
        name="laptop",
        hint="wxyz",
        created_time=ledger.clock.now(),
        expires_time=expires_time,
        revoked_time=None,
        last_used_time=None,
    )


async def test_new_account_has_no_credits(ledger: LedgerUnderTest) -> None:
    account_id = ledger.ids.new("account_")
    now = ledger.clock.now()
    account = await ledger.store.create_account(account_id, "ada", now)
    assert account == Account(account_id, "ada", now, Balance(0, 0, 0, 0))
    assert await ledger.store.list_entries(account_id, limit=10) == []


async def test_account_is_found_by_id_and_by_name(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(5)
    account = await ledger.store.get_account(account_id)
    assert account.balance == Balance(5, 0, 0, 5)
    assert await ledger.store.get_account(account.name) == account


async def test_unknown_account_is_not_found(ledger: LedgerUnderTest) -> None:
    with pytest.raises(AccountNotFound) as refusal:
        await ledger.store.get_account("nobody")
    assert refusal.value.account == "nobody"


async def test_account_name_is_unique(ledger: LedgerUnderTest) -> None:
    await ledger.store.create_account(ledger.ids.new("account_"), "ada", 0.0)
    with pytest.raises(AccountExists):
        await ledger.store.create_account(ledger.ids.new("account_"), "ada", 0.0)


async def test_accounts_are_listed_by_name(ledger: LedgerUnderTest) -> None:
    for name in ("bob", "ada", "cy"):
        await ledger.store.create_account(ledger.ids.new("account_"), name, 0.0)
    names = [account.name for account in await ledger.store.list_accounts()]
    assert names == ["ada", "bob", "cy"]


async def test_grant_adds_credits_once_per_id(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account()
    grant = GrantCredits("grant_1", account_id, 500, "welcome", ledger.clock.now())
    first = await ledger.store.grant_credits(grant)
    repeat = await ledger.store.grant_credits(grant)
    assert (first.repeated, repeat.repeated) == (False, True)
    assert first.balance == repeat.balance == Balance(500, 0, 0, 500)
    assert len(await ledger.store.list_entries(account_id, limit=10)) == 1


async def test_grant_that_is_repeated_for_another_reason_and_later_is_the_same(
    ledger: LedgerUnderTest,
) -> None:
    account_id = await ledger.open_account()
    grant = GrantCredits("grant_1", account_id, 500, "welcome", ledger.clock.now())
    await ledger.store.grant_credits(grant)
    again = replace(grant, reason="run again", created_time=grant.created_time + 60.0)
    assert (await ledger.store.grant_credits(again)).repeated
    assert await ledger.available(account_id) == 500


@pytest.mark.parametrize("other", ["account", "amount", "both"])
async def test_grant_id_of_another_account_or_amount_is_refused_and_adds_nothing(
    ledger: LedgerUnderTest, other: str
) -> None:
    ours, theirs = await ledger.open_account(), await ledger.open_account()
    grant = GrantCredits("grant_1", ours, 500, "welcome", ledger.clock.now())
    await ledger.store.grant_credits(grant)
    account_id = ours if other == "amount" else theirs
    amount = 500 if other == "account" else 600
    with pytest.raises(GrantIdReused) as refusal:
        await ledger.store.grant_credits(
            replace(grant, account_id=account_id, amount_microcredits=amount)
        )
    first = refusal.value
    assert (first.grant_id, first.account_id, first.amount_microcredits) == ("grant_1", ours, 500)
    assert (await ledger.available(ours), await ledger.available(theirs)) == (500, 0)
    # What was refused took nothing away from the grant that the id is of.
    assert (await ledger.store.grant_credits(grant)).repeated


async def test_grant_to_an_unknown_account_is_refused(ledger: LedgerUnderTest) -> None:
    with pytest.raises(AccountNotFound):
        await ledger.grant("account_of_nobody", 5)


@pytest.mark.parametrize("amount", [0, -1, 2**63])
async def test_grant_outside_all_range_is_refused(ledger: LedgerUnderTest, amount: int) -> None:
    account_id = await ledger.open_account(7)
    with pytest.raises(AmountOutOfRange):
        await ledger.grant(account_id, amount)
    assert await ledger.available(account_id) == 7


async def test_grant_beyond_what_an_account_can_keep_is_refused(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account(2**63 - 1)
    with pytest.raises(AmountOutOfRange):
        await ledger.grant(account_id, 1)


async def test_key_finds_its_caller_by_hash(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account()
    key = new_key(ledger, account_id)
    await ledger.store.create_key(key, b"h" * 32)
    caller = await ledger.store.find_caller(b"h" * 32, ledger.clock.now())
    account = await ledger.store.get_account(account_id)
    assert caller == Caller(account_id, account.name, key.key_id)


async def test_unknown_hash_finds_nobody(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account()
    await ledger.store.create_key(new_key(ledger, account_id), b"h" * 32)
    assert await ledger.store.find_caller(b"h" * 31 + b"i", ledger.clock.now()) is None


async def test_revoked_key_finds_nobody_in_any_process(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account()
    key = new_key(ledger, account_id)
    await ledger.store.create_key(key, b"h" * 32)
    revoked = await ledger.store.revoke_key(account_id, key.key_id, ledger.clock.now())
    assert revoked.revoked_time == ledger.clock.now()
    for store in ledger.stores:
        assert await store.find_caller(b"h" * 32, ledger.clock.now()) is None


async def test_revoking_again_keeps_the_first_time(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account()
    key = new_key(ledger, account_id)
    await ledger.store.create_key(key, b"h" * 32)
    first = await ledger.store.revoke_key(account_id, key.key_id, ledger.clock.now())
    second = await ledger.store.revoke_key(account_id, key.key_id, ledger.clock.advance(9))
    assert second.revoked_time == first.revoked_time


async def test_revoking_one_key_leaves_the_others(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account()
    first, second = new_key(ledger, account_id), new_key(ledger, account_id)
    await ledger.store.create_key(first, b"1" * 32)
    await ledger.store.create_key(second, b"2" * 32)
    await ledger.store.revoke_key(account_id, first.key_id, ledger.clock.now())
    caller = await ledger.store.find_caller(b"2" * 32, ledger.clock.now())
    assert caller is not None
    assert caller.key_id == second.key_id


async def test_key_lives_until_the_instant_it_expires(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account()
    key = new_key(ledger, account_id, expires_time=ledger.clock.now() + 60)
    await ledger.store.create_key(key, b"h" * 32)
    assert await ledger.store.find_caller(b"h" * 32, ledger.clock.advance(59)) is not None
    assert await ledger.store.find_caller(b"h" * 32, ledger.clock.advance(1)) is None


async def test_keys_are_listed_newest_first_revoked_ones_too(ledger: LedgerUnderTest) -> None:
    account_id = await ledger.open_account()
    keys = []
    for number in range(3):
        ledger.clock.advance(1)
        keys.append(new_key(ledger, account_id))
        await ledger.store.create_key(keys[-1], bytes([number]) * 32)
    await ledger.store.revoke_key(account_id, keys[1].key_id, ledger.clock.now())
    listed = await ledger.store.list_keys(account_id)
    assert [key.key_id for key in listed] == [key.key_id for key in reversed(keys)]
    assert [key.revoked_time is not None for key in listed] == [False, True, False]
    assert listed[0] == keys[2]


async def test_keys_of_another_account_are_out_of_reach(ledger: LedgerUnderTest) -> None:
    ours, theirs = await ledger.open_account(), await ledger.open_account()
    key = new_key(ledger, ours)
    await ledger.store.create_key(key, b"h" * 32)
    assert await ledger.store.list_keys(theirs) == []
    with pytest.raises(KeyNotFound):
        await ledger.store.revoke_key(theirs, key.key_id, ledger.clock.now())
    with pytest.raises(KeyNotFound):
        await ledger.store.revoke_key(ours, "key_of_nobody", ledger.clock.now())
    assert await ledger.store.find_caller(b"h" * 32, ledger.clock.now()) is not None
