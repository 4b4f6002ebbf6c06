"""From the authorization metadata to the caller."""

import asyncio
import hashlib

import pytest

from tests.support.clock import FakeClock
from tests.support.turns import eventually
from tokensmith_server.billing.errors import LedgerUnavailable
from tokensmith_server.billing.keys import format_api_key, hash_api_key
from tokensmith_server.billing.memory import MemoryLedgerStore
from tokensmith_server.billing.store import ApiKey, Caller
from tokensmith_server.errors import InvalidAPIKey
from tokensmith_server.rpc import auth
from tokensmith_server.rpc.auth import Authenticator

SECRET = format_api_key(bytes(32))


class CountingStore(MemoryLedgerStore):
    """Counts the look-ups, and can hold them up."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.gate: asyncio.Event | None = None

    async def find_caller(self, key_hash: bytes, now: float) -> Caller | None:
        self.asked += 1
        if self.gate is not None:
            await self.gate.wait()
        return await super().find_caller(key_hash, now)


async def opened(
    expires_time: float | None = None,
) -> tuple[CountingStore, FakeClock, Authenticator]:
    store, clock = CountingStore(), FakeClock()
    await store.create_account("account-1", "demo", clock.now())
    key = ApiKey("key-1", "account-1", "k", "AAAA", clock.now(), expires_time, None, None)
    await store.create_key(key, hash_api_key(SECRET))
    return store, clock, Authenticator(store, clock)


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  "])
async def test_key_is_its_owner(scheme: str) -> None:
    _, _, authenticator = await opened()
    caller = await authenticator.authenticate(scheme + SECRET)
    assert caller == Caller("account-1", "demo", "key-1")


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        SECRET,
        f"Basic {SECRET}",
        "Bearer",
        "Bearer ",
        "Bearer sk-something-else",
        f"Bearer {SECRET}x",
        f"Bearer {SECRET[:-1]}",
        f"Bearer {SECRET[:-1]}é",
    ],
)
async def test_what_is_no_key_is_refused_without_asking(authorization: str | None) -> None:
    store, _, authenticator = await opened()
    with pytest.raises(InvalidAPIKey) as caught:
        await authenticator.authenticate(authorization)
    assert SECRET not in str(caught.value)
    assert store.asked == 0


async def test_revocation_is_effective_within_five_seconds() -> None:
    store, clock, authenticator = await opened()
    await authenticator.authenticate(f"Bearer {SECRET}")
    await store.revoke_key("account-1", "key-1", clock.now())
    clock.advance(5.0)
    with pytest.raises(InvalidAPIKey):
        await authenticator.authenticate(f"Bearer {SECRET}")


async def test_revocation_while_the_answer_was_under_way_counts_from_the_question() -> None:
    store, clock, authenticator = await opened()
    store.gate = asyncio.Event()
    asking = asyncio.ensure_future(authenticator.authenticate(f"Bearer {SECRET}"))
    await eventually(lambda: store.asked)
    clock.advance(3.0)
    store.gate.set()
    await asking
    await store.revoke_key("account-1", "key-1", clock.now())
    clock.advance(1.5)
    with pytest.raises(InvalidAPIKey):
        await authenticator.authenticate(f"Bearer {SECRET}")


async def test_expiry_is_effective_within_five_seconds() -> None:
    _, clock, authenticator = await opened(expires_time=FakeClock().now() + 1.0)
    await authenticator.authenticate(f"Bearer {SECRET}")
    clock.advance(5.0)
    with pytest.raises(InvalidAPIKey):
        await authenticator.authenticate(f"Bearer {SECRET}")


async def test_key_is_remembered_for_a_while() -> None:
    store, clock, authenticator = await opened()
    for _ in range(100):
        await authenticator.authenticate(f"Bearer {SECRET}")
    assert store.asked == 1
    clock.advance(4.0)
    await authenticator.authenticate(f"Bearer {SECRET}")
    assert store.asked == 2


async def test_calls_that_wait_for_the_same_key_ask_once() -> None:
    store, _, authenticator = await opened()
    store.gate = asyncio.Event()
    calls = [
        asyncio.ensure_future(authenticator.authenticate(f"Bearer {SECRET}")) for _ in range(50)
    ]
    await asyncio.sleep(0)
    calls[0].cancel()
    store.gate.set()
    await asyncio.gather(*calls, return_exceptions=True)
    assert calls[0].cancelled()
    assert all(call.result().key_id == "key-1" for call in calls[1:])
    assert store.asked == 1


async def test_database_that_is_away_is_said_so_and_asked_again() -> None:
    store, _, authenticator = await opened()
    store.available = False
    with pytest.raises(LedgerUnavailable):
        await authenticator.authenticate(f"Bearer {SECRET}")
    store.available = True
    await authenticator.authenticate(f"Bearer {SECRET}")


def stranger(number: int) -> str:
    return "Bearer " + format_api_key(hashlib.sha256(str(number).encode()).digest())


async def test_unknown_key_is_asked_for_once_in_a_while() -> None:
    store, _, authenticator = await opened()
    for _ in range(10):
        with pytest.raises(InvalidAPIKey):
            await authenticator.authenticate(stranger(1))
    assert store.asked == 1


async def test_key_that_was_unknown_works_within_five_seconds_of_its_making() -> None:
    store, clock, authenticator = await opened()
    secret = stranger(1).removeprefix("Bearer ")
    with pytest.raises(InvalidAPIKey):
        await authenticator.authenticate(stranger(1))
    key = ApiKey("key-2", "account-1", "k", "AAAA", clock.now(), None, None, None)
    await store.create_key(key, hash_api_key(secret))
    clock.advance(5.0)
    assert (await authenticator.authenticate(stranger(1))).key_id == "key-2"


async def test_flood_of_unknown_keys_is_bounded_and_drives_no_caller_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auth, "_UNKNOWN_REMEMBERED", 8)
    store, _, authenticator = await opened()
    await authenticator.authenticate(f"Bearer {SECRET}")
    for number in range(100):
        with pytest.raises(InvalidAPIKey):
            await authenticator.authenticate(stranger(number))
    assert len(authenticator._unknown._entries) == 8
    await authenticator.authenticate(f"Bearer {SECRET}")
    assert store.asked == 101


async def test_secrets_are_not_kept() -> None:
    _, _, authenticator = await opened()
    await authenticator.authenticate(f"Bearer {SECRET}")
    assert SECRET not in repr(vars(authenticator)) + repr(authenticator._callers._entries)
