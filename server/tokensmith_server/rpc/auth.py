"""From the authorization metadata to the caller, with a short memory.

A key is remembered for less than five seconds, so that a revocation is effective within five in
every process. Only hashes are kept.
"""

import asyncio
from collections import OrderedDict
from typing import Generic, TypeVar

from tokensmith_server.billing.keys import hash_api_key, looks_like_api_key
from tokensmith_server.billing.store import AccountStore, Caller
from tokensmith_server.clock import Clock
from tokensmith_server.errors import InvalidAPIKey

T = TypeVar("T")

_REMEMBER_SECONDS = 4.0
_KEYS_REMEMBERED = 50_000
# Keys that are none are remembered apart, so that a flood of them drives no caller out.
_UNKNOWN_REMEMBERED = 10_000
_SCHEME = "bearer "


class Authenticator:
    """Finds out who calls. One instance serves the process."""

    def __init__(self, accounts: AccountStore, clock: Clock) -> None:
        self._accounts = accounts
        self._clock = clock
        self._callers = _Memory[Caller](_KEYS_REMEMBERED)
        self._unknown = _Memory[None](_UNKNOWN_REMEMBERED)
        self._asking: dict[bytes, asyncio.Task[Caller | None]] = {}

    async def authenticate(self, authorization: str | None) -> Caller:
        """The owner of the key in ``authorization`` ("Bearer pk_live_...").

        Raises:
            InvalidAPIKey: no key, a malformed one, or one that is unknown, revoked or expired.
            LedgerUnavailable: the database did not answer.
        """
        secret = _secret_of(authorization)
        if not looks_like_api_key(secret):
            raise InvalidAPIKey("The API key is malformed.")
        key_hash = hash_api_key(secret)
        now = self._clock.monotonic()
        known = self._callers.get(key_hash, now)
        if known is not None:
            return known[0]
        caller = None
        if self._unknown.get(key_hash, now) is None:
            caller = await self._ask(key_hash)
        if caller is None:
            raise InvalidAPIKey("The API key is unknown, revoked or expired.")
        return caller

    def remembers(self, authorization: str | None) -> bool:
        """Whether the key was found to be somebody's a moment ago; nobody is asked."""
        if not authorization:
            return False
        key_hash = hash_api_key(authorization[len(_SCHEME) :].strip())
        return self._callers.get(key_hash, self._clock.monotonic()) is not None

    async def _ask(self, key_hash: bytes) -> Caller | None:
        """Ask the store once, however many calls wait for the same key."""
        task = self._asking.get(key_hash)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._look_up(key_hash))
            self._asking[key_hash] = task
            task.add_done_callback(lambda _: self._asking.pop(key_hash, None))
        return await asyncio.shield(task)

    async def _look_up(self, key_hash: bytes) -> Caller | None:
        # The memory's time runs from before the question, so that it never outlives the answer.
        until = self._clock.monotonic() + _REMEMBER_SECONDS
        caller = await self._accounts.find_caller(key_hash, self._clock.now())
        if caller is None:
            self._unknown.put(key_hash, until, None)
        else:
            self._callers.put(key_hash, until, caller)
        return caller


class _Memory(Generic[T]):
    """A bounded dictionary whose entries run out; the oldest ones make room."""

    def __init__(self, entries_max: int) -> None:
        self._entries_max = entries_max
        self._entries: OrderedDict[bytes, tuple[T, float]] = OrderedDict()

    def get(self, key: bytes, now: float) -> tuple[T, float] | None:
        """The entry and when it runs out, unless it has."""
        entry = self._entries.get(key)
        return entry if entry is not None and entry[1] > now else None

    def put(self, key: bytes, until: float, value: T) -> None:
        """Remember ``value`` until then."""
        self._entries[key] = (value, until)
        self._entries.move_to_end(key)
        if len(self._entries) > self._entries_max:
            self._entries.popitem(last=False)


def _secret_of(authorization: str | None) -> str:
    if not authorization:
        raise InvalidAPIKey("No API key was sent: use `Authorization: Bearer pk_live_...`.")
    if authorization[: len(_SCHEME)].lower() != _SCHEME:
        raise InvalidAPIKey("The authorization must be `Bearer pk_live_...`.")
    return authorization[len(_SCHEME) :].strip()
